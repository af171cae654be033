/** Corrections of segments: what several people made of one. Pure. */

/** @import {Correction} from "./wire.js" */

/**
 * A segment as the model wrote it.
 *
 * @param {number} segment
 * @returns {Correction}
 */
export function untouched(segment) {
  return { segment, text: null, words: {}, joined: false, speaker: "" };
}

/**
 * @param {Correction} a
 * @param {Correction} b
 */
export function same(a, b) {
  const words = new Set([...Object.keys(a.words), ...Object.keys(b.words)]);
  return a.text === b.text && a.joined === b.joined && a.speaker === b.speaker && [...words].every((w) => a.words[w] === b.words[w]);
}

/** Two values that both are others than before. */
class Both {}
const BOTH = new Both();

/**
 * @template T
 * @param {T} before
 * @param {T} mine
 * @param {T} theirs
 * @returns {T | Both}
 */
function one(before, mine, theirs) {
  if (mine === theirs || theirs === before) return mine;
  return mine === before ? theirs : BOTH;
}

/**
 * What two people made of a segment, together; null where both changed the same.
 *
 * @param {Correction} before
 * @param {Correction} mine
 * @param {Correction} theirs
 * @returns {Correction | null}
 */
export function together(before, mine, theirs) {
  const [text, joined, speaker] = [
    one(before.text, mine.text, theirs.text),
    one(before.joined, mine.joined, theirs.joined),
    one(before.speaker, mine.speaker, theirs.speaker),
  ];
  if (text instanceof Both || joined instanceof Both || speaker instanceof Both) return null;
  /** @type {Record<string, string>} */
  const words = {};
  for (const place of new Set([before, mine, theirs].flatMap((each) => Object.keys(each.words)))) {
    const word = one(before.words[place], mine.words[place], theirs.words[place]);
    if (word instanceof Both) return null;
    if (word !== undefined) words[place] = word;
  }
  return text !== null && Object.keys(words).length ? null : { segment: before.segment, text, words, joined, speaker };
}

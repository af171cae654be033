/** Corrections of segments: what several people made of one, and how they lie on the model's text. Pure. */

import { corrected, placeOf, unitsOf } from "./transcript.js";

/** @import {Edits} from "./transcript.js" */
/** @import {Corrected, Correction, Segment} from "./wire.js" */

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

/**
 * Whether a segment's words are no longer the model's: it is shown as what it says now.
 *
 * @param {Segment} segment
 * @param {Correction} correction
 */
function rewritten(segment, { text, words }) {
  return (text !== null && (segment.words.length > 0 || text.includes("\n") || !text)) || Object.values(words).some((word) => word.includes("\n"));
}

/**
 * What a segment says, a line for each part.
 *
 * @param {Segment} segment
 * @param {Correction} correction
 */
export function said(segment, { text, words }) {
  if (text !== null) return text;
  const spoken = unitsOf(segment).map((unit, w) => (words[w] === undefined ? unit.text : spaced(unit.text, words[w])));
  return spoken.join("").trim();
}

/**
 * A word's text with the space that stood before the model's, line by line.
 *
 * @param {string} original
 * @param {string} text
 */
function spaced(original, text) {
  return text
    .split("\n")
    .map((line) => corrected(original, line))
    .join("\n");
}

/** @typedef {Segment & {of: number, rewritten: boolean}} Laid `of`: the model's segment that it is a part of */

/**
 * The model's segments as they are shown, and what is corrected in their words. A segment that was written anew has words of its own.
 *
 * @param {Segment[]} model
 * @param {(segment: number) => Correction} correctionOf
 * @param {Corrected["names"]} names
 * @returns {{segments: Laid[], edits: Edits}}
 */
export function laid(model, correctionOf, names) {
  /** @type {Laid[]} */
  const segments = [];
  /** @type {Edits} */
  const edits = new Map();
  model.forEach((segment, of) => {
    const correction = correctionOf(of);
    const speaker = correction.speaker || names[segment.channel] || segment.speaker;
    if (rewritten(segment, correction)) {
      const lines = said(segment, correction).split("\n").filter((line) => line.trim());
      segments.push(...spread(segment, lines).map((part) => ({ ...part, speaker, of, rewritten: true })));
      return;
    }
    const at = segments.push({ ...segment, speaker, of, rewritten: false }) - 1;
    if (correction.text !== null) edits.set(placeOf(at, 0), correction.text);
    for (const [w, text] of Object.entries(correction.words)) {
      const unit = segment.words[Number(w)];
      if (unit) edits.set(placeOf(at, Number(w)), corrected(unit.text, text));
    }
  });
  return { segments, edits };
}

/**
 * Lines in place of a segment, whose words share its time by their letters.
 *
 * @param {Segment} segment
 * @param {string[]} lines
 * @returns {Segment[]}
 */
function spread(segment, lines) {
  const texts = lines.map((line) => line.trim().split(/\s+/));
  const letters = texts.flat().join("").length || 1;
  let done = 0;
  const at = () => segment.start + ((segment.end - segment.start) * done) / letters;
  return texts.map((line) => {
    const words = line.map((text) => {
      const start = at();
      done += text.length;
      return { text: ` ${text}`, start, end: at() };
    });
    return { ...segment, text: line.join(" "), start: words[0].start, end: at(), words };
  });
}

/**
 * The corrections that edits of the words are, of the segments that have any or had some.
 *
 * @param {Laid[]} segments
 * @param {Edits} edits
 * @param {Map<number, Correction>} before what is corrected already
 * @returns {Correction[]}
 */
export function correctionsIn(segments, edits, before) {
  const touched = new Set([...edits.keys()].map((place) => segments[Number(place.split(":")[0])].of));
  const all = new Set([...touched, ...before.keys()]);
  /** @type {Map<number, {segment: Laid, at: number}[]>} */
  const parts = new Map();
  segments.forEach((segment, at) => {
    if (all.has(segment.of)) parts.set(segment.of, [...(parts.get(segment.of) ?? []), { segment, at }]);
  });
  return [...parts].map(([of, found]) => {
    const plain = before.get(of) ?? untouched(of);
    if (found[0].segment.rewritten) {
      if (!touched.has(of)) return plain;
      const lines = found.map(({ segment, at }) => unitsOf(segment).map((unit, w) => edits.get(placeOf(at, w)) ?? unit.text).join("").trim());
      return { ...plain, text: lines.filter(Boolean).join("\n"), words: {} };
    }
    const [{ segment, at }] = found;
    const texts = unitsOf(segment).flatMap((_, w) => {
      const text = edits.get(placeOf(at, w));
      return text === undefined ? [] : [/** @type {[number, string]} */ ([w, text.trim()])];
    });
    if (!segment.words.length) return { ...plain, text: texts.length ? texts[0][1] : null };
    return { ...plain, text: null, words: Object.fromEntries(texts) };
  });
}

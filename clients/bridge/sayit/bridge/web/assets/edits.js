/**
 * Corrections as single values, each by its key, so that every one can be set and taken back. They say the same as the service's
 * corrections of segments. Pure.
 */

import { same, untouched } from "./merging.js";
import { corrected, unitsOf } from "./transcript.js";

/** @import {Correction, Segment} from "./wire.js" */

/** @typedef {Map<string, string>} Edits */

/**
 * A word's text, by its segment and its place among the model's words.
 *
 * @param {number} of
 * @param {number} w
 */
export const wordKey = (of, w) => `${of}:${w}`;
/**
 * That a segment begins with a word.
 *
 * @param {number} of
 * @param {number} w
 */
export const breakKey = (of, w) => `${of}:${w}|`;
/** The whole text, in place of words; a line for each part. @param {number} of */
export const textKey = (of) => `${of}:*`;
/** That a segment continues the one before it in its channel. @param {number} of */
export const joinedKey = (of) => `${of}:joined`;
/** Who speaks, a line for each part. @param {number} of */
export const speakerKey = (of) => `${of}:speaker`;
/** What stands in a segment's place for a channel, whose speaker has a name. @param {number} channel */
export const channelAsSegment = (channel) => -1 - channel;

/**
 * What a segment says, a line for each part.
 *
 * @param {Segment} segment
 * @param {Correction} correction
 */
export function said(segment, { text, words }) {
  if (text !== null) return text;
  const spoken = unitsOf(segment).map((unit, w) => (words[w] === undefined ? unit.text : spaced(unit.text, words[w])));
  return lines(spoken.join("")).join("\n");
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

/** @param {string} text */
export function lines(text) {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
}

/**
 * @param {Correction} correction
 * @param {Segment | undefined} segment none for a channel's name
 * @returns {Edits}
 */
export function editsOf(correction, segment) {
  const { segment: of, text, words, joined, speaker } = correction;
  /** @type {Edits} */
  const edits = new Map();
  if (joined) edits.set(joinedKey(of), "1");
  if (speaker) edits.set(speakerKey(of), speaker);
  if (!segment) return edits;
  // Line breaks inside of words only programs make.
  if (text !== null || Object.values(words).some((word) => word.slice(1).includes("\n"))) return edits.set(textKey(of), said(segment, correction));
  for (const [w, word] of Object.entries(words)) {
    const unit = segment.words[Number(w)];
    if (!unit) continue;
    const plain = word.replace("\n", "");
    if (plain !== word) edits.set(breakKey(of, Number(w)), "1");
    if (plain !== unit.text.trim()) edits.set(wordKey(of, Number(w)), corrected(unit.text, plain));
  }
  return edits;
}

/**
 * @param {number} of
 * @param {Edits} edits of this segment, or of a channel
 * @param {Segment | undefined} segment
 * @returns {Correction}
 */
function correctionOf(of, edits, segment) {
  const plain = { ...untouched(of), joined: edits.has(joinedKey(of)), speaker: edits.get(speakerKey(of)) ?? "" };
  const whole = edits.get(textKey(of));
  if (whole !== undefined) return { ...plain, text: lines(whole).join("\n") };
  const words = (segment?.words ?? []).flatMap((unit, w) => {
    const [text, begins] = [edits.get(wordKey(of, w)), edits.has(breakKey(of, w))];
    if (text === undefined && !begins) return [];
    return [[w, `${begins ? "\n" : ""}${(text ?? unit.text).trim()}`]];
  });
  return { ...plain, words: Object.fromEntries(words) };
}

/**
 * The corrections that edits are, of the segments that have any or had some.
 *
 * @param {Edits} edits
 * @param {readonly Segment[]} model
 * @param {Map<number, Correction>} before what is corrected already
 * @returns {Correction[]}
 */
export function correctionsOf(edits, model, before) {
  /** @type {Map<number, Edits>} */
  const found = new Map([...before.keys()].map((of) => [of, new Map()]));
  for (const [key, text] of edits) {
    const of = Number(key.split(":")[0]);
    found.set(of, (found.get(of) ?? new Map()).set(key, text));
  }
  return [...found].map(([of, those]) => {
    const was = before.get(of) ?? untouched(of);
    const now = correctionOf(of, those, model[of]);
    // What a program wrote another way stays as it wrote it until it is changed here.
    return same(now, correctionOf(of, editsOf(was, model[of]), model[of])) ? was : now;
  });
}

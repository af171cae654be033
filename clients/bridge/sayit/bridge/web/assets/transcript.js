/** A transcript with corrections. Pure. */

/** @import {Segment, Transcript, Word} from "./wire.js" */

/** @typedef {Map<string, string>} Edits corrected texts by the word's place */

/**
 * A word's place: segment, then word.
 *
 * @param {number} segment
 * @param {number} word
 */
export function placeOf(segment, word) {
  return `${segment}:${word}`;
}

/**
 * What can be clicked and corrected in a segment: its words, or all of it where it has none.
 *
 * @param {Segment} segment
 * @returns {Word[]}
 */
export function unitsOf(segment) {
  return segment.words.length ? segment.words : [{ text: segment.text, start: segment.start, end: segment.end }];
}

/**
 * A correction with the space that stood before the word; an emptied word leaves none.
 *
 * @param {string} original
 * @param {string} typed
 */
export function corrected(original, typed) {
  const text = typed.replace(/\s+/g, " ").trim();
  return text ? (/^\s*/.exec(original)?.[0] ?? "") + text : "";
}

/**
 * The transcript as it was corrected; only touched segments change.
 *
 * @param {Transcript} transcript
 * @param {Edits} edits
 * @returns {Transcript}
 */
export function withEdits(transcript, edits) {
  if (!edits.size) return transcript;
  const segments = transcript.segments.map((segment, s) => {
    const units = unitsOf(segment);
    if (!units.some((_, w) => edits.has(placeOf(s, w)))) return segment;
    const changed = units.map((unit, w) => ({ ...unit, text: edits.get(placeOf(s, w)) ?? unit.text }));
    const text = changed
      .map((unit) => unit.text)
      .join("")
      .trim();
    return { ...segment, text, words: segment.words.length ? changed.filter((word) => word.text) : [] };
  });
  return { ...transcript, segments };
}

/** How long a word is still shown after its end, in seconds: a blink between two words would only disturb. */
const LINGER_S = 0.6;
/** Players stop a few milliseconds before the time they were sent to. */
const EARLY_S = 0.03;

/**
 * The word that is played at a time: the last one that has begun, if it has not ended long ago.
 *
 * @param {Word[]} words in order of time
 * @param {number} time seconds
 * @returns {number} its index, -1 for none
 */
export function wordAt(words, time) {
  let [low, high] = [0, words.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (words[middle].start <= time + EARLY_S) low = middle + 1;
    else high = middle;
  }
  return low && time < words[low - 1].end + LINGER_S ? low - 1 : -1;
}

/** A pause, a length in seconds: a new paragraph begins after the one, or where the other is passed. */
const PAUSE_S = 1.5;
const LONG_S = 40;

/**
 * Segments as they are read: together until the speaker changes, a pause comes, or it gets long.
 *
 * @template {Segment} S
 * @param {S[]} segments
 * @returns {S[][]}
 */
export function paragraphs(segments) {
  /** @type {S[][]} */
  const found = [];
  for (const segment of segments) {
    const last = found.at(-1);
    const before = last?.at(-1);
    const together =
      last &&
      before &&
      segment.speaker === before.speaker &&
      segment.start - before.end < PAUSE_S &&
      segment.end - last[0].start < LONG_S;
    if (together) last.push(segment);
    else found.push([segment]);
  }
  return found;
}

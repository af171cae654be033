/** Words of a transcript, and its paragraphs. Pure. */

/** @import {Segment, Word} from "./wire.js" */

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
 * Segments as they are read: together until the speaker changes, a pause comes, or it gets long, or a correction split them.
 *
 * @template {Pick<Segment, "start" | "end" | "speaker" | "channel"> & {part: number}} S
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
      segment.part === 0 &&
      segment.speaker === before.speaker &&
      segment.channel === before.channel &&
      segment.start - before.end < PAUSE_S &&
      segment.end - last[0].start < LONG_S;
    if (together) last.push(segment);
    else found.push([segment]);
  }
  return found;
}

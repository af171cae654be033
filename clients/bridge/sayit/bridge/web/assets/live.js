/** The text of a running job: what its events say, chunk by chunk. Pure; what it holds can be stored and taken up again. */

/** @import {Segment} from "./wire.js" */

/**
 * @typedef {{index: number, segments: Segment[], final: boolean}} Chunk
 * @typedef {{seq: number, chunks: Chunk[]}} Live
 */

/** @returns {Live} */
export function nothingYet() {
  return { seq: 0, chunks: [] };
}

/**
 * Puts a chunk's text in its place. A partial never replaces a final text: it may come late, from an attempt that was cancelled.
 *
 * @param {Live} live
 * @param {number} index the chunk's place
 * @param {Segment[]} segments
 * @param {boolean} final
 */
export function place(live, index, segments, final) {
  const old = live.chunks.find((chunk) => chunk.index === index);
  if (old?.final && !final) return live;
  const others = live.chunks.filter((chunk) => chunk !== old);
  return { ...live, chunks: [...others, { index, segments, final }].sort((a, b) => a.index - b.index) };
}

/**
 * Replaces the texts of some chunks by a correction.
 *
 * @param {Live} live
 * @param {number[]} indexes
 * @param {Segment[]} segments
 */
export function refine(live, indexes, segments) {
  const [first, ...rest] = [...indexes].sort((a, b) => a - b);
  let changed = place(live, first, segments, true);
  for (const index of rest) changed = place(changed, index, [], true);
  return changed;
}

/**
 * Drops partial texts when a connection ends: they are not durable.
 *
 * @param {Live} live
 */
export function durable(live) {
  return { ...live, chunks: live.chunks.filter((chunk) => chunk.final) };
}

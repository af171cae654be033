/**
 * Recordings that the service does not have yet, piece by piece as they come from the microphone, so that neither a reload nor
 * a crash loses more than the last second. A lock per recording says which tab it belongs to; it ends with the tab.
 */

import { everyOf, put, within } from "./store.js";

/** @import {Options} from "./wire.js" */

/**
 * @typedef {{id: string, startedAt: number, type: string, name: string, options: Options | null, job?: string}} Recorded `name`:
 * of the file; `options`: those it is to be transcribed with, null until it was finished; `job`: of a dictation
 */

/**
 * Stores a recording's head.
 *
 * @param {Recorded} recorded
 * @returns {Promise<boolean>} whether it is kept
 */
export function keepRecorded(recorded) {
  return put("recordings", recorded);
}

/**
 * @param {string} recording
 * @param {number} index
 * @param {Blob} blob about a second
 * @returns {Promise<boolean>} whether it is kept
 */
export function keepPiece(recording, index, blob) {
  return put("pieces", { recording, index, blob });
}

/** @param {string} id */
function piecesOf(id) {
  return IDBKeyRange.bound([id, 0], [id, Infinity]);
}

/**
 * @param {Recorded} recorded
 * @returns {Promise<File>} as far as it was stored; rejected where it cannot be read now, or less would be sent than was said
 */
export async function recordedFile({ id, name, type }) {
  const pieces = (await within("pieces", "readonly", (store) => store.getAll(piecesOf(id)))) ?? [];
  return new File(pieces.map(({ blob }) => blob), name, { type });
}

/**
 * How long a recording is, in seconds: a piece a second.
 *
 * @param {string} id
 * @returns {Promise<number | undefined>} undefined where it cannot be read now
 */
export function recordedSeconds(id) {
  return within("pieces", "readonly", (store) => store.count(piecesOf(id))).catch(() => undefined);
}

/**
 * Forgets a recording: the service has it, or its owner has deleted it.
 *
 * @param {string} id
 */
export async function forgetRecorded(id) {
  await within("pieces", "readwrite", (store) => store.delete(piecesOf(id))).catch(() => undefined);
  await within("recordings", "readwrite", (store) => store.delete(id)).catch(() => undefined);
  released.get(id)?.();
  released.delete(id);
}

/** @type {Map<string, () => void>} ends the locks of this tab */
const released = new Map();

/**
 * Makes a recording this tab's, as soon as no other tab has it.
 *
 * @param {string} id
 * @returns {Promise<void>} resolves when it is this tab's; never while another one has it
 */
export function claim(id) {
  if (!navigator.locks) return Promise.resolve(); // plain http, where browsers do not record either
  return new Promise((resolve) => {
    void navigator.locks.request(`sayit.recording.${id}`, () => {
      resolve();
      return new Promise((/** @type {(value?: unknown) => void} */ release) => released.set(id, release));
    });
  });
}

/**
 * Calls back for each stored recording once its tab is gone.
 *
 * @param {(recorded: Recorded) => void} found
 */
export async function orphans(found) {
  for (const { id } of await everyOf("recordings")) {
    void claim(id).then(async () => {
      const still = await within("recordings", "readonly", (store) => store.get(id)).catch(() => undefined);
      if (still) found(still);
      else released.get(id)?.();
    });
  }
}

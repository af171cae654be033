/**
 * What this browser keeps of a job: its audio (to play it), the text so far (to resume after a reload), corrections. In
 * IndexedDB; where that is missing (private windows, full disks) everything is kept as long as the page lives.
 */

/** @import {Live} from "./live.js" */

/**
 * @typedef {{id: string, blob: Blob, savedAt: number}} Audio
 * @typedef {"audio" | "peaks" | "live" | "edits"} Shelf
 */

/** The largest file that is kept, and how much audio in all. */
const LARGEST_BYTES = 200 * 2 ** 20;
const BUDGET_BYTES = 600 * 2 ** 20;

/** @type {Record<Shelf, Map<string, any>>} */
const memory = { audio: new Map(), peaks: new Map(), live: new Map(), edits: new Map() };

/** @type {Promise<IDBDatabase | null> | null} */
let opened = null;

function database() {
  opened ??= new Promise((resolve) => {
    try {
      const opening = indexedDB.open("sayit", 1);
      opening.onupgradeneeded = () => {
        for (const shelf of Object.keys(memory)) opening.result.createObjectStore(shelf, { keyPath: "id" });
      };
      opening.onsuccess = () => resolve(opening.result);
      opening.onerror = opening.onblocked = () => resolve(null);
    } catch {
      resolve(null);
    }
  });
  return opened;
}

/**
 * @template T
 * @param {Shelf} shelf
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest<T>} act
 * @returns {Promise<T | undefined>} undefined where nothing is kept
 */
async function within(shelf, mode, act) {
  const open = await database();
  if (!open) return undefined;
  return new Promise((resolve, reject) => {
    const transaction = open.transaction(shelf, mode);
    const asked = act(transaction.objectStore(shelf));
    transaction.oncomplete = () => resolve(asked.result);
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });
}

/**
 * @param {Shelf} shelf
 * @param {string} id
 */
async function read(shelf, id) {
  return memory[shelf].get(id) ?? (await within(shelf, "readonly", (store) => store.get(id)).catch(() => undefined));
}

/**
 * @param {Shelf} shelf
 * @param {{id: string}} value
 */
async function write(shelf, value) {
  await within(shelf, "readwrite", (store) => store.put(value)).catch(() => undefined);
}

/**
 * Keeps a job's audio; says whether it will still be there after a reload.
 *
 * @param {string} id
 * @param {Blob} blob
 * @returns {Promise<boolean>}
 */
export async function keepAudio(id, blob) {
  memory.audio.set(id, { id, blob, savedAt: Date.now() });
  if (blob.size > LARGEST_BYTES) return false;
  try {
    await makeRoom(blob.size);
    return (await within("audio", "readwrite", (store) => store.put({ id, blob, savedAt: Date.now() }))) !== undefined;
  } catch {
    return false;
  }
}

/** @param {number} bytes */
async function makeRoom(bytes) {
  const kept = /** @type {Audio[]} */ ((await within("audio", "readonly", (store) => store.getAll())) ?? []);
  let total = kept.reduce((sum, each) => sum + each.blob.size, bytes);
  for (const oldest of kept.sort((a, b) => a.savedAt - b.savedAt)) {
    if (total <= BUDGET_BYTES) return;
    total -= oldest.blob.size;
    await within("audio", "readwrite", (store) => store.delete(oldest.id));
  }
}

/**
 * @param {string} id
 * @returns {Promise<Blob | null>}
 */
export async function audioOf(id) {
  return (await read("audio", id))?.blob ?? null;
}

/**
 * @param {string} id
 * @returns {Promise<Float32Array | null>} the drawn waveform
 */
export async function peaksOf(id) {
  return (await read("peaks", id))?.peaks ?? null;
}

/**
 * @param {string} id
 * @param {Float32Array} peaks
 */
export async function keepPeaks(id, peaks) {
  await write("peaks", /** @type {any} */ ({ id, peaks }));
}

/**
 * @param {string} id
 * @returns {Promise<Live | null>}
 */
export async function liveOf(id) {
  return (await read("live", id))?.live ?? null;
}

/**
 * @param {string} id
 * @param {Live} live
 */
export async function keepLive(id, live) {
  await write("live", /** @type {any} */ ({ id, live }));
}

/**
 * @param {string} id
 * @returns {Promise<Map<string, string>>} corrected words by their place
 */
export async function editsOf(id) {
  return new Map((await read("edits", id))?.edits ?? []);
}

/**
 * @param {string} id
 * @param {Map<string, string>} edits
 */
export async function keepEdits(id, edits) {
  memory.edits.set(id, { id, edits: [...edits] });
  await write("edits", /** @type {any} */ ({ id, edits: [...edits] }));
}

/**
 * Forgets a job's text so far; its transcript is there.
 *
 * @param {string} id
 */
export async function dropLive(id) {
  await within("live", "readwrite", (store) => store.delete(id)).catch(() => undefined);
}

/** @param {string} id */
export async function forget(id) {
  for (const shelf of /** @type {Shelf[]} */ (Object.keys(memory))) {
    memory[shelf].delete(id);
    await within(shelf, "readwrite", (store) => store.delete(id)).catch(() => undefined);
  }
}

/**
 * Forgets what belongs to jobs that the service no longer has; what was put here since the page was opened stays.
 *
 * @param {Set<string>} existing ids of all jobs
 */
export async function forgetAllBut(existing) {
  for (const shelf of /** @type {Shelf[]} */ (Object.keys(memory))) {
    const ids = (await within(shelf, "readonly", (store) => store.getAllKeys()).catch(() => undefined)) ?? [];
    for (const id of ids) if (!existing.has(String(id)) && !memory.audio.has(String(id))) await forget(String(id));
  }
}

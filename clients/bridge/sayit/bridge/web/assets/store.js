/**
 * What this browser keeps of a job: its audio (to play it), the text so far (to resume after a reload), corrections that the
 * service does not have yet; and recordings that are not sent yet. In IndexedDB; where that is missing (private windows, full disks) everything is kept as
 * long as the page lives.
 */

/** @import {Live} from "./live.js" */
/** @import {Correction} from "./wire.js" */

/**
 * @typedef {{id: string, blob: Blob, savedAt: number}} Audio
 * @typedef {"audio" | "peaks" | "live" | "edits"} Shelf
 */

/** The largest file that is kept, and how much audio in all. */
const LARGEST_BYTES = 200 * 2 ** 20;
const BUDGET_BYTES = 600 * 2 ** 20;

/** @type {Record<Shelf, Map<string, any>>} */
const memory = { audio: new Map(), peaks: new Map(), live: new Map(), edits: new Map() };

/** @type {Record<Shelf | "recordings" | "pieces", string | string[]>} what a value is found by */
const KEYS = { audio: "id", peaks: "id", live: "id", edits: "id", recordings: "id", pieces: ["recording", "index"] };

/** @type {Promise<IDBDatabase | null> | null} */
let opened = null;

function database() {
  opened ??= new Promise((resolve) => {
    try {
      const opening = indexedDB.open("sayit", 2);
      opening.onupgradeneeded = () => {
        const missing = Object.entries(KEYS).filter(([name]) => !opening.result.objectStoreNames.contains(name));
        for (const [name, keyPath] of missing) opening.result.createObjectStore(name, { keyPath });
      };
      opening.onsuccess = () => {
        opening.result.onversionchange = () => opening.result.close(); // or a newer page would wait for this tab
        resolve(opening.result);
      };
      opening.onerror = opening.onblocked = () => resolve(null);
    } catch {
      resolve(null);
    }
  });
  return opened;
}

/**
 * @template T
 * @param {keyof typeof KEYS} shelf
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest<T>} act
 * @returns {Promise<T | undefined>} undefined where nothing is kept
 */
export async function within(shelf, mode, act) {
  const open = await database();
  if (!open) return undefined;
  return new Promise((resolve, reject) => {
    const transaction = open.transaction(shelf, mode);
    const asked = act(transaction.objectStore(shelf));
    if (mode === "readwrite") transaction.commit(); // or what was written last is lost where the page is left now
    transaction.oncomplete = () => resolve(asked.result);
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });
}

/**
 * @param {keyof typeof KEYS} shelf
 * @param {object} value
 * @returns {Promise<boolean>} whether it will still be there after a reload
 */
export async function put(shelf, value) {
  try {
    return (await within(shelf, "readwrite", (store) => store.put(value))) !== undefined;
  } catch {
    return false; // the disk is full
  }
}

/**
 * @param {keyof typeof KEYS} shelf
 * @param {IDBKeyRange} [range]
 * @returns {Promise<any[]>} in the order of their keys
 */
export async function everyOf(shelf, range) {
  return (await within(shelf, "readonly", (store) => store.getAll(range)).catch(() => undefined)) ?? [];
}

/**
 * @param {Shelf} shelf
 * @param {string} id
 */
async function read(shelf, id) {
  return memory[shelf].get(id) ?? (await within(shelf, "readonly", (store) => store.get(id)).catch(() => undefined));
}

/**
 * Keeps a job's audio; says whether it will still be there after a reload.
 *
 * @param {string} id
 * @param {Blob} blob
 * @param {string} who whose key the job is of
 * @returns {Promise<boolean>}
 */
export async function keepAudio(id, blob, who) {
  memory.audio.set(id, { id, blob, savedAt: Date.now() });
  if (blob.size > LARGEST_BYTES) return false;
  try {
    await makeRoom(blob.size);
    return await put("audio", { id, blob, who, savedAt: Date.now() });
  } catch {
    return false;
  }
}

/** @param {number} bytes */
async function makeRoom(bytes) {
  const kept = /** @type {Audio[]} */ (await everyOf("audio"));
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

/** @param {string} id */
export async function hasAudio(id) {
  return memory.audio.has(id) || Boolean(await within("audio", "readonly", (store) => store.count(id)).catch(() => 0));
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
 * @param {string} who whose key the job is of
 */
export async function keepPeaks(id, peaks, who) {
  await put("peaks", { id, peaks, who });
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
 * @param {string} who whose key the job is of
 */
export async function keepLive(id, live, who) {
  await put("live", { id, live, who });
}

/** @typedef {{mine?: Correction[], before?: Correction[], sent?: Correction[]}} Unsent `before`: what `mine` are changes of, or `sent` if that arrived */

/**
 * Corrections that the service does not have yet.
 *
 * @param {string} id
 * @param {string} who
 * @returns {Promise<Unsent & {edits?: Map<string, string>}>} `edits`: words by their place, as an earlier version of this page kept them
 */
export async function unsentOf(id, who) {
  const [kept, earlier] = await Promise.all([read("edits", `${id} ${who}`), read("edits", id)]);
  return { ...kept, ...(earlier && { edits: new Map(earlier.edits) }) };
}

/**
 * @param {string} id
 * @param {string} who whose key they were made with
 * @param {Unsent} unsent
 */
export async function keepEdits(id, who, unsent) {
  memory.edits.set(`${id} ${who}`, { id: `${id} ${who}`, ...unsent });
  await put("edits", { id: `${id} ${who}`, ...unsent });
}

/**
 * Forgets corrections that the service has.
 *
 * @param {string} id
 * @param {string} who
 */
export async function dropEdits(id, who) {
  for (const key of [`${id} ${who}`, id]) {
    memory.edits.delete(key);
    await within("edits", "readwrite", (store) => store.delete(key)).catch(() => undefined);
  }
}

/**
 * Forgets a job's text so far; its transcript is there.
 *
 * @param {string} id
 */
export async function dropLive(id) {
  await within("live", "readwrite", (store) => store.delete(id)).catch(() => undefined);
}

/** @param {string} id its corrections are dropped by whose they are */
export async function forget(id) {
  for (const shelf of /** @type {Shelf[]} */ (Object.keys(memory))) {
    memory[shelf].delete(id);
    await within(shelf, "readwrite", (store) => store.delete(id)).catch(() => undefined);
  }
}

/**
 * Forgets what belongs to jobs that the service no longer has; what was put here since the page was opened stays, and what is
 * another key's, or of an earlier version of this page, which did not say whose it is.
 *
 * @param {Set<string>} existing ids of all jobs
 * @param {string} who whose key they are of
 */
export async function forgetAllBut(existing, who) {
  for (const shelf of /** @type {Shelf[]} */ (["audio", "peaks", "live"])) {
    const gone = (await everyOf(shelf)).filter((kept) => kept.who === who && !existing.has(kept.id) && !memory.audio.has(kept.id));
    for (const { id } of gone) await forget(id);
  }
}

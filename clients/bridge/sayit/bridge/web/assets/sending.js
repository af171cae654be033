/**
 * Files on their way to the service: two at a time, each with its progress. Without a connection they wait for it, however long
 * that takes; what the service refuses is tried again a few times if it may pass.
 */

import { ApiError } from "./api.js";
import { pause } from "./events.js";
import { t } from "./i18n.js";
import { forgetRecorded } from "./recordings.js";
import { carry } from "./uploading.js";

/** @import {Parcel} from "./uploading.js" */
/** @import {Job, Options} from "./wire.js" */

/**
 * @typedef {Parcel & {
 *   alone: boolean, state: "waiting" | "uploading" | "resuming" | "refused", sent: number, error: string,
 *   passing: boolean, recording: string, request: XMLHttpRequest | null
 * }} Sending `passing`: whether what was refused may be accepted later; `recording`: its id, empty for a file that was chosen
 */

const AT_ONCE = 2;
/** Of what the service refuses for now. */
const TRIES = 5;
const LONGEST_PAUSE_MS = 30_000;

/** @type {Sending[]} in the order they were chosen */
let sendings = [];
/** @type {() => void} */
let changed = () => {};
/** @type {(job: Job, sending: Sending) => void} */
let accepted = () => {};

/**
 * Sets the listener that is called with progress, and with accepted jobs.
 *
 * @param {{changed: () => void, accepted: (job: Job, sending: Sending) => void}} listener
 */
export function listen(listener) {
  ({ changed, accepted } = listener);
}

/** @returns {readonly Sending[]} */
export function currentSendings() {
  return sendings;
}

/** Whether closing the page would lose something; a file that was refused is still where it came from. */
export function isUnsent() {
  return sendings.some(({ state, recording }) => state !== "refused" || recording !== "");
}

/**
 * @param {File[]} files
 * @param {Options} options
 * @param {string} [recording] the id of the recording that the file is; a repeated request makes no second job of it
 */
export function send(files, options, recording = "") {
  for (const file of files) {
    const empty = file.size === 0;
    sendings.push({
      key: recording || randomKey(),
      file,
      recording,
      passing: false,
      alone: files.length === 1 && !sendings.some(({ state }) => state !== "refused"),
      options,
      state: empty ? "refused" : "waiting",
      sent: 0,
      error: empty ? t("error.empty", { name: file.name }) : "",
      upload: "",
      request: null,
    });
  }
  advance();
}

/**
 * Takes a file from the list; a recording is forgotten with it.
 *
 * @param {Sending} sending
 */
export function stop(sending) {
  if (sending.recording) void forgetRecorded(sending.recording);
  sendings = sendings.filter((each) => each !== sending);
  sending.request?.abort();
  advance();
}

/** @param {Sending} sending */
export function tryAgain(sending) {
  Object.assign(sending, { state: "waiting", error: "", sent: 0 });
  advance();
}

/** Also the idempotency key; crypto.randomUUID exists only over https. */
export function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function advance() {
  changed();
  const active = sendings.filter(({ state }) => state === "uploading" || state === "resuming").length;
  const waiting = sendings.filter(({ state }) => state === "waiting").slice(0, Math.max(0, AT_ONCE - active));
  for (const sending of waiting) {
    sending.state = "uploading";
    void attend(sending);
  }
}

/** @param {Sending} sending */
async function attend(sending) {
  try {
    const job = await withRetries(sending);
    if (!sendings.includes(sending)) return;
    sendings = sendings.filter((each) => each !== sending);
    accepted(job, sending);
    if (sending.recording) void forgetRecorded(sending.recording);
  } catch (error) {
    if (!sendings.includes(sending)) return;
    const passing = !(error instanceof ApiError) || error.passing;
    Object.assign(sending, { state: "refused", error: error instanceof Error ? error.message : String(error), passing });
  }
  advance();
}

/**
 * @param {Sending} sending
 * @returns {Promise<Job>}
 */
async function withRetries(sending) {
  let [failures, refusals, furthest] = [0, 0, 0];
  const watcher = {
    begun: (/** @type {XMLHttpRequest} */ request) => {
      sending.request = request;
    },
    sent: (/** @type {number} */ bytes) => {
      Object.assign(sending, { sent: bytes, state: "uploading" });
      if (sending.upload && bytes > furthest) [failures, refusals, furthest] = [0, 0, bytes]; // what arrived in pieces stays
      changed();
    },
  };
  for (;;) {
    try {
      return await carry(sending, watcher);
    } catch (error) {
      if (!(error instanceof ApiError && error.passing) || !sendings.includes(sending)) throw error;
      failures += 1;
      if (error.status && ++refusals === TRIES) throw error;
      if (!error.status && !(await isReadable(sending.file))) throw new ApiError(t("error.unreadable"), 400);
      sending.state = "resuming";
      changed();
      const next = Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** (failures - 1));
      await pauseUntilOnline(Math.max(error.retryAfterS * 1000, next), error.status === 0);
      if (!sendings.includes(sending)) throw error;
      sending.state = "uploading";
      changed();
    }
  }
}

/**
 * Requests with a file that was changed or deleted meanwhile fail like those without a connection.
 *
 * @param {File} file
 */
function isReadable(file) {
  return file
    .slice(0, 1)
    .arrayBuffer()
    .then(
      () => true,
      () => false,
    );
}

/**
 * @param {number} ms
 * @param {boolean} network whether a connection ends the pause
 */
async function pauseUntilOnline(ms, network) {
  const over = new AbortController();
  if (network) window.addEventListener("online", () => over.abort(), { once: true, signal: over.signal });
  await pause(ms, over.signal);
  over.abort();
}

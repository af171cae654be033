/** Files on their way to the service: two at a time, each with its progress, tried again when the connection breaks. */

import { ApiError } from "./api.js";
import { pause } from "./events.js";
import { t } from "./i18n.js";
import { carry } from "./uploading.js";

/** @import {Parcel} from "./uploading.js" */
/** @import {Job, Options} from "./wire.js" */

/**
 * @typedef {Parcel & {
 *   alone: boolean, state: "waiting" | "uploading" | "resuming" | "refused", sent: number, error: string,
 *   request: XMLHttpRequest | null
 * }} Sending
 */

const AT_ONCE = 2;
const TRIES = 5;

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

/**
 * @param {File[]} files
 * @param {Options} options
 */
export function send(files, options) {
  for (const file of files) {
    const empty = file.size === 0;
    sendings.push({
      key: randomKey(),
      file,
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

/** @param {Sending} sending */
export function stop(sending) {
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
function randomKey() {
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
    const job = await withPatience(sending);
    if (!sendings.includes(sending)) return;
    sendings = sendings.filter((each) => each !== sending);
    accepted(job, sending);
  } catch (error) {
    if (!sendings.includes(sending)) return;
    Object.assign(sending, { state: "refused", error: error instanceof Error ? error.message : String(error) });
  }
  advance();
}

/**
 * @param {Sending} sending
 * @returns {Promise<Job>}
 */
async function withPatience(sending) {
  let [failures, furthest] = [0, 0];
  const watcher = {
    begun: (/** @type {XMLHttpRequest} */ request) => {
      sending.request = request;
    },
    sent: (/** @type {number} */ bytes) => {
      Object.assign(sending, { sent: bytes, state: "uploading" });
      if (sending.upload && bytes > furthest) [failures, furthest] = [0, bytes]; // what arrived in pieces stays
      changed();
    },
  };
  for (;;) {
    try {
      return await carry(sending, watcher);
    } catch (error) {
      failures += 1;
      const passing = error instanceof ApiError && error.passing;
      if (!passing || failures === TRIES || !sendings.includes(sending)) throw error;
      sending.state = "resuming";
      changed();
      await pause(Math.max(error.retryAfterS * 1000, 1000 * 2 ** (failures - 1)));
      if (!sendings.includes(sending)) throw error;
      sending.state = "uploading";
      changed();
    }
  }
}

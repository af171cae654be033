/** Files on their way to the service: two at a time, each with its progress, tried again when the connection breaks. */

import { ApiError, headers, obtainKey, problemFrom } from "./api.js";
import { pause } from "./events.js";
import { t } from "./i18n.js";
import { jobOf } from "./wire.js";

/** @import {Job} from "./wire.js" */

/**
 * @typedef {{language: string, model: string}} Options
 * @typedef {{
 *   key: string, file: File, alone: boolean, options: Options, state: "waiting" | "uploading" | "resuming" | "refused", sent: number,
 *   error: string, request: XMLHttpRequest | null
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
 * Says who is told of progress, and of jobs that were accepted.
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
    void carry(sending);
  }
}

/** @param {Sending} sending */
async function carry(sending) {
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
  for (let attempt = 1; ; attempt++) {
    try {
      return await post(sending);
    } catch (error) {
      const passing = error instanceof ApiError && error.passing;
      if (!passing || attempt === TRIES || !sendings.includes(sending)) throw error;
      Object.assign(sending, { state: "resuming", sent: 0 });
      changed();
      await pause(Math.max(error.retryAfterS * 1000, 1000 * 2 ** (attempt - 1)));
      sending.state = "uploading";
    }
  }
}

/**
 * One request with the whole file; the idempotency key makes a repeated one the same job.
 *
 * @param {Sending} sending
 * @returns {Promise<Job>}
 */
function post(sending) {
  const { file, options } = sending;
  const query = new URLSearchParams({ language: options.language, word_timestamps: "true", filename: file.name });
  if (options.model) query.set("model", options.model);
  const carried = headers();
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    sending.request = request;
    request.open("POST", `/v1/jobs?${query}`);
    for (const [name, value] of Object.entries(carried)) request.setRequestHeader(name, value);
    // Whatever the browser takes it for: the service looks at the content.
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("Idempotency-Key", sending.key);
    request.upload.onprogress = (event) => {
      sending.sent = event.loaded;
      changed();
    };
    request.onerror = request.onabort = request.ontimeout = () => reject(new ApiError(t("error.network"), 0));
    request.onload = () => {
      if (request.status < 300) resolve(jobOf(JSON.parse(request.responseText)));
      else if (request.status === 401) {
        const refused = (carried.Authorization ?? "").replace("Bearer ", "");
        obtainKey(refused).then(() => post(sending)).then(resolve, reject);
      } else reject(problemFrom(request.status, request.responseText, request.getResponseHeader("Retry-After")));
    };
    request.send(file);
  });
}

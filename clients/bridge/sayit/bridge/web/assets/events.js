/**
 * A job's events over server-sent events. EventSource cannot send a key, nor begin at a number after a reload, so the
 * stream is read with fetch: the format of https://html.spec.whatwg.org/multipage/server-sent-events.html.
 */

import { ApiError, request } from "./api.js";
import { setConnected } from "./connection.js";

/** @typedef {{id: string, event: string, data: string}} ServerEvent */

/** A stream without any byte, heartbeats included, for so long counts as broken. */
const SILENT_MS = 45_000;
/** Browsers allow six connections per host: a tab that is hidden for so long gives its own back until it is seen again. */
const HIDDEN_MS = 5_000;
const PAUSES_MS = [500, 1000, 2000, 4000, 8000];

/**
 * Splits a text stream into events; comments (heartbeats) are dropped.
 *
 * @param {(event: ServerEvent) => void} emit
 * @returns {(text: string) => void} takes pieces in order
 */
export function parser(emit) {
  let rest = "";
  let [id, event] = ["", ""];
  /** @type {string[]} */
  let data = [];
  /** @param {string} line */
  const take = (line) => {
    if (line === "") {
      if (data.length) emit({ id, event: event || "message", data: data.join("\n") });
      [event, data] = ["", []];
      return;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "id") id = value;
    else if (field === "event") event = value;
    else if (field === "data") data.push(value);
  };
  return (text) => {
    const lines = (rest + text).split(/\r\n|\n/);
    rest = lines.pop() ?? "";
    lines.forEach(take);
  };
}

/**
 * Follows a job until `take` says that it has ended; resumes after broken connections where it was.
 *
 * @param {string} id
 * @param {() => number} lastSeq the number of the last durable event that was taken
 * @param {(event: ServerEvent) => boolean} take returns whether this was the last event
 * @param {AbortSignal} signal ends it
 * @throws {ApiError} what the service refuses for good, such as a job that is not there
 */
export async function follow(id, lastSeq, take, signal) {
  let failures = 0;
  while (!signal.aborted) {
    if (document.hidden && !(await seen(signal))) return;
    try {
      const ended = await once(id, lastSeq(), signal, (event) => {
        failures = 0;
        return take(event);
      });
      if (ended) return;
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && !error.passing) throw error;
      if (document.hidden) continue;
      setConnected("events", false);
    }
    await pause(PAUSES_MS[Math.min(failures++, PAUSES_MS.length - 1)], signal);
  }
}

/**
 * Waits until the tab is seen; says whether it was.
 *
 * @param {AbortSignal} signal ends it
 * @returns {Promise<boolean>}
 */
function seen(signal) {
  return new Promise((resolve) => {
    const over = new AbortController();
    const end = (/** @type {boolean} */ visible) => {
      over.abort();
      resolve(visible);
    };
    signal.addEventListener("abort", () => end(false), { signal: over.signal });
    document.addEventListener("visibilitychange", () => document.hidden || end(true), { signal: over.signal });
  });
}

/**
 * One connection; says whether the last event came.
 *
 * @param {string} id
 * @param {number} afterSeq
 * @param {AbortSignal} signal
 * @param {(event: ServerEvent) => boolean} take
 */
async function once(id, afterSeq, signal, take) {
  const own = new AbortController();
  const abort = () => own.abort();
  signal.addEventListener("abort", abort);
  let hiding = 0;
  const visibility = () => {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(abort, HIDDEN_MS);
  };
  document.addEventListener("visibilitychange", visibility);
  let dead = setTimeout(abort, SILENT_MS);
  try {
    const response = await request(`/v1/jobs/${encodeURIComponent(id)}/events`, {
      headers: { Accept: "text/event-stream", ...(afterSeq ? { "Last-Event-ID": String(afterSeq) } : {}) },
      signal: own.signal,
      cache: "no-store",
    });
    setConnected("events", true);
    if (response.status === 204 || !response.body) return true; // nothing is left to come
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    let ended = false;
    const feed = parser((event) => {
      ended = take(event) || ended;
    });
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return ended;
      clearTimeout(dead);
      dead = setTimeout(abort, SILENT_MS);
      feed(decoder.decode(value, { stream: true }));
      if (ended) return true;
    }
  } finally {
    clearTimeout(dead);
    clearTimeout(hiding);
    document.removeEventListener("visibilitychange", visibility);
    signal.removeEventListener("abort", abort);
    own.abort();
  }
}

/**
 * @param {number} ms
 * @param {AbortSignal} [signal] ends it early
 * @returns {Promise<void>}
 */
export function pause(ms, signal) {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

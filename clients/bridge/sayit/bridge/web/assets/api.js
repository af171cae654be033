/** The service's REST surface: one function a call, and its errors as sentences. */

import { currentLanguage, t } from "./i18n.js";
import { correctedOf, correctionBody, jobOf, linksOf, modelsOf, sharedOf, transcriptOf, versionsOf } from "./wire.js";

/** @import {Corrected, Correction, Job, Transcript, Model} from "./wire.js" */

const KEY = "sayit.key";

/** Something the service refused, in words for people. */
export class ApiError extends Error {
  /**
   * @param {string} sentence
   * @param {number} status the HTTP status, 0 where there was no answer
   * @param {string} code the stable code, empty where there is none
   * @param {number} retryAfterS what Retry-After said, 0 if nothing
   */
  constructor(sentence, status, code = "", retryAfterS = 0) {
    super(sentence);
    this.status = status;
    this.code = code;
    this.retryAfterS = retryAfterS;
  }

  /** Whether the same request may work later. */
  get passing() {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** @type {(wrong: boolean) => Promise<string>} */
let askForKey = () => Promise.reject(new Error("no dialog asks for a key"));

/** @type {Promise<void> | null} */
let asking = null;

/**
 * Sets the function that asks for a key when the service requires one.
 *
 * @param {(wrong: boolean) => Promise<string>} ask resolves to the key
 */
export function setAskForKey(ask) {
  askForKey = ask;
}

/** The token of a share link, whose page this is; empty elsewhere. */
let link = "";

/** @param {string} token of a link, with which the service is asked from then on */
export function useLink(token) {
  link = token;
}

/** The key of this tab, empty if none is needed so far. */
function currentKey() {
  if (link) return link;
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return heldKey;
  }
}

let heldKey = "";

/** Who this tab acts for: a digest of its key (FNV-1a), empty without one. What is kept in the browser is kept for each apart. */
export function principal() {
  let digest = 2166136261;
  for (const sign of currentKey()) digest = Math.imul(digest ^ sign.charCodeAt(0), 16777619);
  return currentKey() && (digest >>> 0).toString(16);
}

/** @returns {Record<string, string>} what every request carries */
export function headers() {
  const key = currentKey();
  return { "Accept-Language": currentLanguage(), ...(key ? { Authorization: `Bearer ${key}` } : {}) };
}

/**
 * A WebSocket of the service, with the key of this tab.
 *
 * @param {string} path
 * @param {string} protocol
 * @returns {{socket: WebSocket, key: string}}
 */
export function openSocket(path, protocol) {
  const [url, key] = [new URL(path, location.href), currentKey()];
  url.protocol = url.protocol.replace("http", "ws");
  return { socket: new WebSocket(url, [protocol, ...(key ? [`openai-insecure-api-key.${key}`] : [])]), key };
}

/**
 * Asks for a key once, however many requests were refused.
 *
 * @param {string} refused the key that was not accepted, empty if there was none
 */
export function obtainKey(refused) {
  if (currentKey() !== refused) return Promise.resolve(); // another request brought a new one meanwhile
  asking ??= askForKey(refused !== "")
    .then((key) => {
      heldKey = key;
      try {
        sessionStorage.setItem(KEY, key);
      } catch {
        // Then the key is kept as long as the page.
      }
    })
    .finally(() => {
      asking = null;
    });
  return asking;
}

/** Forgets the key of this tab, so that the next request that needs one asks for another. */
export function forgetKey() {
  heldKey = "";
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // Then there was none but the one that is forgotten already.
  }
}

/**
 * A request that is repeated with a key when the service asks for one.
 *
 * @param {string} path
 * @param {RequestInit} [options]
 * @returns {Promise<Response>}
 * @throws {ApiError}
 */
export async function request(path, options = {}) {
  for (;;) {
    const key = currentKey();
    let response;
    try {
      response = await fetch(path, { ...options, headers: { ...headers(), .../** @type {any} */ (options.headers) } });
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw new ApiError(t("error.network"), 0);
    }
    if (response.ok) return response;
    if (response.status !== 401) throw await problemOf(response);
    await obtainKey(key);
  }
}

/** @param {Response} response */
async function problemOf(response) {
  return problemFrom(response.status, await response.text().catch(() => ""), response.headers.get("Retry-After"));
}

/**
 * The error of an answer: the detail of its problem+json, else a general sentence.
 *
 * @param {number} status
 * @param {string} body
 * @param {string | null} retryAfter
 */
export function problemFrom(status, body, retryAfter) {
  let problem;
  try {
    problem = JSON.parse(body);
  } catch {
    problem = null;
  }
  const sentence = typeof problem?.detail === "string" && problem.detail ? problem.detail : t("error.unknown", { status });
  return new ApiError(sentence, status, String(problem?.code ?? ""), Number(retryAfter) || 0);
}

/** @returns {Promise<Model[]>} */
export async function listModels() {
  return modelsOf(await (await request("/v1/models")).json());
}

/** @returns {Promise<string[]>} names of stored vocabularies */
export async function listVocabularies() {
  const { vocabularies } = await (await request("/v1/vocabularies")).json();
  return vocabularies.map((/** @type {{name: string}} */ { name }) => name);
}

/**
 * The largest file that the service takes.
 *
 * @returns {Promise<number>} bytes, 0 where it does not say
 */
export async function largestUpload() {
  return Number((await request("/v1/uploads", { method: "OPTIONS" })).headers.get("Tus-Max-Size")) || 0;
}

/**
 * A page of jobs, newest first.
 *
 * @param {string} [pageToken]
 * @param {number} [size]
 * @param {string} [text] words that their transcripts have
 * @returns {Promise<{jobs: Job[], nextPageToken: string}>}
 */
export async function listJobs(pageToken = "", size = 50, text = "") {
  const query = new URLSearchParams({ page_size: String(size), ...(pageToken ? { page_token: pageToken } : {}), ...(text && { text }) });
  const page = await (await request(`/v1/jobs?${query}`)).json();
  return { jobs: page.jobs.map(jobOf), nextPageToken: page.next_page_token ?? "" };
}

/**
 * @param {string} id
 * @returns {Promise<Job>}
 */
export async function getJob(id) {
  return jobOf(await (await request(`/v1/jobs/${encodeURIComponent(id)}`)).json());
}

/** @param {string} id */
export async function cancelJob(id) {
  return jobOf(await (await request(`/v1/jobs/${encodeURIComponent(id)}:cancel`, { method: "POST" })).json());
}

/** @param {string} id */
export async function deleteJob(id) {
  await request(`/v1/jobs/${encodeURIComponent(id)}`, { method: "DELETE" });
}

/**
 * Where a job's transcript and audio are: on a link's page only those that the link shows.
 *
 * @param {string} id
 */
function contents(id) {
  return link ? "/v1/shared" : `/v1/jobs/${encodeURIComponent(id)}`;
}

/**
 * A transcript as the service writes it.
 *
 * @param {string} id
 * @param {string} form
 */
export async function getFile(id, form) {
  const query = new URLSearchParams({ format: form });
  return (await request(`${contents(id)}/transcript?${query}`)).blob();
}

/**
 * What the service has of a recording as it was sent: where, how large, and of which type.
 *
 * @param {string} id
 * @param {AbortSignal} signal
 */
export async function findAudio(id, signal) {
  const path = `${contents(id)}/audio`;
  const told = (await request(path, { method: "HEAD", signal })).headers;
  return { path, bytes: Number(told.get("content-length")), type: told.get("content-type") ?? "" };
}

/**
 * A recording as it was sent.
 *
 * @param {string} id
 * @param {AbortSignal} signal
 */
export async function getAudio(id, signal) {
  const answer = await request(`${contents(id)}/audio`, { signal });
  const type = answer.headers.get("content-type") ?? "";
  // What a sound is encoded with, browsers find out; whether there may be pictures, the player has to know.
  return new Blob([await answer.arrayBuffer()], { type: type.startsWith("video/") ? type : "" });
}

/** What the link shows, besides the transcript. */
export async function getShared() {
  return sharedOf(await (await request("/v1/shared")).json());
}

/** The transcript that the link shows. */
export async function getSharedTranscript() {
  return transcriptOf(await (await request("/v1/shared/transcript?format=json")).json());
}

/** @param {string} id */
function linksPath(id) {
  return `/v1/jobs/${encodeURIComponent(id)}/links`;
}

/**
 * A job's links that have not ended.
 *
 * @param {string} id
 */
export async function listLinks(id) {
  return linksOf(await (await request(linksPath(id))).json());
}

/**
 * Makes a link that shows a job.
 *
 * @param {string} id
 * @param {number} seconds that it is valid
 * @returns {Promise<string>} its address, which cannot be asked for again
 */
export async function createLink(id, seconds) {
  const body = JSON.stringify({ valid_for_s: seconds });
  return (await (await request(linksPath(id), { method: "POST", body, headers: { "Content-Type": "application/json" } })).json()).path;
}

/**
 * @param {string} id the job's
 * @param {string} linkId
 */
export async function revokeLink(id, linkId) {
  await request(`${linksPath(id)}/${encodeURIComponent(linkId)}`, { method: "DELETE" });
}

/** Whether this tab's key may administrate. */
export async function mayAdministrate() {
  return Boolean((await (await request("/v1/admin")).json()).allowed);
}

/**
 * The model's own transcript.
 *
 * @param {string} id
 * @returns {Promise<Transcript>}
 */
export async function getTranscript(id) {
  return transcriptOf(await (await request(`/v1/jobs/${encodeURIComponent(id)}/transcript?format=json&version=0`)).json());
}

/**
 * What is corrected in a transcript.
 *
 * @param {string} id
 * @returns {Promise<Corrected>}
 */
export async function getCorrections(id) {
  return correctedOf(await (await request(`/v1/jobs/${encodeURIComponent(id)}/corrections`)).json());
}

/**
 * @param {string} path below the job's
 * @param {string} body
 * @param {boolean} [keepalive] whether it is sent although the page is left
 */
async function patch(path, body, keepalive = false) {
  const sent = { method: "PATCH", body, headers: { "Content-Type": "application/json" }, keepalive };
  return (await request(`/v1/jobs/${path}`, sent)).json();
}

/**
 * Corrects a transcript.
 *
 * @param {string} id
 * @param {number} version the one that was corrected
 * @param {Correction[]} segments
 * @returns {Promise<Corrected>} all that is corrected then
 */
export async function updateTranscript(id, version, segments) {
  const body = correctionBody(version, segments);
  return correctedOf(await patch(`${encodeURIComponent(id)}/transcript`, body, body.length < 60_000)); // browsers take no more then
}

/**
 * Makes the text of an earlier version the newest one.
 *
 * @param {string} id
 * @param {number} version the newest one
 * @param {number} earlier
 * @returns {Promise<Corrected>}
 */
export async function restoreVersion(id, version, earlier) {
  return correctedOf(await patch(`${encodeURIComponent(id)}/transcript`, JSON.stringify({ expected_version: version, restored_version: earlier })));
}

/**
 * The versions that corrections made.
 *
 * @param {string} id
 */
export async function listVersions(id) {
  return versionsOf(await (await request(`/v1/jobs/${encodeURIComponent(id)}/versions`)).json());
}

/**
 * Keeps a job until it is deleted, or not; gives it another name, other labels.
 *
 * @param {string} id
 * @param {{kept?: boolean, filename?: string, labels?: Record<string, string>}} change
 */
export async function updateJob(id, change) {
  return jobOf(await patch(encodeURIComponent(id), JSON.stringify(change)));
}

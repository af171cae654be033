/** What the operator's page asks the service; the only module here that knows its field names. */

import { request } from "../api.js";

/**
 * @typedef {{day: string, tenant: string, key: string, jobs: number, completed: number, cached: number, failed: number,
 *   cancelled: number, audio: number, median: number | null, p95: number | null}} UsageRow `audio` and times in seconds
 * @typedef {{rows: UsageRow[], errors: {code: string, jobs: number}[], kept: boolean}} Usage
 * @typedef {{state: string, chunks: number, audio: number}} Amount
 * @typedef {{model: string, amounts: Amount[], oldest: number}} ModelQueue
 * @typedef {{jobs: number, chunks: number, audio: number, oldest: number, models: ModelQueue[]}} Queue
 * @typedef {{id: string, model: string, slots: number, busy: number, speed: number}} Worker
 * @typedef {{state: "ok" | "degraded" | "down", details: string[], workers: Worker[], success: number | null,
 *   mean: number | null, version: string}} Status
 * @typedef {{id: string, tenant: string, key: string, name: string, model: string, state: string, ended: boolean, error: string,
 *   created: Date, length: number | null, fraction: number | null}} Job
 * @typedef {{name: string, tenant: string, used: number, most: number}} Limit
 * @typedef {{process: string, name: string, value: string, source: string}} Setting
 * @typedef {{id: string, tenant: string, job: string, url: string, state: string, attempts: number, answer: string, at: Date}} Message
 * @typedef {{tenant: string, job: string, reason: string, key: string, at: Date}} Hold `job` is empty for all of a tenant's
 * @typedef {{at: Date, tenant: string, key: string, action: string, subject: string, detail: string}} Entry
 */

const ENDED = ["completed", "failed", "cancelled"];

/** @param {string} path */
const read = async (path) => (await request(path)).json();
/** @param {string} path */
const act = async (path) => (await request(path, { method: "POST" })).json();

/**
 * Usage of the last days, told apart by these.
 *
 * @param {("day" | "tenant" | "key")[]} groups
 * @param {number} days
 * @returns {Promise<Usage>}
 */
export async function usageOf(groups, days) {
  const since = new Date();
  since.setHours(0, 0, 0, 0);
  since.setDate(since.getDate() - days + 1);
  const query = new URLSearchParams({ since: since.toISOString(), utc_offset_minutes: String(-since.getTimezoneOffset()) });
  for (const group of groups) query.append("by", group);
  const found = await read(`/v1/admin/usage?${query}`);
  const rows = found.rows.map((/** @type {any} */ { key_id, audio_s, median_s, p95_s, ...rest }) => ({
    ...rest,
    key: key_id,
    audio: audio_s,
    median: median_s,
    p95: p95_s,
  }));
  return { rows, errors: found.errors, kept: found.kept_days > 0 };
}

/** @returns {Promise<Queue>} */
export async function queueNow() {
  const found = await read("/v1/admin/queue");
  const models = found.models.map((/** @type {any} */ { model, oldest_s, uncut_s }) => {
    const amounts = ["running", "queued", "waiting"].map((state) => {
      const own = found.chunks.filter((/** @type {any} */ one) => one.model === model && one.state === state);
      return { state, chunks: total(own, "chunks"), audio: total(own, "audio_s") };
    });
    return { model, amounts: [...amounts, { state: "uncut", chunks: 0, audio: uncut_s }], oldest: oldest_s };
  });
  return {
    jobs: total(found.jobs, "jobs"),
    chunks: total(found.chunks, "chunks"),
    audio: total(found.chunks, "audio_s") + total(found.models, "uncut_s"),
    oldest: Math.max(0, ...found.models.map((/** @type {any} */ one) => one.oldest_s)),
    models,
  };
}

/**
 * @param {any[]} rows
 * @param {string} name
 */
function total(rows, name) {
  return rows.reduce((sum, row) => sum + row[name], 0);
}

/** @returns {Promise<Status>} */
export async function statusNow() {
  const found = await read("/v1/status");
  return {
    state: found.state,
    details: found.parts
      .filter((/** @type {any} */ part) => part.detail)
      .map((/** @type {any} */ part) => `${part.name}: ${part.detail}`),
    workers: found.transcribers,
    success: found.success_rate,
    mean: found.mean_time_s,
    version: found.version,
  };
}

/**
 * @param {any} value
 * @returns {Job}
 */
function jobOf({ tenant, key_id, job }) {
  return {
    id: job.id,
    tenant,
    key: key_id,
    name: job.filename,
    model: job.model,
    state: job.state,
    ended: ENDED.includes(job.state),
    error: job.error ? `${job.error.code}: ${job.error.message}` : "",
    created: new Date(job.created_at),
    length: job.progress.audio_total_s,
    fraction: job.progress.fraction,
  };
}

/**
 * A page of all tenants' jobs.
 *
 * @param {string[]} states all without any
 * @param {string} token of the page before
 * @returns {Promise<{jobs: Job[], more: string}>}
 */
export async function listJobs(states, token = "") {
  const query = new URLSearchParams({ page_size: "25", page_token: token });
  for (const state of states) query.append("state", state);
  const page = await read(`/v1/admin/jobs?${query}`);
  return { jobs: page.jobs.map(jobOf), more: page.next_page_token };
}

/** @param {string} id */
export const cancelJob = (id) => act(`/v1/admin/jobs/${encodeURIComponent(id)}:cancel`);
/** @param {string} id */
export const retryJob = (id) => act(`/v1/admin/jobs/${encodeURIComponent(id)}:retry`);
/** @param {string} id */
export const replayMessage = (id) => act(`/v1/admin/webhooks/${encodeURIComponent(id)}:replay`);

/** @returns {Promise<Limit[]>} */
export const listLimits = () => read("/v1/admin/limits");
/** @returns {Promise<Setting[]>} */
export const listSettings = () => read("/v1/admin/settings");

/** @returns {Promise<Message[]>} */
export async function listMessages() {
  return (await read("/v1/admin/webhooks")).map((/** @type {any} */ one) => ({
    ...one,
    job: one.job_id,
    answer: [one.status || "", one.detail].filter(Boolean).join(" "),
    at: new Date(one.created_at),
  }));
}

/** @returns {Promise<Hold[]>} */
export async function listHolds() {
  return (await read("/v1/admin/holds")).map((/** @type {any} */ one) => ({ ...one, job: one.job_id, key: one.key_id, at: new Date(one.created_at) }));
}

/** @param {Hold} hold */
export const releaseHold = ({ tenant, job }) => request(`/v1/admin/holds?${new URLSearchParams(job ? { job_id: job } : { tenant })}`, { method: "DELETE" });

/** @returns {Promise<Entry[]>} */
export async function listAudit() {
  return (await read("/v1/admin/audit?limit=100")).map((/** @type {any} */ one) => ({ ...one, key: one.key_id, at: new Date(one.at) }));
}

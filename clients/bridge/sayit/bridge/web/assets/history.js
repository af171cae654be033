/** The caller's jobs as the service lists them, polled while one of them runs. */

import { ApiError, cancelJob, deleteJob, listJobs, principal } from "./api.js";
import { setConnected } from "./connection.js";
import { pause } from "./events.js";
import { dropEdits, forget, forgetAllBut } from "./store.js";
import { isEnded } from "./wire.js";

/** @import {Job} from "./wire.js" */

const RUNNING_MS = 2000;
const IDLE_MS = 20_000;
const CUT_OFF_MS = 3000;

/** @type {Job[]} newest first */
let jobs = [];
/** @type {Set<string>} so that an answer that was on its way does not bring them back */
const removed = new Set();
let more = "";
let loaded = false;
/** @type {AbortController | null} ends the wait between two polls */
let waiting = null;
/** @type {Set<() => void>} */
const listeners = new Set();

/** @returns {{jobs: readonly Job[], more: boolean, loaded: boolean}} */
export function currentHistory() {
  return { jobs, more: more !== "", loaded };
}

/**
 * @param {() => void} listener
 * @returns {() => void} ends it
 */
export function onHistory(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function tell() {
  listeners.forEach((listener) => listener());
}

/**
 * Takes a job's newer state, or a new job.
 *
 * @param {Job} job
 */
export function note(job) {
  const known = jobs.some(({ id }) => id === job.id);
  jobs = known ? jobs.map((each) => (each.id === job.id ? job : each)) : [job, ...jobs];
  tell();
  pollNow();
}

/** Polls now. */
export function pollNow() {
  waiting?.abort();
}

/** Polls until the page is closed. */
export async function pollJobs() {
  document.addEventListener("visibilitychange", pollNow);
  for (;;) {
    // A poll that is wanted while one runs may find more than that one: it follows at once.
    waiting = new AbortController();
    const { signal } = waiting;
    let next = jobs.some(({ state }) => !isEnded(state)) ? RUNNING_MS : IDLE_MS;
    if (!document.hidden) {
      try {
        await poll();
        setConnected("list", true);
        next = jobs.some(({ state }) => !isEnded(state)) ? RUNNING_MS : IDLE_MS;
      } catch (error) {
        if (error instanceof ApiError && error.passing) setConnected("list", false);
        next = Math.max(CUT_OFF_MS, error instanceof ApiError ? error.retryAfterS * 1000 : 0);
      }
    }
    await pause(next, signal);
  }
}

async function poll() {
  const before = new Set(jobs.map(({ id }) => id));
  const page = await listJobs();
  const seen = new Set(page.jobs.map(({ id }) => id));
  const oldest = page.jobs.at(-1)?.created ?? new Date(0);
  // Older pages that were asked for stay; what is newer than this page's end and not on it is gone.
  const older = page.nextPageToken ? jobs.filter((job) => !seen.has(job.id) && job.created < oldest) : [];
  if (!older.length) more = page.nextPageToken;
  const meanwhile = jobs.filter(({ id }) => !before.has(id) && !seen.has(id));
  jobs = [...meanwhile, ...page.jobs, ...older].filter(({ id }) => !removed.has(id));
  if (!loaded && !page.nextPageToken) void forgetAllBut(seen, principal());
  loaded = true;
  tell();
}

/** @type {Promise<void> | null} */
let loading = null;

/** All pages. */
export function loadAll() {
  const rest = async () => {
    while (more || !loaded) {
      if (!loaded) await poll();
      else await showOlder(1000);
    }
  };
  loading ??= rest().finally(() => (loading = null));
  return loading;
}

/** One page more. */
export async function showOlder(size = 50) {
  const page = await listJobs(more, size);
  more = page.nextPageToken;
  const known = new Set(jobs.map(({ id }) => id));
  jobs = [...jobs, ...page.jobs.filter(({ id }) => !known.has(id))];
  tell();
}

/** @param {Job} job */
export async function cancel(job) {
  note(await cancelJob(job.id));
}

/** @param {Job} job */
export async function remove(job) {
  await deleteJob(job.id).catch((error) => {
    if (error.status !== 404) throw error;
  });
  removed.add(job.id);
  jobs = jobs.filter(({ id }) => id !== job.id);
  tell();
  await Promise.all([forget(job.id), dropEdits(job.id, principal())]);
}

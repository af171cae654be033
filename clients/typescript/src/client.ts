// The client: jobs, their events, their transcripts.

import { isLast, watch } from "./events.js";
import { LiveSession, type LiveOptions } from "./live.js";
import { ProblemError, problemOf } from "./problem.js";
import type { DocumentFormat, Format, Job, JobEvent, JobList, JobState, Options, Transcript, Writing } from "./types.js";
import { send, type UploadProgress } from "./uploading.js";

export interface ClientOptions {
  /** Where the bridge is, such as "http://127.0.0.1:3000"; a page of the bridge itself needs none. */
  baseUrl?: string;
  /** Sent as `Authorization: Bearer …`. */
  apiKey?: string;
  /** Language of error messages: "en" or "ko". */
  language?: string;
  /** Milliseconds without any progress after which a broken stream of events gives up. */
  patienceMs?: number;
}

export interface CreateOptions extends Options {
  filename?: string;
  /** Marks of your own, which `jobs` can ask for. */
  labels?: Record<string, string>;
  /** The same key never makes two jobs; a new one by default, so that trying again is safe with the same call only. */
  idempotencyKey?: string;
  onUploadProgress?: UploadProgress;
  signal?: AbortSignal;
}

export interface TranscribeOptions extends CreateOptions {
  onEvent?: (event: JobEvent) => void;
}

export class SayIt {
  readonly #base: string;
  readonly #headers: Record<string, string>;
  readonly #patienceMs: number;
  readonly #apiKey: string;

  constructor({ baseUrl = "", apiKey = "", language = "", patienceMs = 60_000 }: ClientOptions = {}) {
    this.#base = baseUrl.replace(/\/+$/, "");
    this.#headers = {
      ...(apiKey ? { Authorization: `Bearer ${apiKey}` } : {}),
      ...(language ? { "Accept-Language": language } : {}),
    };
    this.#patienceMs = patienceMs;
    this.#apiKey = apiKey;
  }

  /**
   * Sends audio, waits for its text and returns the transcript.
   *
   * @throws ProblemError also for a job that failed or was cancelled.
   */
  async transcribe(audio: Blob, { onEvent, ...options }: TranscribeOptions = {}): Promise<Transcript> {
    const job = await this.createJob(audio, options);
    for await (const event of this.events(job.id, options.signal ? { signal: options.signal } : {})) {
      onEvent?.(event);
      if (event.type === "failed") throw failure(event.error.code, event.error.message);
      if (isLast(event) && event.type === "state") throw failure("JOB_CANCELLED", "The job was cancelled.");
    }
    return this.transcript(job.id);
  }

  /** Sends audio and returns the job as soon as it is accepted; from then on nothing of it is lost. */
  async createJob(audio: Blob, options: CreateOptions = {}): Promise<Job> {
    const { filename, labels, idempotencyKey, onUploadProgress, signal, ...asked } = options;
    const name = filename ?? (typeof File !== "undefined" && audio instanceof File ? audio.name : "");
    const query = queryOf({ ...asked, label: labelsOf(labels), ...(name ? { filename: name } : {}) });
    const body = await send({
      url: `${this.#base}/v1/jobs${query}`,
      headers: {
        ...this.#headers,
        "Content-Type": audio.type || "application/octet-stream",
        "Idempotency-Key": idempotencyKey ?? crypto.randomUUID(),
      },
      audio,
      onProgress: onUploadProgress,
      signal,
    });
    return JSON.parse(body) as Job;
  }

  /** Text while it is spoken: a session, to which samples are sent while its events are iterated over. */
  streamRecognize(options: LiveOptions = {}): LiveSession {
    const base = this.#base || location.origin;
    const url = `${base.replace(/^http/, "ws")}/v1/realtime`;
    return new LiveSession({ url, apiKey: this.#apiKey, patienceMs: this.#patienceMs }, options);
  }

  /** A job as it is now. */
  async job(id: string): Promise<Job> {
    return (await this.#json("GET", `/v1/jobs/${encodeURIComponent(id)}`)) as Job;
  }

  /** A page of jobs, newest first. */
  async jobs(
    page: { pageSize?: number; pageToken?: string; states?: JobState[]; labels?: Record<string, string> } = {},
  ): Promise<JobList> {
    const { pageSize, pageToken, states, labels } = page;
    const query = queryOf({ page_size: pageSize, page_token: pageToken, state: states, label: labelsOf(labels) });
    return (await this.#json("GET", `/v1/jobs${query}`)) as JobList;
  }

  /** A job's events after `afterSeq` until its last one, across broken connections. */
  events(id: string, { afterSeq = 0, signal }: { afterSeq?: number; signal?: AbortSignal } = {}): AsyncGenerator<JobEvent> {
    const url = `${this.#base}/v1/jobs/${encodeURIComponent(id)}/events`;
    return watch({ url, headers: this.#headers, afterSeq, signal, patienceMs: this.#patienceMs });
  }

  /** A finished job's transcript; raw, as the model wrote it, whatever its options ask for. */
  async transcript(id: string, { raw = false }: { raw?: boolean } = {}): Promise<Transcript> {
    return JSON.parse(await this.rendered(id, "json", { raw })) as Transcript;
  }

  /** A finished job's transcript as text, subtitles, JSON or a table. */
  async rendered(id: string, format: Format, how: Writing = {}): Promise<string> {
    return this.#text("GET", `/v1/jobs/${encodeURIComponent(id)}/transcript${queryOf({ format, ...how })}`);
  }

  /** A finished job's transcript as a document. */
  async document(id: string, format: DocumentFormat, how: Writing = {}): Promise<Blob> {
    const answer = await this.#answer("GET", `/v1/jobs/${encodeURIComponent(id)}/transcript${queryOf({ format, ...how })}`);
    return answer.blob();
  }

  /** Cancels a job; an ended one is returned as it is. */
  async cancel(id: string): Promise<Job> {
    return (await this.#json("POST", `/v1/jobs/${encodeURIComponent(id)}:cancel`)) as Job;
  }

  /** Deletes a job with its audio and text. */
  async delete(id: string): Promise<void> {
    await this.#text("DELETE", `/v1/jobs/${encodeURIComponent(id)}`);
  }

  async #json(method: string, path: string): Promise<unknown> {
    return JSON.parse(await this.#text(method, path));
  }

  async #text(method: string, path: string): Promise<string> {
    return (await this.#answer(method, path)).text();
  }

  async #answer(method: string, path: string): Promise<Response> {
    const answer = await fetch(this.#base + path, { method, headers: this.#headers });
    if (!answer.ok) throw problemOf(answer.status, await answer.text());
    return answer;
  }
}

function labelsOf(labels: Record<string, string> = {}): string[] {
  return Object.entries(labels).map(([name, value]) => `${name}=${value}`);
}

function queryOf(values: Record<string, unknown>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== undefined && each !== null) query.append(name, String(each));
    }
  }
  return query.size > 0 ? `?${query}` : "";
}

function failure(code: string, detail: string): ProblemError {
  return new ProblemError({ status: 409, detail, code });
}

// Server-sent events over fetch, because EventSource cannot send an API key, resumed after the last number seen.

import { ProblemError, problemOf } from "./problem.js";
import type { JobEvent } from "./types.js";

export interface Watching {
  url: string;
  headers: Record<string, string>;
  /** Number of the last durable event seen; 0 for all. */
  afterSeq: number;
  signal?: AbortSignal | undefined;
  /** Milliseconds without any progress after which a broken stream gives up. */
  patienceMs: number;
}

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;

/**
 * A job's events until its last one, across broken connections: no durable event twice, none missed.
 *
 * @throws ProblemError what the service says about the job; TypeError when no answer came for `patienceMs`.
 */
export async function* watch(watching: Watching): AsyncGenerator<JobEvent, void, undefined> {
  let seq = watching.afterSeq;
  let pauseMs = FIRST_PAUSE_MS;
  let heardAt = Date.now();
  for (;;) {
    let broken: unknown = new TypeError("The stream ended before the job.");
    try {
      for await (const event of once(watching, seq)) {
        heardAt = Date.now();
        pauseMs = FIRST_PAUSE_MS;
        if (event === null) return;
        if (event.seq !== null && event.seq <= seq) continue;
        seq = event.seq ?? seq;
        yield event;
        if (isLast(event)) return;
      }
    } catch (error) {
      if (watching.signal?.aborted || (error instanceof ProblemError && !error.retryable)) throw error;
      broken = error;
    }
    if (Date.now() - heardAt > watching.patienceMs) throw broken;
    await pause(pauseMs, watching.signal);
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }
}

/** Whether no event follows this one. */
export function isLast(event: JobEvent): boolean {
  return event.type === "completed" || event.type === "failed" || (event.type === "state" && event.state === "cancelled");
}

/** The events of one connection; null says that there is nothing left to come. */
async function* once({ url, headers, signal }: Watching, seq: number): AsyncGenerator<JobEvent | null, void, undefined> {
  const resuming: Record<string, string> = seq > 0 ? { "Last-Event-ID": String(seq) } : {};
  const answer = await fetch(url, {
    headers: { ...headers, ...resuming, Accept: "text/event-stream" },
    signal: signal ?? null,
  });
  if (answer.status === 204) {
    yield null;
    return;
  }
  if (!answer.ok || answer.body === null) throw problemOf(answer.status, await answer.text());
  for await (const data of dataOf(answer.body)) yield JSON.parse(data) as JobEvent;
}

/** The data of every event; comments and other fields are left out. */
export async function* dataOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const reader = body.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>).getReader();
  let rest = "";
  let data: string[] = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop() ?? "";
      for (const written of lines) {
        const line = written.endsWith("\r") ? written.slice(0, -1) : written;
        if (line.startsWith("data:")) data.push(line.slice(line.startsWith("data: ") ? 6 : 5));
        if (line === "" && data.length > 0) {
          yield data.join("\n");
          data = [];
        }
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", abort, { once: true });
  });
}

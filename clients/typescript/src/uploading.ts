// Sending audio with progress: XMLHttpRequest where there is one, because fetch tells browsers nothing about uploads.

import { problemOf } from "./problem.js";

/** Bytes sent so far, and all. */
export type UploadProgress = (sent: number, total: number) => void;

const PIECE_BYTES = 64 * 1024;

export interface Sending {
  url: string;
  headers: Record<string, string>;
  audio: Blob;
  onProgress?: UploadProgress | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Sends audio as the body of a POST and returns the answer's text.
 *
 * @throws ProblemError what the service says; TypeError where the connection breaks.
 */
export function send(sending: Sending): Promise<string> {
  return typeof XMLHttpRequest === "undefined" ? sendByFetch(sending) : sendByRequest(sending);
}

function sendByRequest({ url, headers, audio, onProgress, signal }: Sending): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = (): void => request.abort();
    request.open("POST", url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => onProgress?.(event.loaded, audio.size);
    request.onload = () => {
      const good = request.status >= 200 && request.status < 300;
      if (good) resolve(request.responseText);
      else reject(problemOf(request.status, request.responseText));
    };
    request.onerror = () => reject(new TypeError("The connection broke."));
    request.onabort = () => reject(signal?.reason ?? new DOMException("Aborted", "AbortError"));
    request.onloadend = () => signal?.removeEventListener("abort", abort);
    signal?.throwIfAborted();
    signal?.addEventListener("abort", abort);
    request.send(audio);
  });
}

/** Where there is no XMLHttpRequest (Node, workers of servers), fetch takes a stream and pulls its pieces. */
async function sendByFetch({ url, headers, audio, onProgress, signal }: Sending): Promise<string> {
  let sent = 0;
  const pieces = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        onProgress?.(sent, audio.size);
        if (sent >= audio.size) return controller.close();
        const piece = new Uint8Array(await audio.slice(sent, sent + PIECE_BYTES).arrayBuffer());
        sent += piece.byteLength;
        controller.enqueue(piece);
      },
    },
    { highWaterMark: 0 },
  );
  const options: RequestInit & { duplex: "half" } = {
    method: "POST",
    headers,
    body: pieces,
    duplex: "half",
    signal: signal ?? null,
  };
  const answer = await fetch(url, options);
  const body = await answer.text();
  if (!answer.ok) throw problemOf(answer.status, body);
  return body;
}

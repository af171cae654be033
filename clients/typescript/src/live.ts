// Live speech over the bridge's `/v1/realtime`, OpenAI's Realtime API: audio is kept until it is stored, and a session
// whose connection broke goes on without a loss.

import { ProblemError } from "./problem.js";
import type { Options } from "./types.js";

export interface LiveOptions extends Options {
  /** Samples per second of the audio, 8000 to 48000. */
  sampleRate?: number;
  /** Silence that ends an utterance, 200 to 5000 ms. */
  silenceMs?: number;
  /** Name of the job. */
  filename?: string;
  /** Whether all of it is decoded again at the end, as a recording is: its transcript has fewer errors then. */
  refine?: boolean;
}

export type LiveEvent =
  /** The session lives; its job can be watched from anywhere. */
  | { type: "started"; jobId: string }
  | { type: "speech"; begins: boolean; atMs: number }
  /** Text of an utterance so far: it only grows. The final one may differ where the hallucination filter took something. */
  | { type: "text"; item: string; text: string; final: boolean }
  /** Last: all text was given. */
  | { type: "finished"; jobId: string };

export interface Connecting {
  url: string;
  apiKey: string;
  /** Milliseconds without any progress after which a broken session gives up. */
  patienceMs: number;
}

const SAMPLE_BYTES = 2;
const MESSAGE_BYTES = 24 * 1024;
/** Most audio that is kept while it is not stored. */
const KEPT_SECONDS = 120;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
/** Codes with which a connection is closed that may be opened again later; 1008 is a refusal. */
const REFUSED = 1008;

/** A session: audio is sent, events are iterated over. */
export class LiveSession implements AsyncIterable<LiveEvent> {
  readonly #connecting: Connecting;
  readonly #options: LiveOptions;
  readonly #rate: number;
  #socket: WebSocket | undefined;
  /** Audio from byte `#start` of the session on, which is not stored yet, and how far it is sent. */
  #kept = new Uint8Array(0);
  #start = 0;
  #sent = -1;
  #finishing = false;
  #jobId = "";
  #nextUtterance = 0;
  /** Texts that are not final, by item. */
  #texts = new Map<string, string>();
  /** Items of this connection by what they are called here: an unfinished one goes on under its name. */
  #items = new Map<string, string>();
  #unfinished: string[] = [];
  #events: LiveEvent[] = [];
  #over = false;
  #error: Error | undefined;
  #wake: () => void = () => undefined;
  #heardAt = Date.now();
  #pauseMs = FIRST_PAUSE_MS;

  constructor(connecting: Connecting, options: LiveOptions) {
    this.#connecting = connecting;
    this.#options = options;
    this.#rate = options.sampleRate ?? 16_000;
    this.#connect();
  }

  /** Sends samples: mono, 16-bit; an `Int16Array`, or their bytes. Nothing is sent once the session is over. */
  send(samples: Int16Array | Uint8Array): void {
    if (this.#over || this.#finishing) return;
    const bytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
    if (this.#kept.length + bytes.length > KEPT_SECONDS * this.#rate * SAMPLE_BYTES) {
      this.#end(new TypeError("The service has taken no audio for two minutes."));
      return;
    }
    const kept = new Uint8Array(this.#kept.length + bytes.length);
    kept.set(this.#kept);
    kept.set(bytes, this.#kept.length);
    this.#kept = kept;
    this.#flush();
  }

  /** Says that this was all: the last text follows, then "finished". */
  finish(): void {
    this.#finishing = true;
    this.#flush();
  }

  /** Leaves the session; the service finishes its job with what it has. */
  close(): void {
    this.#end();
  }

  /** @throws ProblemError what the service says; TypeError when there was no connection for `patienceMs`. */
  async *[Symbol.asyncIterator](): AsyncGenerator<LiveEvent, void, undefined> {
    try {
      for (;;) {
        const event = this.#events.shift();
        if (event) yield event;
        else if (this.#error) throw this.#error;
        else if (this.#over) return;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.close();
    }
  }

  #connect(): void {
    const { url, apiKey } = this.#connecting;
    const query = new URLSearchParams({ intent: "transcription" });
    if (this.#jobId) {
      query.set("resume", this.#jobId);
      query.set("next_utterance", String(this.#nextUtterance));
    }
    const protocols = ["realtime", ...(apiKey ? [`openai-insecure-api-key.${apiKey}`] : [])];
    const socket = new WebSocket(`${url}?${query}`, protocols);
    this.#socket = socket;
    this.#sent = -1;
    this.#unfinished.push(...this.#texts.keys());
    this.#texts.clear();
    this.#items.clear();
    socket.onmessage = ({ data }) => this.#take(JSON.parse(String(data)) as Message);
    const closed = (code: number, reason: string): void => {
      if (this.#socket === socket) this.#closed(code, reason);
    };
    socket.onclose = ({ code, reason }) => closed(code, reason);
    socket.onerror = () => closed(1006, ""); // Node 20 says no more of a connection that was refused
  }

  #take(message: Message): void {
    switch (message.type) {
      case "session.created":
        return this.#say({ type: "session.update", session: this.#session() });
      case "session.updated":
        // The session begins, or goes on, with the first audio; how much is stored is said then.
        return this.#say({ type: "input_audio_buffer.append", audio: "" });
      case "sayit.progress":
        return this.#stored(message);
      case "input_audio_buffer.speech_started":
        return this.#tell({ type: "speech", begins: true, atMs: message.audio_start_ms });
      case "input_audio_buffer.speech_stopped":
        return this.#tell({ type: "speech", begins: false, atMs: message.audio_end_ms });
      case "conversation.item.input_audio_transcription.delta": {
        const item = this.#item(message.item_id);
        const text = (this.#texts.get(item) ?? "") + message.delta;
        this.#texts.set(item, text);
        return this.#tell({ type: "text", item, text, final: false });
      }
      case "conversation.item.input_audio_transcription.completed": {
        const item = this.#item(message.item_id);
        this.#texts.delete(item);
        this.#items.delete(message.item_id);
        this.#nextUtterance = message.next_utterance ?? this.#nextUtterance;
        return this.#tell({ type: "text", item, text: message.transcript, final: true });
      }
      case "sayit.finished":
        this.#tell({ type: "finished", jobId: message.job_id });
        return this.#end();
      case "error": {
        const { message: detail, code, type } = message.error;
        if (type === "server_error" || type === "rate_limit_error") return; // the connection ends, and is opened again
        return this.#end(new ProblemError({ status: 400, code: code ?? "INTERNAL", detail }));
      }
    }
  }

  #item(id: string): string {
    const item = this.#items.get(id) ?? this.#unfinished.shift() ?? id;
    this.#items.set(id, item);
    return item;
  }

  #session(): object {
    const { sampleRate: _rate, silenceMs, filename, refine, ...transcription } = this.#options;
    const turns = { type: "server_vad", ...(silenceMs === undefined ? {} : { silence_duration_ms: silenceMs }) };
    const format = { type: "audio/pcm", rate: this.#rate };
    return {
      type: "transcription",
      audio: { input: { format, transcription, turn_detection: turns } },
      include: ["sayit.progress"],
      ...(filename ? { filename } : {}),
      ...(refine ? { refine } : {}),
    };
  }

  #stored({ job_id, received_samples }: { job_id: string; received_samples: number }): void {
    const stored = Math.min(received_samples * SAMPLE_BYTES, this.#start + this.#kept.length);
    this.#kept = this.#kept.slice(Math.max(0, stored - this.#start));
    this.#start = Math.max(this.#start, stored);
    if (!this.#jobId) {
      this.#jobId = job_id;
      this.#tell({ type: "started", jobId: job_id });
    }
    if (this.#sent < 0) {
      this.#sent = this.#start;
      this.#flush();
    } else {
      this.#heardAt = Date.now();
      this.#pauseMs = FIRST_PAUSE_MS;
    }
  }

  #flush(): void {
    if (this.#sent < 0 || this.#socket?.readyState !== WebSocket.OPEN) return;
    while (this.#sent < this.#start + this.#kept.length) {
      const piece = this.#kept.subarray(this.#sent - this.#start).subarray(0, MESSAGE_BYTES);
      this.#say({ type: "input_audio_buffer.append", audio: btoa(String.fromCharCode(...piece)) });
      this.#sent += piece.length;
    }
    if (this.#finishing) {
      this.#say({ type: "sayit.finish" });
      this.#sent = Infinity;
    }
  }

  #closed(code: number, reason: string): void {
    this.#socket = undefined;
    if (this.#over) return;
    if (code === REFUSED) return this.#end(new ProblemError({ status: 400, code: reason || "INTERNAL", detail: reason }));
    if (Date.now() - this.#heardAt > this.#connecting.patienceMs) {
      return this.#end(new TypeError(`The connection broke: ${reason || code}`));
    }
    setTimeout(() => this.#over || this.#connect(), this.#pauseMs * (0.5 + Math.random() / 2));
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
  }

  #say(message: object): void {
    this.#socket?.send(JSON.stringify(message));
  }

  #tell(event: LiveEvent): void {
    this.#events.push(event);
    this.#wake();
  }

  #end(error?: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#error = error;
    this.#socket?.close();
    this.#wake();
  }
}

type Message =
  | { type: "session.created" | "session.updated" }
  | { type: "sayit.progress"; job_id: string; received_samples: number }
  | { type: "sayit.finished"; job_id: string }
  | { type: "input_audio_buffer.speech_started"; audio_start_ms: number }
  | { type: "input_audio_buffer.speech_stopped"; audio_end_ms: number }
  | { type: "conversation.item.input_audio_transcription.delta"; item_id: string; delta: string }
  | {
      type: "conversation.item.input_audio_transcription.completed";
      item_id: string;
      transcript: string;
      /** Of the session: the first utterance behind this item. */
      next_utterance?: number;
    }
  | { type: "error"; error: { message: string; code: string | null; type: string } };

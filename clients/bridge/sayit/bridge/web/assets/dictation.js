/**
 * What is said goes to the service while it is said: a session of OpenAI's Realtime API, whose job shows the text. A connection that
 * breaks is opened again and goes on with what the service has not stored; what cannot go on says so.
 */

import { getJob, obtainKey, openSocket } from "./api.js";
import { pause } from "./events.js";
import { t } from "./i18n.js";
import { requested } from "./wire.js";

/** @import {Options} from "./wire.js" */

/** The largest rate that is sent; speech needs no more. */
const RATE = 24_000;
const BLOCK_S = 0.1;
/** A pause that ends an utterance. */
const SILENCE_MS = 800;
/** Audio that is kept for a service that is away. */
const KEPT_S = 110;
/** In a pause the service is told that the session goes on. */
const STILL_THERE_MS = 60_000;
const LONGEST_PAUSE_MS = 5000;
/** Seconds of a recording, one after the other, of which nothing came here. */
const UNHEARD_S = 4;
/** How long the last text is waited for while nothing comes; the service says each second that it works on it. */
const SILENT_MS = 60_000;

/** The session's end, in words for people. */
class DictationError extends Error {
  /**
   * @param {string} sentence
   * @param {string} code the service's
   */
  constructor(sentence, code) {
    super(sentence);
    this.code = code;
  }
}

/** One dictation. */
export class Dictation {
  /** The session's job, empty before there is one. */
  job = "";
  /** @type {"connecting" | "live" | "waiting" | "failed"} `waiting`: for a connection */
  state = "connecting";
  /** @type {DictationError | null} why it failed */
  error = null;
  paused = false;
  /** @type {{at: number, samples: Int16Array}[]} what the service has not stored; `at`: of the first sample */
  #kept = [];
  #samples = 0;
  /** Seconds that were recorded since samples came. */
  #unheard = 0;
  /** The next sample to send on this connection; -1 before the service has said where to begin. */
  #next = -1;
  /** @type {WebSocket | null} */
  #socket = null;
  #ending = false;
  #heardAt = 0;
  #over = new AbortController();

  /**
   * @param {AudioContext} context
   * @param {AudioNode} source the microphone
   * @param {{options: Options, name: string}} asked how to transcribe, and what the job is called
   * @param {{changed: () => void, began: (job: string) => void}} listener
   */
  static async begin(context, source, asked, listener) {
    await context.audioWorklet.addModule(new URL("./microphone.js", import.meta.url));
    const factor = Math.max(1, Math.ceil((context.sampleRate - 1) / RATE));
    const rate = Math.round(context.sampleRate / factor);
    const node = new AudioWorkletNode(context, "microphone", {
      channelCount: 1,
      channelCountMode: "explicit",
      processorOptions: { factor, block: Math.round(rate * BLOCK_S) },
    });
    source.connect(node).connect(context.destination); // silence: but only what leads there is processed everywhere
    return new Dictation(node, rate, asked, listener);
  }

  /**
   * @param {AudioWorkletNode} node
   * @param {number} rate samples a second
   * @param {{options: Options, name: string}} asked
   * @param {{changed: () => void, began: (job: string) => void}} listener
   */
  constructor(node, rate, { options, name }, listener) {
    this.node = node;
    this.rate = rate;
    this.listener = listener;
    const { channels, ...transcription } = requested(options);
    void channels; // of which live speech has one
    const input = {
      format: { type: "audio/pcm", rate },
      transcription,
      turn_detection: { type: "server_vad", silence_duration_ms: SILENCE_MS },
    };
    this.session = { type: "transcription", audio: { input }, include: ["sayit.progress"], filename: name, refine: true };
    node.port.onmessage = ({ data }) => data && this.#take(data);
    const still = setInterval(() => this.paused && this.#say({ type: "input_audio_buffer.append", audio: "" }), STILL_THERE_MS);
    this.#over.signal.addEventListener("abort", () => clearInterval(still));
    void this.#stayConnected();
  }

  /** Takes what the microphone still has; call it before the microphone is given back. */
  async stop() {
    this.paused = false;
    await new Promise((resolve) => {
      this.node.port.onmessage = ({ data }) => (data ? this.#take(data) : resolve(undefined));
      this.node.port.postMessage("end");
      setTimeout(resolve, 1000); // a microphone that went away may have taken the other side along
    });
    if (!this.#samples && !this.error) this.#fail(new DictationError(t("dictate.unheard"), ""));
  }

  /** Whether nothing at all was heard. */
  get empty() {
    return this.#samples === 0;
  }

  /** A second more is recorded. A browser may record and process no audio: Firefox without a device to play to, Safari after a call. */
  recorded() {
    this.#unheard += 1;
    if (this.#unheard > 1) void /** @type {AudioContext} */ (this.node.context).resume();
    if (this.#unheard > UNHEARD_S && !this.error) this.#fail(new DictationError(t("dictate.unheard"), ""));
  }

  /**
   * Ends the session; resolves once its job has all of it.
   *
   * @returns {Promise<void>}
   * @throws {DictationError} the job lacks something, or there is none
   */
  async finish() {
    this.#ending = true;
    this.#flush();
    this.#heardAt = performance.now();
    while (this.job && !this.#over.signal.aborted && performance.now() - this.#heardAt < SILENT_MS)
      await pause(1000, this.#over.signal);
    this.leave();
    if (this.error) throw this.error;
    const job = this.job ? await getJob(this.job).catch(() => null) : null; // its last message may have been lost
    if (!job || job.state === "receiving") throw new DictationError(t("dictate.lost"), "");
  }

  /** Ends it as it is. */
  leave() {
    this.#over.abort();
    this.#socket?.close();
  }

  /** @param {Int16Array} samples */
  #take(samples) {
    this.#unheard = 0;
    if (this.paused || this.error) return;
    this.#kept.push({ at: this.#samples, samples });
    this.#samples += samples.length;
    if (this.#samples - this.#kept[0].at > KEPT_S * this.rate) this.#fail(new DictationError(t("dictate.lost"), ""));
    else this.#flush();
  }

  /** Sends what there is to send. */
  #flush() {
    if (this.#next < 0) return;
    for (const { at, samples } of this.#kept) {
      if (at + samples.length <= this.#next) continue;
      this.#say({ type: "input_audio_buffer.append", audio: base64(samples.subarray(Math.max(0, this.#next - at))) });
      this.#next = at + samples.length;
    }
    if (this.#ending) this.#say({ type: "sayit.finish" });
  }

  /** @param {object} message */
  #say(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  async #stayConnected() {
    for (let failures = 0; !this.#over.signal.aborted; failures += 1) {
      if (failures) await pause(Math.min(LONGEST_PAUSE_MS, 500 * 2 ** failures), this.#over.signal);
      if (await this.#connection()) failures = 0;
      if (this.error || this.#over.signal.aborted) return;
      this.#change("waiting");
    }
  }

  /**
   * One connection; resolves at its end.
   *
   * @returns {Promise<boolean>} whether the session lived
   */
  #connection() {
    const { socket, key } = openSocket(`/v1/realtime?intent=transcription&resume=${this.job}`, "realtime");
    this.#socket = socket;
    this.#next = -1;
    let lived = false;
    /** @type {DictationError | null} */
    let refusal = null;
    /** @type {Record<string, (message: any) => void>} */
    const takes = {
      "session.created": () => this.#say({ type: "session.update", session: this.session }),
      "session.updated": () => this.#say({ type: "input_audio_buffer.append", audio: "" }), // which begins it
      "sayit.progress": (message) => {
        lived = true;
        this.#stored(message);
      },
      "sayit.finished": () => this.#over.abort(),
      error: ({ error }) => (refusal = new DictationError(error.message, error.code)),
    };
    socket.onmessage = ({ data }) => {
      this.#heardAt = performance.now();
      const message = JSON.parse(data);
      takes[message.type]?.(message);
    };
    return new Promise((resolve) => {
      socket.onclose = async ({ code }) => {
        if (refusal?.code === "invalid_api_key") await obtainKey(key).catch(() => undefined);
        // 1008: what was asked for is refused; and who begins while the service is full is not left waiting.
        else if (refusal && (code === 1008 || !this.job)) this.#fail(refusal);
        resolve(lived);
      };
    });
  }

  /** @param {{job_id: string, received_samples: number}} progress */
  #stored({ job_id: job, received_samples: stored }) {
    this.#kept = this.#kept.filter(({ at, samples }) => at + samples.length > stored);
    if (this.#next < 0) {
      this.#next = stored;
      this.#flush();
    }
    const begins = !this.job;
    this.job = job;
    this.#change("live");
    if (begins) this.listener.began(job);
  }

  /** @param {DictationError} error */
  #fail(error) {
    this.error = error;
    this.#change("failed");
    this.leave();
  }

  /** @param {Dictation["state"]} state */
  #change(state) {
    if (this.state === state) return;
    this.state = state;
    this.listener.changed();
  }
}

/** @param {Int16Array} samples */
function base64(samples) {
  const bytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

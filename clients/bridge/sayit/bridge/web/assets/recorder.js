/**
 * Recording from the microphone: one at a time, whatever view the page shows. Each second is stored as it comes; what was
 * recorded is sent when it ends, also when the microphone goes away.
 */

import { deleteJob, largestUpload, principal } from "./api.js";
import { Dictation } from "./dictation.js";
import { roughly, t } from "./i18n.js";
import { chosenOptions } from "./options.js";
import { toast } from "./overlays.js";
import { claim, forgetRecorded, keepPiece, keepRecorded } from "./recordings.js";
import { randomKey, send } from "./sending.js";
import { keepAudio } from "./store.js";

/** In order of preference; Safari records mp4 only. */
const TYPES = ["audio/webm;codecs=opus", "audio/ogg;codecs=opus", "audio/mp4"];
/** More than speech needs; at the usual limit of 100 MB it allows three and a half hours. */
const BITS_PER_S = 64_000;
/** What is left of a limit, as a share, when it is warned of. */
const NEARLY = 0.1;
/** A second of audio, with room for what a container adds at its end. */
const LAST_BYTES = 64 * 1024;
/** Below this the browser may soon be unable to store more. */
const LITTLE_STORAGE_BYTES = 50 * 2 ** 20;

/** A recording that runs, or pauses. */
export class Recording {
  id = randomKey();
  bytes = 0;
  /** The largest file that the service takes, 0 where that is not known. */
  limit = 0;
  /** Whether all of it is stored in the browser so far. */
  kept = true;
  littleStorage = false;
  /** @type {Dictation | null} where the service hears what is recorded */
  dictation = null;
  /** @type {() => void} */
  #changed;
  /** @type {Blob[]} */
  #pieces = [];
  /** Seconds before the last pause. */
  #before = 0;
  #since = performance.now();
  #startedAt = new Date();

  /**
   * @param {MediaStream} stream
   * @param {() => void} changed called after every piece
   * @param {() => void} broken called when the microphone goes away
   */
  constructor(stream, changed, broken) {
    this.stream = stream;
    this.#changed = changed;
    const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
    this.recorder = new MediaRecorder(stream, { audioBitsPerSecond: BITS_PER_S, ...(mimeType && { mimeType }) });
    this.recorder.ondataavailable = ({ data }) => {
      if (data.size) void this.#take(data).then(changed);
    };
    this.recorder.onerror = broken;
    stream.getAudioTracks().forEach((track) => track.addEventListener("ended", broken));
    this.context = new AudioContext();
    this.analyser = new AnalyserNode(this.context, { fftSize: 1024 });
    this.samples = new Float32Array(this.analyser.fftSize);
  }

  /**
   * Begins to record.
   *
   * @param {boolean} dictating whether the service hears it, too
   */
  async begin(dictating) {
    const source = this.context.createMediaStreamSource(this.stream);
    source.connect(this.analyser);
    void claim(this.id);
    void this.#keepHead(false);
    if (dictating) {
      const began = (/** @type {string} */ job) => {
        void this.#keepHead(false);
        location.hash = `#/jobs/${job}`; // where its text is
      };
      const asked = { options: chosenOptions(), name: t("dictate.name", { time: this.#time }) };
      this.dictation = await Dictation.begin(this.context, source, asked, { changed: this.#changed, began });
    }
    this.recorder.start(1000);
    this.#since = performance.now();
  }

  /** @param {Blob} piece */
  async #take(piece) {
    this.#pieces.push(piece);
    this.bytes += piece.size;
    this.dictation?.recorded();
    if (!(await keepPiece(this.id, this.#pieces.length - 1, piece))) this.kept = false;
    if (this.#pieces.length % 30 === 1) {
      const { quota = Infinity, usage = 0 } = (await navigator.storage?.estimate().catch(() => null)) ?? {};
      this.littleStorage = quota - usage < LITTLE_STORAGE_BYTES;
    }
  }

  /** @param {boolean} finished */
  async #keepHead(finished) {
    const { id, name, type } = this;
    const [options, job] = [finished ? chosenOptions() : null, this.dictation?.job ?? ""];
    if (!(await keepRecorded({ id, name, type, startedAt: this.#startedAt.getTime(), options, job }))) this.kept = false;
  }

  get type() {
    return (this.recorder.mimeType || "audio/webm").split(";")[0];
  }

  /** Of the file: it says when the recording began. */
  get name() {
    return `${t("record.name", { time: this.#time })}.${this.type.split("/")[1]}`;
  }

  get #time() {
    return this.#startedAt.toLocaleString("sv").slice(0, 16).replace(":", "."); // 2025-01-31 17.05, sortable
  }

  get paused() {
    return this.recorder.state === "paused";
  }

  /** Of what was recorded, without the pauses. */
  get seconds() {
    return this.#before + (this.paused ? 0 : (performance.now() - this.#since) / 1000);
  }

  /** The loudness now, 0 to 1 on a scale that suits the eye. */
  get level() {
    if (this.paused) return 0;
    this.analyser.getFloatTimeDomainData(this.samples);
    const power = this.samples.reduce((sum, sample) => sum + sample * sample, 0) / this.samples.length;
    return Math.min(1, Math.max(0, 1 + Math.log10(power + 1e-6) / 5) ** 1.5);
  }

  /** Whether the next piece might make the file too large. */
  get full() {
    return this.limit > 0 && this.bytes > this.limit - LAST_BYTES;
  }

  /** @returns {string} what the person should know, empty if all is well */
  get warning() {
    if (this.dictation?.error) return t("dictate.failed", { why: this.dictation.error.message });
    if (this.dictation?.state === "waiting") return t("dictate.waiting");
    if (!this.kept) return t("record.unkept");
    const left = this.limit - LAST_BYTES - this.bytes;
    if (this.limit && left < this.limit * NEARLY)
      return t("record.nearly", { time: roughly((left * this.seconds) / this.bytes) });
    return this.littleStorage ? t("record.storage") : "";
  }

  pause() {
    this.#before = this.seconds;
    this.recorder.pause();
    if (this.dictation) this.dictation.paused = true;
  }

  resume() {
    this.recorder.resume();
    if (this.dictation) this.dictation.paused = false;
    this.#since = performance.now();
  }

  /** @returns {Promise<File>} what was recorded */
  async finish() {
    if (this.recorder.state !== "inactive") {
      const stopped = new Promise((resolve) => this.recorder.addEventListener("stop", resolve, { once: true }));
      this.recorder.stop(); // the last piece comes before the event
      await stopped;
    }
    await this.dictation?.stop();
    this.release();
    await this.#keepHead(true);
    return new File(this.#pieces, this.name, { type: this.type });
  }

  /** Gives the microphone back. */
  release() {
    if (this.recorder.state !== "inactive") this.recorder.stop();
    this.stream.getTracks().forEach((track) => track.stop());
    void this.context.close().catch(() => undefined);
  }
}

/** @type {Recording | null} */
let current = null;
let starting = false;
/** @type {WakeLockSentinel | null} */
let awake = null;
/** @type {() => void} */
let listener = () => {};

/**
 * Sets the function that is called when a recording begins, pauses, goes on, ends, or has something to warn of.
 *
 * @param {() => void} changed
 */
export function onRecording(changed) {
  listener = changed;
}

/** @returns {Recording | null} */
export function currentRecording() {
  return current;
}

/**
 * Asks for the microphone and begins; says why where it cannot.
 *
 * @param {boolean} [dictating] whether the text is wanted while one speaks
 */
export async function startRecording(dictating = false) {
  if (starting || current) return;
  starting = true;
  try {
    const recording = await record(dictating);
    current = recording;
    void keepAwake();
    listener();
    recording.limit = await largestUpload().catch(() => 0);
  } catch (error) {
    toast(/** @type {Error} */ (error).message, "problem");
  } finally {
    starting = false;
  }
}

/**
 * @param {boolean} dictating
 * @returns {Promise<Recording>}
 * @throws {Error} with a sentence for people
 */
async function record(dictating) {
  if (!navigator.mediaDevices || !window.MediaRecorder) throw new Error(t("record.insecure"));
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    /** @type {Recording} */
    const recording = new Recording(
      stream,
      () => heed(recording),
      () => endEarly(recording, t("record.failed")),
    );
    await recording.begin(dictating);
    return recording;
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    if (name === "NotFoundError") throw new Error(t("record.missing"));
    if (name === "NotAllowedError" || name === "SecurityError") throw new Error(t("record.refused"));
    throw new Error(t("record.failed"));
  }
}

/**
 * Takes what has become of a recording.
 *
 * @param {Recording} recording
 */
function heed(recording) {
  if (recording.full) endEarly(recording, t("record.full"));
  else if (recording.dictation?.error?.code === "JOB_CANCELLED" && current === recording) void discardRecording();
  else listener();
}

/**
 * @param {Recording} recording
 * @param {string} reason
 */
function endEarly(recording, reason) {
  if (current !== recording) return;
  toast(reason, "problem");
  void finishRecording();
}

/** Ends the recording and sends it. */
export async function finishRecording() {
  const ending = taken();
  if (!ending) return;
  const { id, dictation } = ending;
  const file = await ending.finish();
  if (dictation?.job) await keepAudio(dictation.job, file, principal());
  const refused = dictation ? await dictation.finish().catch((error) => error.message) : "";
  if (dictation && !refused) return forgetRecorded(id);
  if (refused) toast(t("dictate.sent", { why: refused }), "problem");
  if (dictation?.job && dictation.empty) await forgetJob(dictation.job);
  send([file], chosenOptions(), id);
}

/** Ends the recording and forgets it. */
export async function discardRecording() {
  const ending = taken();
  if (!ending) return;
  await ending.finish();
  ending.dictation?.leave();
  await forgetRecorded(ending.id);
  if (ending.dictation?.job) await forgetJob(ending.dictation.job);
}

/** @param {string} job which is shown */
async function forgetJob(job) {
  location.hash = "#/";
  await deleteJob(job).catch(() => undefined); // it expires
}

/** The recording that ends now. */
function taken() {
  const ending = current;
  current = null;
  void awake?.release().catch(() => undefined);
  awake = null;
  listener();
  return ending;
}

export function pauseOrResume() {
  if (current?.paused) current.resume();
  else current?.pause();
  listener();
}

/** The screen stays on; browsers forget that whenever the page is hidden. */
async function keepAwake() {
  if (!current || document.hidden) return;
  awake = (await navigator.wakeLock?.request("screen").catch(() => null)) ?? null;
}

document.addEventListener("visibilitychange", () => void keepAwake());

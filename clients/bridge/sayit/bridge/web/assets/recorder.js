/** Recording from the microphone. */

import { t } from "./i18n.js";

/** In order of preference; Safari records mp4 only. */
const TYPES = ["audio/webm;codecs=opus", "audio/ogg;codecs=opus", "audio/mp4"];

/** A recording that runs. */
export class Recording {
  /** @type {Blob[]} */
  #pieces = [];

  /**
   * @param {MediaStream} stream
   * @param {() => void} broken called when the microphone goes away
   */
  constructor(stream, broken) {
    this.startedAt = performance.now();
    const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
    this.stream = stream;
    this.recorder = new MediaRecorder(stream, mimeType ? { mimeType } : {});
    this.recorder.ondataavailable = (event) => this.#pieces.push(event.data);
    this.recorder.onerror = broken;
    stream.getAudioTracks().forEach((track) => track.addEventListener("ended", broken));
    this.recorder.start(1000);
    this.context = new AudioContext();
    this.analyser = new AnalyserNode(this.context, { fftSize: 1024 });
    this.context.createMediaStreamSource(stream).connect(this.analyser);
    this.samples = new Float32Array(this.analyser.fftSize);
  }

  get seconds() {
    return (performance.now() - this.startedAt) / 1000;
  }

  /** The loudness now, 0 to 1 on a scale that suits the eye. */
  get level() {
    this.analyser.getFloatTimeDomainData(this.samples);
    const power = this.samples.reduce((sum, sample) => sum + sample * sample, 0) / this.samples.length;
    return Math.min(1, Math.max(0, 1 + Math.log10(power + 1e-6) / 5) ** 1.5);
  }

  /** @returns {Promise<File>} what was recorded */
  async finish() {
    const stopped = new Promise((resolve) => this.recorder.addEventListener("stop", resolve, { once: true }));
    if (this.recorder.state !== "inactive") this.recorder.stop();
    else this.recorder.dispatchEvent(new Event("stop"));
    await stopped;
    this.discard();
    const type = (this.recorder.mimeType || "audio/webm").split(";")[0];
    const time = new Date().toLocaleString("sv").slice(0, 16).replace(":", "."); // 2025-01-31 17.05, sortable
    return new File(this.#pieces, `${t("record.name", { time })}.${type.split("/")[1]}`, { type });
  }

  /** Releases the microphone. */
  discard() {
    if (this.recorder.state !== "inactive") this.recorder.stop();
    this.stream.getTracks().forEach((track) => track.stop());
    void this.context.close().catch(() => undefined);
  }
}

/**
 * Asks for the microphone and begins.
 *
 * @param {() => void} broken called when the microphone goes away
 * @returns {Promise<Recording>}
 * @throws {Error} with a sentence for people
 */
export async function record(broken) {
  if (!navigator.mediaDevices || !window.MediaRecorder) throw new Error(t("record.insecure"));
  try {
    return new Recording(await navigator.mediaDevices.getUserMedia({ audio: true }), broken);
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    if (name === "NotFoundError") throw new Error(t("record.missing"));
    if (name === "NotAllowedError" || name === "SecurityError") throw new Error(t("record.refused"));
    throw new Error(t("record.failed"));
  }
}

/** The waveform: a slider that is drawn. Without audio it shows where there is speech. */

import { h } from "./dom.js";
import { clock, t } from "./i18n.js";

/** @import {Segment, Word} from "./wire.js" */

const BAR = 3;
const STEP = 5;
const QUIET = 0.06;

/** @param {{seek: (seconds: number) => void}} actions */
export function createWaveform(actions) {
  return new Waveform(actions);
}

class Waveform {
  /** @type {Float32Array | null} */
  #peaks = null;
  /** @type {Segment[]} */
  #speech = [];
  #duration = 0;
  #time = 0;
  /** @type {Word | null} */
  #word = null;
  #hover = -1;
  #asked = 0;
  #leaving = new AbortController();

  /** @param {{seek: (seconds: number) => void}} actions */
  constructor(actions) {
    this.actions = actions;
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.tip = h("span", { class: "wave-tip", "aria-hidden": "true", hidden: true });
    this.element = h(
      "div",
      { class: "wave", role: "slider", tabindex: "0", "aria-valuemin": 0 },
      this.canvas,
      this.tip,
    );
    this.element.addEventListener("pointerdown", (event) => this.#pressed(event));
    this.element.addEventListener("pointermove", (event) => this.#moved(event));
    this.element.addEventListener("pointerleave", () => this.#hovered(-1));
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.observer = new ResizeObserver(() => this.#ask());
    this.observer.observe(this.element);
    window.addEventListener("sayit:theme", () => this.#ask(), { signal: this.#leaving.signal });
    this.setTime(0, null);
  }

  relabel() {
    this.element.setAttribute("aria-label", t("player.position"));
  }

  leave() {
    this.#leaving.abort();
    this.observer.disconnect();
    cancelAnimationFrame(this.#asked);
  }

  /** @param {Float32Array} peaks 0 to 1 over the whole length */
  setPeaks(peaks) {
    this.#peaks = peaks;
    this.element.dataset.drawn = "audio";
    this.#ask();
  }

  /** @param {Segment[]} segments */
  setSpeech(segments) {
    this.#speech = segments;
    this.#ask();
  }

  /** @param {number} seconds */
  setDuration(seconds) {
    this.#duration = seconds;
    this.element.setAttribute("aria-valuemax", String(Math.round(seconds)));
    this.#ask();
  }

  /**
   * @param {number} seconds
   * @param {Word | null} word played at that time
   */
  setTime(seconds, word) {
    const [before, now] = [Math.round(this.#time), Math.round(seconds)];
    if (before !== now || !this.element.hasAttribute("aria-valuenow")) {
      this.element.setAttribute("aria-valuenow", String(now));
      this.element.setAttribute("aria-valuetext", clock(seconds));
    }
    this.#time = seconds;
    this.#word = word;
    this.#ask();
  }

  #ask() {
    this.#asked ||= requestAnimationFrame(() => {
      this.#asked = 0;
      this.#draw();
    });
  }

  /** @param {PointerEvent} event @returns {number} seconds */
  #at(event) {
    const { left, width } = this.element.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - left) / width)) * this.#duration;
  }

  /** @param {PointerEvent} event */
  #pressed(event) {
    if (event.button !== 0 || !this.#duration) return;
    this.element.setPointerCapture(event.pointerId);
    this.actions.seek(this.#at(event));
  }

  /** @param {PointerEvent} event */
  #moved(event) {
    if (!this.#duration) return;
    this.#hovered(this.#at(event));
    if (event.buttons & 1 && this.element.hasPointerCapture(event.pointerId)) this.actions.seek(this.#at(event));
  }

  /** @param {number} seconds -1 for nowhere */
  #hovered(seconds) {
    this.#hover = seconds;
    this.tip.hidden = seconds < 0;
    this.tip.textContent = clock(seconds);
    this.tip.style.setProperty("--at", String(this.#duration ? seconds / this.#duration : 0));
    this.#ask();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const steps = {
      ArrowLeft: -5,
      ArrowDown: -5,
      ArrowRight: 5,
      ArrowUp: 5,
      PageDown: -30,
      PageUp: 30,
      Home: -Infinity,
      End: Infinity,
    };
    const step = steps[/** @type {keyof typeof steps} */ (event.key)];
    if (step === undefined) return;
    event.preventDefault();
    this.actions.seek(Math.min(this.#duration, Math.max(0, this.#time + step)));
  }

  /** @param {number} from @param {number} to both 0 to 1 @returns {number} how high the bar is, 0 to 1 */
  #height(from, to) {
    if (this.#peaks) {
      const [first, last] = [Math.floor(from * this.#peaks.length), Math.ceil(to * this.#peaks.length)];
      let most = 0;
      for (let index = first; index < last; index++) most = Math.max(most, this.#peaks[index] ?? 0);
      return Math.max(QUIET, most ** 0.7);
    }
    const spoken = this.#speech.some(({ start, end }) => start < to * this.#duration && end > from * this.#duration);
    return spoken ? 0.4 : QUIET;
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.element;
    const scale = window.devicePixelRatio || 1;
    if (!width || !height) return;
    if (this.canvas.width !== Math.round(width * scale) || this.canvas.height !== Math.round(height * scale)) {
      this.canvas.width = Math.round(width * scale);
      this.canvas.height = Math.round(height * scale);
    }
    const paint = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    const style = getComputedStyle(this.element);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
    paint.setTransform(scale, 0, 0, scale, 0, 0);
    paint.clearRect(0, 0, width, height);
    const part = (/** @type {number} */ seconds) => (this.#duration ? seconds / this.#duration : 0);
    if (this.#word) {
      const [from, to] = [part(this.#word.start) * width, part(this.#word.end) * width];
      paint.fillStyle = colour("--wave-word");
      paint.beginPath();
      paint.roundRect(from - 2, 0, Math.max(STEP, to - from) + 4, height, 4);
      paint.fill();
    }
    const [played, hovered] = [part(this.#time), part(this.#hover)];
    const bars = Math.floor(width / STEP);
    for (let bar = 0; bar < bars; bar++) {
      const [from, to] = [bar / bars, (bar + 1) / bars];
      const tall = Math.max(BAR, this.#height(from, to) * height * 0.92);
      paint.fillStyle = colour(
        (from + to) / 2 <= played ? "--wave-played" : this.#hover >= 0 && from <= hovered ? "--wave-hover" : "--wave-rest",
      );
      paint.beginPath();
      paint.roundRect(bar * STEP + (STEP - BAR) / 2, (height - tall) / 2, BAR, tall, BAR / 2);
      paint.fill();
    }
    paint.fillStyle = colour("--wave-played");
    if (this.#duration) paint.fillRect(Math.min(width - 1.5, played * width), 0, 1.5, height);
  }
}

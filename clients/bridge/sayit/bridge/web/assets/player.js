/** The recording: play, speed, the waveform to move in; pictures, where it has any, with the subtitles. */

import { findAudio, getAudio, getFile, principal } from "./api.js";
import { h, icon } from "./dom.js";
import { clock, remember, remembered, t } from "./i18n.js";
import { measure } from "./peaks.js";
import { audioOf, keepAudio, keepPeaks, peaksOf } from "./store.js";
import { streamed } from "./streaming.js";
import { createWaveform } from "./waveform.js";

/** @import {Segment, Word} from "./wire.js" */

/**
 * @typedef {{
 *   onTime: (seconds: number) => void, wordAt: (seconds: number) => Word | null, onAudio: (playable: boolean) => void
 * }} Listener
 */

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2];
const SPEED = "sayit.speed";
/** A recording of more bytes is played as it arrives, and what is not heard is not fetched; a smaller one is kept, and drawn. */
const LARGE = 10e6;
/** Who goes on after a pause wants to hear the last words again, in seconds. */
const REWIND_S = 1;

/**
 * @param {string} id the job's
 * @param {Listener} text
 * @param {HTMLElement} follow the text's button
 * @param {boolean} [keeps] whether audio is kept in this browser
 */
export function createPlayer(id, text, follow, keeps = true) {
  const player = new Player(id, text, follow, keeps);
  void player.load();
  return player;
}

class Player {
  /** Seconds; the transcript's length, since a recorded file does not say its own. */
  #duration = 0;
  #at = 0;
  #moved = false;
  #url = "";
  #subtitles = "";
  /** Whether the service has the audio, and this browser does not. */
  #elsewhere = false;
  /** Whether it is played as it arrives. */
  #streaming = false;
  #frame = 0;
  /** Where it was paused, -1 for nowhere. */
  #pausedAt = -1;
  #leaving = new AbortController();

  /**
   * @param {string} id
   * @param {Listener} text
   * @param {HTMLElement} follow
   * @param {boolean} keeps
   */
  constructor(id, text, follow, keeps) {
    this.id = id;
    this.keeps = keeps;
    this.text = text;
    /** @type {HTMLMediaElement} */
    this.media = h("audio", { preload: "auto" });
    this.wave = createWaveform({ seek: (seconds) => this.seek(seconds, !this.media.paused) });
    this.button = h("button", { type: "button", class: "play", disabled: true, onclick: () => this.toggle() });
    this.time = h("p", { class: "player-time" });
    this.speed = h(
      "select",
      { class: "player-speed", onchange: () => this.#setSpeed(Number(this.speed.value)) },
      ...SPEEDS.map((speed) => h("option", { value: speed }, `${speed}×`)),
    );
    this.#setSpeed(Number(remembered(SPEED)) || 1);
    this.note = h("p", { class: "player-note", hidden: true });
    this.element = h(
      "div",
      { class: "player", role: "group" },
      this.media,
      h("div", { class: "player-row" }, this.button, this.wave.element, this.time, follow, this.speed),
      this.note,
    );
    this.#listen();
    this.relabel();
    this.#draw();
  }

  /** Writes what the page says about the audio in its language. */
  relabel() {
    this.element.setAttribute("aria-label", t("player.label"));
    this.wave.relabel();
    this.speed.setAttribute("aria-label", t("player.speed"));
    this.speed.title = t("player.speed");
    this.#sayWhy();
    this.#playing();
  }

  #listen() {
    const { signal } = this.#leaving;
    for (const name of ["play", "pause", "ended"]) this.media.addEventListener(name, () => this.#playing(), { signal });
    this.media.addEventListener("error", () => this.#url && this.#refused(), { signal });
  }

  /** Shows pictures above the waveform; a file that is called a video may have none. */
  #showPictures() {
    const video = h("video", { preload: "auto", playsinline: true, hidden: true });
    this.media.replaceWith(video);
    this.media = video;
    this.#listen();
    const found = () => {
      video.hidden = video.videoWidth === 0;
      void this.showSubtitles();
    };
    video.addEventListener("loadedmetadata", found, { signal: this.#leaving.signal });
    this.#setSpeed(Number(this.speed.value));
  }

  /** Shows the subtitles over the pictures, as they would be downloaded now. */
  async showSubtitles() {
    const { media } = this;
    if (!(media instanceof HTMLVideoElement) || media.hidden) return;
    const file = await getFile(this.id, "vtt").catch(() => null); // none before the job's end
    if (!file || this.#leaving.signal.aborted) return;
    URL.revokeObjectURL(this.#subtitles);
    this.#subtitles = URL.createObjectURL(file);
    const track = h("track", { kind: "subtitles", src: this.#subtitles });
    media.replaceChildren(track);
    track.track.mode = "showing";
  }

  /** @param {number} speed */
  #setSpeed(speed) {
    const [value] = SPEEDS.filter((each) => each >= speed).concat(2);
    this.speed.value = String(value);
    // A new source plays at the default rate.
    this.media.defaultPlaybackRate = this.media.playbackRate = value;
    this.media.preservesPitch = true;
    remember(SPEED, value === 1 ? null : String(value));
  }

  /** @param {number} by 1 or -1: the next higher or lower one */
  changeSpeed(by) {
    const at = SPEEDS.indexOf(Number(this.speed.value)) + by;
    if (SPEEDS[at]) this.#setSpeed(SPEEDS[at]);
  }

  /** @param {number} seconds forwards, or backwards if it is negative */
  skip(seconds) {
    this.seek(this.#at + seconds, !this.media.paused);
  }

  /** Says why nothing can be played, if that is so. */
  #sayWhy = () => {};

  async load() {
    const blob = this.keeps ? await audioOf(this.id) : null;
    if (this.#leaving.signal.aborted) return;
    if (blob) return this.#take(blob);
    this.#elsewhere = true;
    this.button.disabled = this.speed.disabled = false;
    this.text.onAudio(true);
  }

  /**
   * Gets the audio from the service, when it is to be played, and plays it.
   *
   * @param {boolean} [whole] however large it is
   */
  async #fetch(whole = false) {
    this.#elsewhere = this.#streaming = false;
    this.#sayWhy = () => this.#explain(t("player.loading"));
    this.#sayWhy();
    const { signal } = this.#leaving;
    try {
      const found = await findAudio(this.id, signal);
      const url = !whole && found.bytes > LARGE ? await streamed(found.path) : "";
      if (signal.aborted) return;
      this.#streaming = url !== "";
      if (url) this.#play(url, found.type);
      else {
        const blob = await getAudio(this.id, signal);
        this.#keep(blob);
        void this.#take(blob);
      }
      this.seek(this.#at);
    } catch {
      if (!signal.aborted) this.#offerFile();
    }
  }

  /** @param {Blob} blob */
  #keep(blob) {
    if (this.keeps) void keepAudio(this.id, blob, principal());
  }

  /** @param {Blob} blob */
  async #take(blob) {
    this.#play(URL.createObjectURL(blob), blob.type);
    const kept = this.keeps ? await peaksOf(this.id) : null;
    const peaks = kept ?? (await measure(blob));
    if (!peaks || this.#leaving.signal.aborted) return;
    this.wave.setPeaks(peaks);
    if (!kept && this.keeps) void keepPeaks(this.id, peaks, principal());
  }

  /**
   * @param {string} url
   * @param {string} type
   */
  #play(url, type) {
    this.#sayWhy = () => {};
    this.note.hidden = true;
    this.element.classList.remove("without-audio");
    this.#url = url;
    if (type.startsWith("video/") && !(this.media instanceof HTMLVideoElement)) this.#showPictures();
    this.media.src = url;
    this.button.disabled = this.speed.disabled = false;
    this.text.onAudio(true);
  }

  #refused() {
    if (this.#streaming) return void this.#fetch(true); // why it does not play is known when it is here
    this.text.onAudio(false);
    this.#sayWhy = () => this.#explain(t("player.unplayable"));
    this.#sayWhy();
  }

  #offerFile() {
    this.element.classList.add("without-audio");
    this.button.disabled = this.speed.disabled = true;
    this.text.onAudio(false);
    const input = h("input", { type: "file", accept: "audio/*,video/mp4,video/webm", hidden: true });
    input.addEventListener("change", () => {
      const [file] = input.files ?? [];
      if (!file) return;
      this.#keep(file);
      void this.#take(file);
    });
    this.#sayWhy = () =>
      this.#explain(
        t("player.missing"),
        h("button", { type: "button", class: "link", onclick: () => input.click() }, t("player.attach")),
        input,
      );
    this.#sayWhy();
  }

  /**
   * @param {string} sentence
   * @param {...Node} more
   */
  #explain(sentence, ...more) {
    this.note.hidden = false;
    this.note.replaceChildren(`${sentence} `, ...more);
  }

  leave() {
    this.#leaving.abort();
    cancelAnimationFrame(this.#frame);
    this.media.pause();
    this.media.removeAttribute("src");
    this.wave.leave();
    for (const url of [this.#url, this.#subtitles]) URL.revokeObjectURL(url);
  }

  /** @param {number} seconds */
  setDuration(seconds) {
    this.#duration = seconds;
    this.wave.setDuration(seconds);
    this.#draw();
  }

  /** @param {Segment[]} segments drawn where there is no audio to draw */
  setSpeech(segments) {
    this.wave.setSpeech(segments);
  }

  /**
   * Goes to a place, and plays from there.
   *
   * @param {number} seconds
   * @param {boolean} [play]
   */
  seek(seconds, play = true) {
    this.#moved = true;
    this.#pausedAt = -1;
    this.#at = Math.min(Math.max(0, seconds), this.#duration || seconds);
    if (this.#url) {
      this.media.currentTime = this.#at;
      if (play) void this.media.play().catch(() => undefined);
    } else if (play && this.#elsewhere) void this.#fetch();
    this.#draw();
  }

  pause() {
    this.media.pause();
  }

  toggle() {
    if (!this.#url) return void (this.#elsewhere && this.#fetch());
    if (!this.media.paused) {
      this.media.pause();
      this.#pausedAt = this.media.currentTime;
      return;
    }
    if (this.#pausedAt >= 0) this.seek(this.#pausedAt - REWIND_S);
    else void this.media.play().catch(() => undefined);
  }

  #playing() {
    const playing = !this.media.paused && !this.media.ended;
    this.button.replaceChildren(icon(playing ? "pause" : "play", 22));
    this.button.setAttribute("aria-label", t(playing ? "player.pause" : "player.play"));
    cancelAnimationFrame(this.#frame);
    const follow = () => {
      this.#moved = true;
      this.#at = this.media.currentTime;
      this.#draw();
      if (!this.media.paused) this.#frame = requestAnimationFrame(follow);
    };
    if (playing) follow();
  }

  #draw() {
    const shown = `${clock(this.#at)} / ${clock(this.#duration)}`;
    if (this.time.textContent !== shown) this.time.textContent = shown;
    // No word is marked before anything is played.
    this.wave.setTime(this.#at, this.#moved ? this.text.wordAt(this.#at) : null);
    if (this.#moved) this.text.onTime(this.#at);
  }
}

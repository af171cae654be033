/** The text on the page: paragraphs with their times, words that can be clicked, the word that is heard. */

import { correctWord } from "./correcting.js";
import { h } from "./dom.js";
import { clock, t } from "./i18n.js";
import { paragraphs, placeOf, unitsOf, wordAt } from "./transcript.js";

/** @import {Chunk} from "./live.js" */
/** @import {Edits} from "./transcript.js" */
/** @import {Segment, Transcript, Word} from "./wire.js" */

/** @typedef {{start: number, end: number, text: string, place: string, element: HTMLElement}} Shown */

/** How long after the reader scrolled the page leaves the scroll position alone, in milliseconds. */
const READING_MS = 4000;

/** @typedef {{seek: (seconds: number) => void, pause: () => void}} Actions */

/** @param {Actions} actions */
export function createTextView(actions) {
  return new TextView(actions);
}

export class TextView {
  /** @type {Shown[]} in order of the page */
  words = [];
  /** @type {Shown[]} in order of time */
  #timed = [];
  /** @type {HTMLElement[]} the paragraphs' buttons: one tab stop for all of them */
  #times = [];
  /** @type {HTMLElement | null} */
  #heard = null;
  /** @type {Map<number, {chunk: Chunk, element: HTMLElement, words: Shown[]}>} */
  #chunks = new Map();
  /** @type {Edits} */
  edits = new Map();
  /** @type {Transcript | null} */
  transcript = null;
  /** @type {(edits: Edits) => void} */
  #edited = () => {};
  #editing = false;
  #scrolledAt = 0;
  #leaving = new AbortController();

  /** @param {Actions} actions */
  constructor(actions) {
    this.actions = actions;
    this.note = h("p", { class: "text-note" });
    this.body = h("div", { class: "text-body" });
    this.element = h("section", { class: "text", "aria-label": t("text.label") }, this.note, this.body);
    this.body.addEventListener("click", (event) => this.#clicked(event));
    this.body.addEventListener("dblclick", (event) => {
      actions.pause(); // the first of the two clicks made it play
      this.#correct(wordElement(event.target));
    });
    this.body.addEventListener("keydown", (event) => this.#pressed(event));
    for (const name of ["wheel", "touchmove"]) {
      window.addEventListener(name, () => (this.#scrolledAt = performance.now()), {
        passive: true,
        signal: this.#leaving.signal,
      });
    }
  }

  leave() {
    this.#leaving.abort();
    CSS.highlights?.clear();
  }

  /** @param {string} sentence */
  setNote(sentence) {
    this.note.textContent = sentence;
    this.note.hidden = !sentence;
  }

  /**
   * Shows a running job's text; only chunks that changed are built again.
   *
   * @param {Chunk[]} chunks in order
   */
  setChunks(chunks) {
    if (!chunks.length) return;
    this.setNote("");
    const following = nearEnd();
    for (const chunk of chunks) {
      const old = this.#chunks.get(chunk.index);
      if (old?.chunk === chunk) continue;
      const element = h("div", { class: chunk.final ? "chunk" : "chunk partial" });
      const words = this.#fill(element, chunk.segments, 0);
      if (old) old.element.replaceWith(element);
      else this.body.insertBefore(element, this.#elementAfter(chunk.index));
      this.#chunks.set(chunk.index, { chunk, element, words });
    }
    this.#use([...this.#chunks].sort(([a], [b]) => a - b).flatMap(([, { words }]) => words));
    if (following) window.scrollTo({ top: document.documentElement.scrollHeight });
  }

  /** @param {number} index */
  #elementAfter(index) {
    const later = [...this.#chunks.keys()].filter((each) => each > index);
    return later.length ? (this.#chunks.get(Math.min(...later))?.element ?? null) : null;
  }

  /**
   * Shows the finished transcript with the corrections made so far.
   *
   * @param {Transcript} transcript
   * @param {Edits} edits
   * @param {(edits: Edits) => void} edited called after every change
   */
  setTranscript(transcript, edits, edited) {
    Object.assign(this, { transcript, edits });
    this.#edited = edited;
    this.#chunks.clear();
    const box = h("div", { class: "chunk" });
    const words = this.#fill(box, transcript.segments, 0);
    this.body.replaceChildren(box);
    this.#use(words);
    this.words.forEach((word) => this.#dress(word));
  }

  /**
   * @param {HTMLElement} box
   * @param {Segment[]} segments
   * @param {number} first the first segment's place
   * @returns {Shown[]}
   */
  #fill(box, segments, first) {
    /** @type {Shown[]} */
    const words = [];
    let at = first;
    for (const together of paragraphs(segments)) {
      const text = h("p", { lang: together[0].language || null });
      for (const segment of together) {
        unitsOf(segment).forEach((unit, index) => {
          const element = h("span", { class: "word", tabindex: "-1" }, unit.text.trim());
          if (text.childNodes.length && (index === 0 || /^\s/.test(unit.text))) text.append(" ");
          text.append(element);
          words.push({ ...unit, text: unit.text, place: placeOf(at, index), element });
        });
        at += 1;
      }
      const { start, speaker } = together[0];
      const time = h(
        "button",
        { type: "button", class: "time", tabindex: "-1", "aria-label": t("text.jump", { time: clock(start) }) },
        clock(start),
      );
      time.addEventListener("click", () => this.actions.seek(start));
      box.append(
        h("div", { class: "paragraph" }, time, h("div", null, speaker && h("p", { class: "speaker" }, speaker), text)),
      );
    }
    return words;
  }

  /** @param {Shown[]} words */
  #use(words) {
    this.words = words;
    this.#timed = [...words].sort((a, b) => a.start - b.start);
    words.forEach((word, index) => (word.element.dataset.index = String(index)));
    this.#times = [.../** @type {NodeListOf<HTMLElement>} */ (this.body.querySelectorAll(".time"))];
    if (!this.#times.some((time) => time.tabIndex === 0)) this.#times[0]?.setAttribute("tabindex", "0");
  }

  /**
   * Shows a word as it was corrected, or as it was.
   *
   * @param {Shown} word
   */
  #dress({ element, place, text }) {
    const now = this.edits.get(place);
    element.textContent = (now || text).trim();
    element.classList.toggle("edited", now !== undefined);
    element.classList.toggle("removed", now === "");
    element.title = now === undefined ? "" : t("text.edited", { word: text.trim() });
  }

  undoEdits() {
    this.edits = new Map();
    this.words.forEach((word) => this.#dress(word));
    this.#edited(this.edits);
  }

  /** @param {boolean} editing */
  setEditing(editing) {
    this.#editing = editing;
    this.element.classList.toggle("editing", editing);
  }

  /** @param {Event} event */
  #clicked(event) {
    const element = wordElement(event.target);
    if (!element || getSelection()?.isCollapsed === false) return; // they select to copy
    if (this.#editing) this.#correct(element);
    else this.actions.seek(this.#of(element).start);
  }

  /** @param {HTMLElement} element */
  #of(element) {
    return this.words[Number(element.dataset.index)];
  }

  /** @param {HTMLElement | null} element */
  #correct(element) {
    if (!element || !this.transcript) return;
    getSelection()?.removeAllRanges();
    const word = this.#of(element);
    correctWord(word, this.edits, (next) => {
      this.#dress(word);
      this.#edited(this.edits);
      const neighbour = next ? this.words[this.words.indexOf(word) + next] : null;
      if (neighbour) this.#correct(neighbour.element);
      else word.element.focus({ preventScroll: true });
    });
  }

  /** Arrows walk up and down the paragraphs, and left and right from word to word. @param {KeyboardEvent} event */
  #pressed(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (target instanceof HTMLInputElement || event.ctrlKey || event.metaKey || event.altKey) return;
    const element = wordElement(target);
    if (element && (event.key === "Enter" || event.key === " ")) this.actions.seek(this.#of(element).start);
    else if (element && (event.key === "e" || event.key === "E" || event.key === "F2")) this.#correct(element);
    else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      const step = event.key === "ArrowRight" ? 1 : -1;
      const at = element ? Number(element.dataset.index) : step > 0 ? this.#firstAfter(target) - 1 : -2;
      const next = this.words[at + step];
      if (!next) return;
      next.element.focus();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const here = /** @type {HTMLElement} */ (target.closest(".paragraph")?.querySelector(".time"));
      const next = this.#times[this.#times.indexOf(here) + (event.key === "ArrowDown" ? 1 : -1)];
      if (!next) return;
      this.#times.forEach((time) => time.setAttribute("tabindex", time === next ? "0" : "-1"));
      next.focus();
    } else return;
    event.preventDefault();
  }

  /** @param {HTMLElement} time a paragraph's button */
  #firstAfter(time) {
    return Number(/** @type {HTMLElement} */ (time.parentElement?.querySelector(".word"))?.dataset.index ?? 0);
  }

  /**
   * @param {number} seconds
   * @returns {Word | null}
   */
  wordAt(seconds) {
    return this.#timed[wordAt(this.#timed, seconds)] ?? null;
  }

  /**
   * Marks the word that is heard, and keeps it in sight unless the reader is elsewhere.
   *
   * @param {number} seconds
   */
  showTime(seconds) {
    const element = this.#timed[wordAt(this.#timed, seconds)]?.element ?? null;
    if (element === this.#heard) return;
    this.#heard?.classList.remove("heard");
    this.#heard = element;
    if (!element) return;
    element.classList.add("heard");
    const { top, bottom } = element.getBoundingClientRect();
    const outside = top < 120 || bottom > window.innerHeight - 180;
    if (outside && performance.now() - this.#scrolledAt > READING_MS) element.scrollIntoView({ block: "center" });
  }
}

/**
 * @param {EventTarget | null} target
 * @returns {HTMLElement | null}
 */
function wordElement(target) {
  return target instanceof HTMLElement ? target.closest(".word") : null;
}

function nearEnd() {
  const { scrollHeight } = document.documentElement;
  return window.scrollY > 0 && window.scrollY + window.innerHeight > scrollHeight - 160;
}

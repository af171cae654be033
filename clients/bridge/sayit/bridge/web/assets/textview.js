/** The text on the page: paragraphs with their times, words that can be clicked, the word that is played. */

import { correctWord } from "./correcting.js";
import { Corrections } from "./corrections.js";
import { h, icon } from "./dom.js";
import { clock, remember, remembered, t } from "./i18n.js";
import { paragraphs, placeOf, unitsOf, withEdits, wordAt } from "./transcript.js";

/** @import {Change} from "./corrections.js" */
/** @import {Chunk} from "./live.js" */
/** @import {Edits} from "./transcript.js" */
/** @import {Segment, Transcript, Word} from "./wire.js" */

/**
 * @typedef {{
 *   start: number, end: number, text: string, probability?: number | undefined, place: string, element: HTMLElement
 * }} Shown
 */

/** Words that the model thought less likely than this are worth a second look. */
const UNSURE = 0.5;
/** Keys that scroll. */
const SCROLLING = new Set(["PageUp", "PageDown", "Home", "End", "ArrowUp", "ArrowDown"]);
const FOLLOWING = "sayit.follow";
/** What stays free above and below: the tools and the player, in pixels. */
const [ABOVE, BELOW] = [120, 180];

/**
 * @typedef {{seek: (seconds: number) => void, pause: () => void, changed: () => void}} Actions `changed`: the words are others
 */

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
  /** @type {HTMLElement | null} the word that is played */
  #current = null;
  /** Whether the page scrolls with the words that are played. */
  #following = remembered(FOLLOWING) !== "off";
  /** Whether the reader has scrolled away from them. */
  #away = false;
  /** @type {Map<number, {chunk: Chunk, element: HTMLElement, words: Shown[]}>} */
  #chunks = new Map();
  corrections = new Corrections(new Map(), () => {});
  /** @type {(edits: Edits) => void} */
  #keep = () => {};
  /** @type {Transcript | null} as it is shown, without the corrections of its words */
  transcript = null;
  /** @type {Segment[] | null} the model's */
  original = null;
  #editing = false;
  #leaving = new AbortController();

  /** @param {Actions} actions */
  constructor(actions) {
    this.actions = actions;
    this.note = h("p", { class: "text-note" });
    this.body = h("div", { class: "text-body" });
    this.element = h("section", { class: "text" }, this.note, this.body);
    this.body.addEventListener("click", (event) => this.#clicked(event));
    this.body.addEventListener("dblclick", (event) => {
      actions.pause(); // the first of the two clicks made it play
      this.#correct(wordElement(event.target));
    });
    this.body.addEventListener("keydown", (event) => this.#pressed(event));
    this.follow = h("button", { type: "button", class: "quiet icon-only", onclick: () => this.toggleFollowing() }, icon("follow", 18));
    const { signal } = this.#leaving;
    for (const name of ["wheel", "touchmove"])
      window.addEventListener(name, () => this.#setAway(true), { passive: true, signal });
    const scrolls = (/** @type {KeyboardEvent} */ { key, target }) => SCROLLING.has(key) && target === document.body;
    document.addEventListener("keydown", (event) => scrolls(event) && this.#setAway(true), { signal });
    this.relabel();
  }

  /** Writes what the page says about the text in its language. */
  relabel() {
    this.element.setAttribute("aria-label", t("text.label"));
    this.words.filter(({ element }) => element.title).forEach((word) => this.#dress(word));
    for (const time of this.#times) time.setAttribute("aria-label", t("text.jump", { time: time.textContent ?? "" }));
    for (const name of ["aria-label", "title"]) this.follow.setAttribute(name, t("player.follow"));
    this.#setAway(this.#away);
  }

  /** @param {boolean} away */
  #setAway(away) {
    this.#away = away;
    this.follow.setAttribute("aria-pressed", String(this.#following && !away));
  }

  /** Follows the words that are played again, or not any more. */
  toggleFollowing() {
    this.#following = !this.#following || this.#away;
    remember(FOLLOWING, this.#following ? null : "off");
    this.#setAway(false);
    if (this.#following) this.#current?.scrollIntoView({ block: "center" });
  }

  /**
   * Scrolls to a word that was asked for; what is played is not followed then.
   *
   * @param {HTMLElement} element
   */
  lookAt(element) {
    this.#setAway(true);
    element.scrollIntoView({ block: "center" });
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
    this.actions.changed();
  }

  /**
   * The text as it is now: with the corrections, or as far as it is known.
   *
   * @returns {Transcript}
   */
  now() {
    if (this.transcript) return withEdits(this.transcript, this.corrections.edits);
    const segments = [...this.#chunks].sort(([a], [b]) => a - b).flatMap(([, { chunk }]) => chunk.segments);
    return { segments, removed: [], language: segments[0]?.language ?? "", duration: segments.at(-1)?.end ?? 0, raw: null };
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
   * @param {(edits: Edits) => void} keep called with every change, and while a word is typed, so that a reload loses none
   */
  setTranscript(transcript, edits, keep) {
    this.transcript = transcript;
    this.#keep = keep;
    this.corrections = new Corrections(edits, (places) => {
      const touched = new Set(places);
      this.words.filter(({ place }) => touched.has(place)).forEach((word) => this.#dress(word));
      keep(edits);
      this.actions.changed();
    });
    this.#chunks.clear();
    const box = h("div", { class: "chunk" });
    const words = this.#fill(box, transcript.segments, 0);
    this.body.replaceChildren(box);
    this.#use(words);
    // A long transcript has 15,000 words: those without anything to say are as they were built.
    const { edits: corrected } = this.corrections;
    words.filter(({ element, place }) => corrected.has(place) || element.matches(".unsure")).forEach((word) => this.#dress(word));
    this.actions.changed();
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
          const unsure = (unit.probability ?? 1) < UNSURE;
          const element = h("span", { class: unsure ? "word unsure" : "word", tabindex: "-1" }, unit.text.trim());
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
      time.addEventListener("click", () => this.#play(start));
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
  #dress({ element, place, text, probability }) {
    const now = this.corrections.edits.get(place);
    const shown = (now || text).trim();
    if (element.textContent !== shown) element.textContent = shown;
    element.classList.toggle("edited", now !== undefined);
    element.classList.toggle("removed", now === "");
    if (now !== undefined) element.title = t("text.edited", { word: text.trim() });
    else if (element.classList.contains("unsure"))
      element.title = t("text.unsure", { percent: `${Math.round((probability ?? 0) * 100)}%` });
    else element.removeAttribute("title");
  }

  /**
   * Corrects words in one step that can be undone.
   *
   * @param {Change[]} changes
   */
  correct(changes) {
    this.corrections.apply(changes);
  }

  /**
   * Shows what others corrected.
   *
   * @param {Edits} now all corrections as they are then
   */
  adopt(now) {
    const places = new Set([...this.corrections.edits.keys(), ...now.keys()]);
    this.corrections.adopt([...places].map((place) => ({ place, text: now.get(place) })));
  }

  /** Whether a word is being typed. */
  get typing() {
    return this.body.querySelector(".word-field") !== null;
  }

  /** @param {"undo" | "redo"} way */
  step(way) {
    /** @type {string[]} */
    const before = this.words.map(({ element }) => element.textContent ?? "");
    this.corrections[way]();
    const changed = this.words.find(({ element }, index) => element.textContent !== before[index]);
    if (changed) this.lookAt(changed.element);
  }

  /** Goes to the next word that the model was not sure of, from the one that has the focus or is played. */
  nextUnsure() {
    const from = wordElement(document.activeElement) ?? this.#current;
    const unsure = this.words.filter(({ element, place }) => element.matches(".unsure") && !this.corrections.edits.has(place));
    const behind = from ? Number(from.dataset.index) : -1;
    const next = unsure.find(({ element }) => Number(element.dataset.index) > behind) ?? unsure[0];
    if (!next) return;
    this.lookAt(next.element);
    next.element.focus({ preventScroll: true });
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
    else this.#play(this.#of(element).start);
  }

  /** @param {number} seconds */
  #play(seconds) {
    this.#setAway(false);
    this.actions.seek(seconds);
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
    const { edits } = this.corrections;
    const drafted = (/** @type {string} */ typed) => this.#keep(new Map(edits).set(word.place, typed));
    correctWord(word, edits.get(word.place), drafted, (now, next) => {
      this.correct([{ place: word.place, text: now }]);
      this.#keep(edits);
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
    if (element && (event.key === "Enter" || event.key === " ")) this.#play(this.#of(element).start);
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
   * Marks the word that is played, and keeps it in sight unless the reader does not want that.
   *
   * @param {number} seconds
   */
  showTime(seconds) {
    const element = this.#timed[wordAt(this.#timed, seconds)]?.element ?? null;
    if (element === this.#current) return;
    this.#current?.classList.remove("playing");
    this.#current = element;
    if (!element) return;
    element.classList.add("playing");
    if (!this.#following) return;
    const { top, bottom } = element.getBoundingClientRect();
    const outside = top < ABOVE || bottom > window.innerHeight - BELOW;
    if (!outside) this.#setAway(false); // the reader came back
    else if (!this.#away) element.scrollIntoView({ block: "center" });
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

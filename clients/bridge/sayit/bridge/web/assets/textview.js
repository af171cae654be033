/** The text on the page: paragraphs with their times, words that can be clicked, the word that is played. */

import { correctWord } from "./correcting.js";
import { Corrections } from "./corrections.js";
import { h } from "./dom.js";
import { ABOVE, Following } from "./following.js";
import { t } from "./i18n.js";
import { join, laid, named, resolved, split, written } from "./layout.js";
import { fill, nameSpeakers } from "./paragraphs.js";
import { askSpeaker } from "./speakers.js";

/** @import {Change} from "./corrections.js" */
/** @import {Edits} from "./edits.js" */
/** @import {Laid, Unit} from "./layout.js" */
/** @import {Chunk} from "./live.js" */
/** @import {Transcript} from "./wire.js" */

/** @typedef {Unit & {segment: Laid, element: HTMLElement}} Shown */

/** Keys of edits that change a word and nothing else. */
const OF_A_WORD = /^\d+:\d+$/;
/**
 * @typedef {{seek: (seconds: number) => void, pause: () => void, changed: () => void, readOnly?: boolean}} Actions `changed`: the words are others
 */

/** @param {Actions} actions */
export function createTextView(actions) {
  return new TextView(actions);
}

export class TextView {
  /** @type {Shown[]} in order of the page */
  words = [];
  /** @type {HTMLElement[]} the paragraphs' buttons: one tab stop for all of them */
  #times = [];
  /** @type {Map<number, {chunk: Chunk, element: HTMLElement, words: Shown[]}>} */
  #chunks = new Map();
  corrections = new Corrections(new Map(), () => {});
  /** @type {(edits: Edits) => void} */
  #keep = () => {};
  /** @type {Transcript | null} the model's */
  transcript = null;
  /** @type {Laid[]} */
  #laid = [];
  /** Whether it is to be laid out anew when no word is typed any more. */
  #stale = false;
  /** @type {string[]} keys of what was changed last */
  #touched = [];
  #editing = false;
  #leaving = new AbortController();
  following = new Following(this.#leaving.signal);

  /** @param {Actions} actions */
  constructor(actions) {
    this.actions = actions;
    this.note = h("p", { class: "text-note" });
    this.body = h("div", { class: "text-body" });
    this.element = h("section", { class: "text" }, this.note, this.body);
    this.body.addEventListener("click", (event) => this.#clicked(event));
    this.body.addEventListener("dblclick", (event) => {
      if (!actions.readOnly) actions.pause(); // the first of the two clicks made it play
      this.#correct(wordElement(event.target));
    });
    this.body.addEventListener("keydown", (event) => this.#pressed(event));
    this.relabel();
  }

  /** Writes what the page says about the text in its language. */
  relabel() {
    this.element.setAttribute("aria-label", t("text.label"));
    this.words.filter(({ element }) => element.title).forEach((word) => this.#dress(word));
    for (const time of this.#times) time.setAttribute("aria-label", t("text.jump", { time: time.textContent ?? "" }));
    nameSpeakers(this.words);
    this.following.relabel();
  }

  /**
   * Scrolls to a word that was asked for; what is played is not followed then.
   *
   * @param {HTMLElement} element
   */
  lookAt(element) {
    this.following.setAway(true);
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
      const words = this.#fill(element, laid(chunk.segments, new Map()));
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
    const { edits } = this.corrections;
    if (this.transcript) return { ...this.transcript, segments: laid(this.transcript.segments, edits).map((segment) => written(segment, edits)) };
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
      this.#touched = places;
      if (!places.every((place) => OF_A_WORD.test(place))) this.#layOut();
      const touched = new Set(places);
      this.words.filter(({ place }) => touched.has(place)).forEach((word) => this.#dress(word));
      keep(edits);
      this.actions.changed();
    });
    this.#chunks.clear();
    this.#layOut();
    this.actions.changed();
  }

  /** Lays the finished text out; the word that has the focus keeps it, and the reader stays where they are. */
  #layOut() {
    if (!this.transcript) return;
    this.#stale = this.typing;
    if (this.#stale) return;
    const { edits } = this.corrections;
    const focused = wordElement(document.activeElement);
    const anchor = focused ?? this.#inSight();
    const [place, top] = anchor ? [this.#of(anchor).place, anchor.getBoundingClientRect().top] : ["", 0];
    this.#laid = laid(this.transcript.segments, edits);
    const box = h("div", { class: "chunk" });
    const words = this.#fill(box, this.#laid);
    this.body.replaceChildren(box);
    this.#use(words);
    // A long transcript has 15,000 words: those without anything to say are as they were built.
    words.filter(({ element, place }) => edits.has(place) || element.matches(".unsure")).forEach((word) => this.#dress(word));
    const again = place && this.words.find((word) => word.place === place)?.element;
    if (!again) return;
    if (focused) again.focus({ preventScroll: true });
    window.scrollBy({ top: again.getBoundingClientRect().top - top, behavior: "instant" });
  }

  /** The first word of the first paragraph that can be seen. */
  #inSight() {
    if (!this.words.length || this.body.getBoundingClientRect().top > 0) return null;
    const time = this.#times.find((each) => each.getBoundingClientRect().top > ABOVE);
    return /** @type {HTMLElement | null} */ (time?.parentElement?.querySelector(".word") ?? null);
  }

  /**
   * @param {HTMLElement} box
   * @param {Laid[]} segments
   */
  #fill(box, segments) {
    return fill(box, segments, (seconds) => this.#play(seconds));
  }

  /** @param {Shown[]} words */
  #use(words) {
    this.words = words;
    this.following.use(words);
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
    if (this.transcript) this.corrections.apply(resolved(changes, this.transcript.segments, this.corrections.edits));
  }

  /**
   * Lets a segment begin with a word; where one does, joins it to the one before.
   *
   * @param {Shown} word
   * @param {number} [offset] where in its text, which matters where that is all of its line
   */
  splitOrJoin(word, offset = 0) {
    if (!this.transcript || this.actions.readOnly) return;
    const [{ segments }, { edits }, { segment }] = [this.transcript, this.corrections, word];
    const changes = split(segments, edits, word, offset);
    const first = segment.units[0].place === word.place;
    this.corrections.apply(changes.length || !first ? changes : join(segments, edits, this.#laid, this.#laid.indexOf(segment)));
    this.words.find(({ place }) => place === word.place)?.element.focus({ preventScroll: true });
  }

  /**
   * Asks who speaks.
   *
   * @param {Laid} segment
   */
  async name(segment) {
    if (this.actions.readOnly) return;
    const known = [...new Set(this.#laid.map(({ speaker }) => speaker))].filter(Boolean);
    const [{ place }] = segment.units;
    const asked = await askSpeaker(segment.speaker, known);
    const at = this.#laid.findIndex(({ units }) => units[0].place === place); // others may have changed it meanwhile
    if (asked && at >= 0 && this.transcript) {
      const changes = named(this.transcript.segments, this.corrections.edits, this.#laid, at, asked.name, asked.reach);
      this.corrections.apply(changes);
    }
    this.words.find((word) => word.place === place)?.element.focus({ preventScroll: true });
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
    this.#touched = [];
    this.corrections[way]();
    const words = new Set(this.#touched.map((place) => place.replace(/\|$/, "")));
    const segments = new Set(this.#touched.filter((place) => !OF_A_WORD.test(place)).map((place) => Number(place.split(":")[0])));
    const changed = this.words.find(({ place }) => words.has(place)) ?? this.words.find(({ of }) => segments.has(of));
    if (changed) this.lookAt(changed.element);
  }

  /** Goes to the next word that the model was not sure of, from the one that has the focus or is played. */
  nextUnsure() {
    const from = wordElement(document.activeElement) ?? this.following.current;
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
    const naming = /** @type {HTMLElement} */ (event.target).closest(".naming");
    const element = wordElement(naming?.parentElement?.querySelector(".word") ?? event.target);
    if (naming && element) return void this.name(this.#of(element).segment);
    if (!element || getSelection()?.isCollapsed === false) return; // they select to copy
    if (this.#editing) return void this.#correct(element);
    this.following.stayStill();
    this.#play(this.#of(element).start);
  }

  /** @param {number} seconds */
  #play(seconds) {
    this.following.setAway(false);
    this.actions.seek(seconds);
  }

  /** @param {HTMLElement} element */
  #of(element) {
    return this.words[Number(element.dataset.index)];
  }

  /** @param {HTMLElement | null} element */
  #correct(element) {
    if (!element || !this.transcript || this.actions.readOnly) return;
    getSelection()?.removeAllRanges();
    const word = this.#of(element);
    const { edits } = this.corrections;
    const { segments } = this.transcript;
    const drafted = (/** @type {string} */ typed) => {
      const draft = new Map(edits);
      for (const { place, text } of resolved([{ place: word.place, text: typed }], segments, edits)) if (text !== undefined) draft.set(place, text);
      this.#keep(draft);
    };
    correctWord(word, edits.get(word.place), drafted, (now, { next = 0, offset = -1 }) => {
      this.correct([{ place: word.place, text: now }]);
      this.#keep(edits);
      if (this.#stale) this.#layOut();
      const index = this.words.findIndex(({ place }) => place === word.place);
      const shown = this.words[index];
      if (offset >= 0 && shown) this.splitOrJoin(shown, offset);
      else if (next && this.words[index + next]) this.#correct(this.words[index + next].element);
      else shown?.element.focus({ preventScroll: true });
    });
  }

  /** Arrows walk up and down the paragraphs, and left and right from word to word. @param {KeyboardEvent} event */
  #pressed(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    const element = wordElement(target);
    const command = event.ctrlKey || event.metaKey;
    if (target instanceof HTMLInputElement || event.altKey || (command && event.key !== "Enter")) return;
    if (command) {
      if (element) this.splitOrJoin(this.#of(element));
      return event.preventDefault();
    }
    if (element && (event.key === "Enter" || event.key === " ")) this.#play(this.#of(element).start);
    else if (element && (event.key === "e" || event.key === "E" || event.key === "F2")) this.#correct(element);
    else if (element && event.code === "KeyN" && this.transcript) void this.name(this.#of(element).segment);
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

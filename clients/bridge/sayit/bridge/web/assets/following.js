/** The word that is played: marked, and kept in sight unless the reader does not want that. */

import { h, icon } from "./dom.js";
import { remember, remembered, t } from "./i18n.js";
import { wordAt } from "./transcript.js";

/** @import {Shown} from "./textview.js" */

/** Keys that scroll. */
const SCROLLING = new Set(["PageUp", "PageDown", "Home", "End", "ArrowUp", "ArrowDown"]);
const STORED = "sayit.follow";
/** What stays free above: the tools, in pixels. */
export const ABOVE = 120;
/** What stays free below, at least: the player, which is higher where it shows pictures. */
const BELOW = 180;
/** How long the page stays where it is after a click, in milliseconds: the second one of a double-click is for the same word. */
const STILL_MS = 600;
/** How long a page may take to scroll, in milliseconds: until then a word in sight does not say that the reader came back. */
const LEAVING_MS = 1000;

export class Following {
  /** @type {Shown[]} in order of time */
  #timed = [];
  /** @type {HTMLElement | null} the word that is played */
  current = null;
  /** Whether the page scrolls with the words that are played. */
  #on = remembered(STORED) !== "off";
  /** Whether the reader has scrolled away from them. */
  #away = false;
  /** Until when nothing scrolls. */
  #stillUntil = 0;
  /** Until when the reader's scrolling may be under way. */
  #leavingUntil = 0;
  button = h("button", { type: "button", class: "quiet icon-only", onclick: () => this.toggle() }, icon("follow", 18));

  /** @param {AbortSignal} signal ends it */
  constructor(signal) {
    const leave = () => {
      this.#leavingUntil = performance.now() + LEAVING_MS;
      this.setAway(true);
    };
    for (const name of ["wheel", "touchmove"]) window.addEventListener(name, leave, { passive: true, signal });
    const scrolls = (/** @type {KeyboardEvent} */ { key, target }) => SCROLLING.has(key) && target === document.body;
    document.addEventListener("keydown", (event) => scrolls(event) && leave(), { signal });
  }

  relabel() {
    for (const name of ["aria-label", "title"]) this.button.setAttribute(name, t("player.follow"));
    this.setAway(this.#away);
  }

  /** @param {readonly Shown[]} words */
  use(words) {
    this.#timed = [...words].sort((a, b) => a.start - b.start);
  }

  /** The reader has clicked in the text. */
  stayStill() {
    this.#stillUntil = performance.now() + STILL_MS;
  }

  /** @param {boolean} away */
  setAway(away) {
    this.#away = away;
    this.button.setAttribute("aria-pressed", String(this.#on && !away));
  }

  /** Follows the words that are played again, or not any more. */
  toggle() {
    this.#on = !this.#on || this.#away;
    remember(STORED, this.#on ? null : "off");
    this.setAway(false);
    if (this.#on) this.current?.scrollIntoView({ block: "center" });
  }

  /**
   * @param {number} seconds
   * @returns {Shown | null}
   */
  wordAt(seconds) {
    return this.#timed[wordAt(this.#timed, seconds)] ?? null;
  }

  /**
   * Marks the word that is played.
   *
   * @param {number} seconds
   */
  showTime(seconds) {
    const element = this.wordAt(seconds)?.element ?? null;
    if (element === this.current) return;
    this.current?.classList.remove("playing");
    this.current = element;
    if (!element) return;
    element.classList.add("playing");
    if (!this.#on) return;
    const { top, bottom } = element.getBoundingClientRect();
    const player = document.querySelector(".player")?.getBoundingClientRect().top ?? Infinity;
    const outside = top < ABOVE || bottom > Math.min(window.innerHeight - BELOW, player);
    if (!outside && performance.now() > this.#leavingUntil) this.setAway(false); // the reader came back
    else if (outside && !this.#away && performance.now() > this.#stillUntil) element.scrollIntoView({ block: "center" });
  }
}

/** Correcting one word in its place. */

import { h, icon } from "./dom.js";
import { t } from "./i18n.js";
import { corrected } from "./transcript.js";

/** @import {Shown} from "./textview.js" */

/** @typedef {{next?: number, offset?: number}} Then `next`: 1 or -1 for the neighbour, `offset`: a segment begins there */

/**
 * Puts a field in the word's place. Enter and leaving it keep what was typed, Tab goes on to the neighbour, Escape leaves the
 * word as it was; an emptied word is removed. Enter with Ctrl, and the button beside it, let a segment begin with the word, or
 * join the one that does to the one before, as does Backspace at its beginning.
 *
 * @param {Shown} word
 * @param {string | undefined} now as it was corrected, undefined if it was not
 * @param {(typed: string) => void} drafted called with what stands in the field, whenever that changes
 * @param {(now: string | undefined, then: Then) => void} done called once
 */
export function correctWord({ element, text, place, segment }, now, drafted, done) {
  const before = (now ?? text).trim();
  const input = h("input", {
    class: "word-field",
    value: before,
    "aria-label": t("text.edit.label", { word: text.trim() }),
    spellcheck: "true",
    autocapitalize: "off",
  });
  const fit = () => input.style.setProperty("--width", `${Math.max(2, width(input.value))}ch`);
  fit();
  const first = segment.units[0].place === place;
  const action = t(first ? "text.join" : "text.split");
  const cut = h("button", { type: "button", class: "word-cut", tabindex: "-1", title: action, "aria-label": action }, icon(first ? "join" : "split", 16));
  element.replaceWith(input, cut);
  input.focus();
  input.select();

  let over = false;
  const end = (/** @type {boolean} */ keep, /** @type {Then} */ then = {}) => {
    if (over) return;
    over = true;
    cut.remove();
    input.replaceWith(element);
    const value = keep && input.value.trim() !== before ? corrected(text, input.value) : now;
    done(value === text ? undefined : value, then);
  };
  /** Where the word is all of its line, the place of the cursor counts; not while everything is selected. */
  const offset = () => (input.selectionStart === input.selectionEnd ? (input.selectionStart ?? 0) : 0);
  cut.addEventListener("pointerdown", (event) => event.preventDefault()); // or the field would be left
  cut.addEventListener("click", () => end(true, { offset: offset() }));
  input.addEventListener("input", () => {
    fit();
    drafted(corrected(text, input.value));
  });
  input.addEventListener("blur", () => end(true));
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return; // Enter ends a Hangul syllable first
    const atBegin = input.selectionStart === 0 && input.selectionEnd === 0;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) end(true, { offset: offset() });
    else if (event.key === "Backspace" && first && atBegin) end(true, { offset: 0 });
    else if (event.key === "Enter") end(true);
    else if (event.key === "Escape") end(false);
    else if (event.key === "Tab") end(true, { next: event.shiftKey ? -1 : 1 });
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}

/**
 * Widths in ch: Hangul, kana and Han take two.
 *
 * @param {string} text
 */
function width(text) {
  return [...text].reduce((sum, sign) => sum + (/[\u1100-\u11ff\u2e80-\uffdc]/.test(sign) ? 2 : 1), 1);
}

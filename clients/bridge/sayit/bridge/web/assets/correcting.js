/** Correcting one word in its place. */

import { h } from "./dom.js";
import { t } from "./i18n.js";
import { corrected } from "./transcript.js";

/** @import {Shown} from "./textview.js" */

/**
 * Puts a field in the word's place. Enter and leaving it keep what was typed, Tab goes on to the neighbour, Escape leaves the
 * word as it was; an emptied word is removed.
 *
 * @param {Shown} word
 * @param {string | undefined} now as it was corrected, undefined if it was not
 * @param {(typed: string) => void} drafted called with what stands in the field, whenever that changes
 * @param {(now: string | undefined, next: number) => void} done called once, with 1 or -1 if the neighbour comes next
 */
export function correctWord({ element, text }, now, drafted, done) {
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
  element.replaceWith(input);
  input.focus();
  input.select();

  let over = false;
  const end = (/** @type {boolean} */ keep, next = 0) => {
    if (over) return;
    over = true;
    input.replaceWith(element);
    const value = keep && input.value.trim() !== before ? corrected(text, input.value) : now;
    done(value === text ? undefined : value, next);
  };
  input.addEventListener("input", () => {
    fit();
    drafted(corrected(text, input.value));
  });
  input.addEventListener("blur", () => end(true));
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return; // Enter ends a Hangul syllable first
    if (event.key === "Enter") end(true);
    else if (event.key === "Escape") end(false);
    else if (event.key === "Tab") end(true, event.shiftKey ? -1 : 1);
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

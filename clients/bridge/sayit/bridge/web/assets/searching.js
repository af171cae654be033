/** Searching in the text. Matches are marked with the CSS Custom Highlight API, which leaves the words' elements alone. */

import { h, icon } from "./dom.js";
import { t } from "./i18n.js";

/** @import {Shown, TextView} from "./textview.js" */

/** @typedef {{range: Range, element: HTMLElement}} Match */

/**
 * Where a text occurs, ignoring case and how white space is written.
 *
 * @param {Shown[]} words
 * @param {string} wanted
 * @returns {Match[]}
 */
export function find(words, wanted) {
  const needle = folded(wanted.trim().replace(/\s+/g, " "));
  if (!needle) return [];
  // One character of `hay` stands at one place: which word, and where in it.
  let hay = "";
  /** @type {{word: Shown, offset: number}[]} */
  const places = [];
  for (const word of words) {
    const text = folded(word.element.textContent ?? "");
    if (hay && /^\s/.test(spaceBefore(word) + word.text)) {
      hay += " ";
      places.push({ word, offset: 0 });
    }
    for (let offset = 0; offset < text.length; offset++) places.push({ word, offset });
    hay += text;
  }
  /** @type {Match[]} */
  const matches = [];
  for (let at = hay.indexOf(needle); at >= 0; at = hay.indexOf(needle, at + needle.length)) {
    const [from, to] = [places[at], places[at + needle.length - 1]];
    const [start, end] = [from.word.element.firstChild, to.word.element.firstChild];
    if (!start || !end) continue;
    const range = new Range();
    range.setStart(start, from.offset);
    range.setEnd(end, to.offset + 1);
    matches.push({ range, element: from.word.element });
  }
  return matches;
}

/**
 * Lower case of the same length, so that offsets stay true.
 *
 * @param {string} text
 */
function folded(text) {
  const lower = text.toLowerCase();
  return lower.length === text.length ? lower : text;
}

/** @param {Shown} word */
function spaceBefore({ element }) {
  const before = element.previousSibling;
  return before?.nodeType === Node.TEXT_NODE || !before ? " " : "";
}

/** @param {TextView} text */
export function searchField(text) {
  const input = h("input", {
    type: "search",
    id: "search",
    placeholder: t("search.hint"),
    "aria-label": t("search.label"),
    autocomplete: "off",
    spellcheck: "false",
  });
  const count = h("span", { class: "search-count", role: "status" });
  const step = (/** @type {number} */ by) => show(at + by);
  const previous = h(
    "button",
    {
      type: "button",
      class: "quiet icon-only",
      "aria-label": t("search.previous"),
      title: t("search.previous"),
      onclick: () => step(-1),
    },
    icon("previous", 18),
  );
  const next = h(
    "button",
    {
      type: "button",
      class: "quiet icon-only",
      "aria-label": t("search.next"),
      title: t("search.next"),
      onclick: () => step(1),
    },
    icon("next", 18),
  );
  /** @type {Match[]} */
  let matches = [];
  let at = 0;

  const show = (/** @type {number} */ index) => {
    at = matches.length ? (index + matches.length) % matches.length : 0;
    mark(matches, matches[at] ?? null);
    matches[at]?.element.scrollIntoView({ block: "center" });
    count.textContent = !input.value.trim()
      ? ""
      : matches.length
        ? t("search.count", { at: at + 1, n: matches.length })
        : t("search.none");
    previous.hidden = next.hidden = matches.length === 0;
  };
  const look = () => {
    matches = find(text.words, input.value);
    show(0);
  };
  const refresh = () => {
    if (!input.value) return; // words that were corrected have lost their marks
    matches = find(text.words, input.value);
    mark(matches, matches[at] ?? null);
  };
  input.addEventListener("input", look);
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape") {
      input.value = "";
      look();
    } else return;
    event.preventDefault();
  });
  show(0);
  return { element: h("div", { class: "search", role: "search" }, icon("search", 18), input, count, previous, next), refresh };
}

/**
 * @param {Match[]} matches
 * @param {Match | null} current
 */
function mark(matches, current) {
  if (CSS.highlights) {
    CSS.highlights.set("found", new Highlight(...matches.map(({ range }) => range)));
    CSS.highlights.set("found-now", new Highlight(...(current ? [current.range] : [])));
    return;
  }
  document.querySelectorAll(".word.found").forEach((element) => element.classList.remove("found", "found-now"));
  matches.forEach(({ element }) => element.classList.add("found"));
  current?.element.classList.add("found-now");
}

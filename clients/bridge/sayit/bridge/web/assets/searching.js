/** Searching in the text, and replacing. Matches are marked with the CSS Custom Highlight API, which leaves the words' elements alone. */

import { h, icon } from "./dom.js";
import { t } from "./i18n.js";
import { corrected } from "./transcript.js";

/** @import {Change} from "./corrections.js" */
/** @import {Shown, TextView} from "./textview.js" */

/**
 * @typedef {{word: Shown, offset: number}} Place an offset in a word's text as it is shown
 * @typedef {{range: StaticRange, element: HTMLElement, from: Place, to: Place}} Match `to`: behind its last character
 */

/**
 * Where a text occurs, ignoring case, how white space is written, and whether Hangul and accents are composed.
 *
 * @param {Shown[]} words
 * @param {string} wanted
 * @returns {Match[]}
 */
export function find(words, wanted) {
  const needle = folded(wanted.trim().replace(/\s+/g, " "));
  if (!needle) return [];
  let hay = "";
  /** @type {{word: Shown, at: number}[]} where each word begins in `hay` */
  const begins = [];
  for (const word of words) {
    if (word.element.classList.contains("removed")) continue;
    if (hay && /^\s/.test(spaceBefore(word) + word.text)) hay += " ";
    begins.push({ word, at: hay.length });
    hay += folded(word.element.textContent ?? "");
  }
  let next = 0;
  /** The written character that stands at a place of `hay`; places are asked for in order. */
  const written = (/** @type {number} */ place) => {
    while (next + 1 < begins.length && begins[next + 1].at <= place) next += 1;
    const { word, at } = begins[next];
    return { word, ...character(word.element.textContent ?? "", place - at) };
  };
  /** @type {Match[]} */
  const matches = [];
  for (let at = hay.indexOf(needle); at >= 0; at = hay.indexOf(needle, at + needle.length)) {
    const [first, last] = [written(at), written(at + needle.length - 1)];
    const [start, end] = [first.word.element.firstChild, last.word.element.firstChild];
    if (!start || !end) continue;
    // Static: browsers compare each change of the text with every live range.
    const places = { startContainer: start, startOffset: first.begin, endContainer: end, endOffset: last.end };
    const range = new StaticRange(places);
    const [from, to] = [
      { word: first.word, offset: first.begin },
      { word: last.word, offset: last.end },
    ];
    matches.push({ range, element: first.word.element, from, to });
  }
  return matches;
}

/** @param {string} text */
function folded(text) {
  return text.normalize("NFC").toLowerCase();
}

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/**
 * The character of a text that stands at a place of the folded text.
 *
 * @param {string} text
 * @param {number} place
 * @returns {{begin: number, end: number}} where it is written
 */
function character(text, place) {
  if (text.normalize("NFC") === text && folded(text).length === text.length) return { begin: place, end: place + 1 };
  let [begin, passed] = [0, 0];
  for (const { segment } of graphemes.segment(text)) {
    passed += folded(segment).length;
    if (passed > place) return { begin, end: begin + segment.length };
    begin += segment.length;
  }
  return { begin, end: begin };
}

/** @param {Shown} word */
function spaceBefore({ element }) {
  const before = element.previousSibling;
  return before?.nodeType === Node.TEXT_NODE || !before ? " " : "";
}

/**
 * The changes that put a text in the place of matches: into the word where a match begins; words that it covers are emptied.
 *
 * @param {Shown[]} words
 * @param {Match[]} matches in order, none over another
 * @param {string} replacement
 * @returns {Change[]}
 */
export function replacements(words, matches, replacement) {
  /** @type {Map<Shown, {kept: string, behind: number}>} the new text so far, and where in the old one it goes on */
  const texts = new Map();
  const part = (/** @type {Shown} */ word) => texts.get(word) ?? { kept: "", behind: 0 };
  for (const { from, to } of matches) {
    const before = part(from.word);
    const text = from.word.element.textContent ?? "";
    const begun = before.kept + text.slice(before.behind, from.offset) + replacement;
    texts.set(from.word, { kept: begun, behind: from.word === to.word ? to.offset : text.length });
    for (const word of words.slice(words.indexOf(from.word) + 1, words.indexOf(to.word) + 1))
      texts.set(word, { kept: "", behind: word === to.word ? to.offset : Infinity }); // what stands behind the match stays
  }
  return [...texts].map(([word, { kept, behind }]) => {
    const text = corrected(word.text, kept + (word.element.textContent ?? "").slice(behind));
    return { place: word.place, text: text === word.text ? undefined : text };
  });
}
/** @typedef {{wanted: string, replacing: boolean, replacement: string}} Search */

/**
 * @param {TextView} text
 * @param {Search} before what was searched before the field was made anew
 */
export function searchField(text, before) {
  const input = h("input", {
    type: "search",
    id: "search",
    value: before.wanted,
    placeholder: t("search.hint"),
    "aria-label": t("search.label"),
    autocomplete: "off",
    spellcheck: "false",
  });
  const count = h("span", { class: "search-count", role: "status" });
  const button = (/** @type {"search.previous" | "search.next" | "search.replace"} */ key, /** @type {"previous" | "next" | "replace"} */ picture, /** @type {() => void} */ act) =>
    h("button", { type: "button", class: "quiet icon-only", "aria-label": t(key), title: t(key), onclick: act }, icon(picture, 18));
  const step = (/** @type {number} */ by) => show(at + by);
  const previous = button("search.previous", "previous", () => step(-1));
  const next = button("search.next", "next", () => step(1));
  const toggle = button("search.replace", "replace", () => setReplacing(row.hidden));
  toggle.classList.add("replace-toggle");

  const replacement = h("input", {
    type: "text",
    id: "replacement",
    value: before.replacement,
    placeholder: t("search.replacement"),
    "aria-label": t("search.replacement"),
    autocomplete: "off",
  });
  const replace = (/** @type {Match[]} */ those) => {
    text.correct(replacements(text.words, those, replacement.value));
    show(at); // the next one has taken the place of the one that was replaced
  };
  const one = h("button", { type: "button", class: "button", onclick: () => replace(matches.slice(at, at + 1)) }, t("search.replace.one"));
  const all = h("button", { type: "button", class: "button", onclick: () => replace(matches) }, t("search.replace.all"));
  const row = h("div", { class: "replace" }, replacement, one, all);
  const setReplacing = (/** @type {boolean} */ replacing) => {
    row.hidden = !replacing;
    toggle.setAttribute("aria-pressed", String(replacing));
    if (replacing) (input.value ? replacement : input).focus();
  };
  replacement.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    replace(matches.slice(at, at + 1));
  });

  /** @type {Match[]} */
  let matches = [];
  let at = 0;

  const draw = () => {
    at = Math.min(at, Math.max(0, matches.length - 1));
    mark(matches, matches[at] ?? null);
    count.textContent = !input.value.trim()
      ? ""
      : matches.length
        ? t("search.count", { at: at + 1, n: matches.length })
        : t("search.none");
    previous.hidden = next.hidden = one.disabled = all.disabled = matches.length === 0;
  };
  const show = (/** @type {number} */ index) => {
    at = matches.length ? (index + matches.length) % matches.length : 0;
    draw();
    if (matches[at]) text.lookAt(matches[at].element);
  };
  const search = () => {
    matches = find(text.words, input.value);
    show(0);
  };
  /** The text has changed. */
  const refresh = () => {
    toggle.hidden = !text.transcript || Boolean(text.actions.readOnly);
    if (row.hidden === false && !text.transcript) row.hidden = true;
    if (!input.value) return;
    matches = find(text.words, input.value);
    draw();
  };
  input.addEventListener("input", search);
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape") {
      input.value = "";
      search();
    } else return;
    event.preventDefault();
  });
  row.hidden = !before.replacing;
  toggle.setAttribute("aria-pressed", String(before.replacing));
  draw();
  refresh();
  return {
    element: h("div", { class: "search", role: "search" }, icon("search", 18), input, count, previous, next, toggle),
    row,
    refresh,
    focus: () => input.select(),
    /** @returns {Search} */
    state: () => ({ wanted: input.value, replacing: !row.hidden, replacement: replacement.value }),
  };
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

/** The elements of a transcript's paragraphs. */

import { h } from "./dom.js";
import { clock, t } from "./i18n.js";
import { paragraphs } from "./transcript.js";

/** @import {Laid} from "./layout.js" */
/** @import {Shown} from "./textview.js" */

/** Words that the model thought less likely than this are worth a second look. */
const UNSURE = 0.5;

/**
 * Who speaks, or which channel it is; empty where neither is known.
 *
 * @param {Pick<Laid, "speaker" | "channel">} segment
 */
export function speakerName({ speaker, channel }) {
  return speaker || (channel ? t("speaker.channel", { n: channel }) : "");
}

/**
 * Fills a box with paragraphs; returns their words.
 *
 * @param {HTMLElement} box
 * @param {Laid[]} segments
 * @param {(seconds: number) => void} play
 * @returns {Shown[]}
 */
export function fill(box, segments, play) {
  /** @type {Shown[]} */
  const words = [];
  for (const together of paragraphs(segments)) {
    const text = h("p", { lang: together[0].language || null }, ...together.map((segment) => sentence(segment, words)));
    const { start } = together[0];
    const time = h("button", { type: "button", class: "time", tabindex: "-1" }, clock(start));
    time.setAttribute("aria-label", t("text.jump", { time: clock(start) }));
    time.addEventListener("click", () => play(start));
    const name = speakerName(together[0]);
    box.append(h("div", { class: "paragraph" }, time, h("div", null, name && h("p", { class: "speaker" }, name), text)));
  }
  return words;
}

/**
 * A segment: while it is edited, a line with its speaker in front.
 *
 * @param {Laid} segment
 * @param {Shown[]} words get its words
 */
function sentence(segment, words) {
  const element = h("span", { class: "segment" });
  element.append(h("button", { type: "button", class: "naming", tabindex: "-1" }, speakerName(segment) || t("speaker.none")), " ");
  segment.units.forEach((unit, index) => {
    const unsure = (unit.probability ?? 1) < UNSURE;
    const word = h("span", { class: unsure ? "word unsure" : "word", tabindex: "-1" }, unit.text.trim());
    if (index > 0 && /^\s/.test(unit.text)) element.append(" ");
    element.append(word);
    words.push({ ...unit, segment, element: word });
  });
  return element;
}

/**
 * Writes who speaks in the page's language.
 *
 * @param {readonly Shown[]} words
 */
export function nameSpeakers(words) {
  for (const { segment, element, place } of words) {
    if (place !== segment.units[0].place) continue;
    element.parentElement?.querySelector(".naming")?.replaceChildren(speakerName(segment) || t("speaker.none"));
    element.closest(".paragraph")?.querySelector(".speaker")?.replaceChildren(speakerName(segment));
  }
}

/** The page's language, its sentences, and how it writes times. */

import { STRINGS } from "./strings.js";

/** @typedef {"en" | "ko"} Language */
/** @typedef {keyof typeof STRINGS} Key */

const STORED = "sayit.language";

/** @returns {Language} */
function preferred() {
  const stored = remembered(STORED);
  if (stored === "en" || stored === "ko") return stored;
  return (navigator.languages ?? [navigator.language])
    .find((tag) => /^(ko|en)\b/i.test(tag))
    ?.toLowerCase()
    .startsWith("ko")
    ? "ko"
    : "en";
}

/** @type {Language} */
let language = preferred();

/** @returns {Language} */
export function currentLanguage() {
  return language;
}

/** @param {Language} chosen */
export function setLanguage(chosen) {
  language = chosen;
  remember(STORED, chosen);
}

/**
 * A sentence in the page's language.
 *
 * @param {Key} key
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  return STRINGS[key][language].replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/**
 * The sentence for a number: `key.one` or `key.other`.
 *
 * @param {"progress.queue" | "text.edits" | "removed" | "versions.changed" | "library.chosen" | "library.delete" | "share.days"} key
 * @param {number} n
 */
export function counted(key, n) {
  return t(`${key}.${n === 1 ? "one" : "other"}`, { n });
}

/**
 * The sentence for a key that is put together, or null where there is none.
 *
 * @param {string} key
 */
export function maybe(key) {
  return Object.hasOwn(STRINGS, key) ? t(/** @type {Key} */ (key)) : null;
}

/**
 * A position: 0:07, 2:30, 1:02:03.
 *
 * @param {number} seconds
 */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, String(whole % 60).padStart(2, "0")];
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/**
 * A rough length, rounded up: 20 s, 3 min, 2 h.
 *
 * @param {number} seconds
 */
export function roughly(seconds) {
  if (seconds < 10) return t("time.s", { n: Math.max(1, Math.ceil(seconds)) });
  if (seconds < 90) return t("time.s", { n: Math.ceil(seconds / 5) * 5 });
  if (seconds < 5400) return t("time.min", { n: Math.ceil(seconds / 60) });
  return t("time.h", { n: Math.ceil(seconds / 3600) });
}

/**
 * When something is or was, seen from now: "5 minutes ago", "in 23 hours".
 *
 * @param {Date} date
 */
export function relative(date) {
  const seconds = (date.getTime() - Date.now()) / 1000;
  const format = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "long" });
  const size = Math.abs(seconds);
  if (size < 45) return format.format(0, "second");
  if (size < 3600) return format.format(Math.round(seconds / 60), "minute");
  if (size < 86_400) return format.format(Math.round(seconds / 3600), "hour");
  return format.format(Math.round(seconds / 86_400), "day");
}

/**
 * A day, written out.
 *
 * @param {Date} date
 */
export function longDate(date) {
  return new Intl.DateTimeFormat(language, { dateStyle: "long" }).format(date);
}

/** @param {string} key */
export function remembered(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/**
 * Keeps a preference, where the browser keeps any.
 *
 * @param {string} key
 * @param {string | null} value
 */
export function remember(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // The page works without stored preferences.
  }
}

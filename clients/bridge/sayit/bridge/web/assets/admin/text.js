/** The operator's page in words and figures. */

import { currentLanguage } from "../i18n.js";
import { STRINGS } from "./strings.js";

/** @typedef {keyof typeof STRINGS} Key */

/**
 * A sentence in the page's language.
 *
 * @param {Key} key
 * @param {Record<string, string | number>} [values]
 */
export function say(key, values = {}) {
  return STRINGS[key][currentLanguage()].replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/**
 * A figure as people of the page's language write it.
 *
 * @param {number} value
 * @param {number} [digits] behind the point, at most
 */
export function figure(value, digits = 0) {
  return new Intl.NumberFormat(currentLanguage(), { maximumFractionDigits: digits }).format(value);
}

/**
 * A share of one.
 *
 * @param {number} value
 */
export function percent(value) {
  return new Intl.NumberFormat(currentLanguage(), { style: "percent", maximumFractionDigits: 1 }).format(value);
}

/**
 * A length of time in its natural unit.
 *
 * @param {number} seconds
 */
export function span(seconds) {
  const [value, unit] =
    seconds < 100 ? [seconds, "second"] : seconds < 6000 ? [seconds / 60, "minute"] : [seconds / 3600, "hour"];
  const digits = value < 10 ? 1 : 0;
  return new Intl.NumberFormat(currentLanguage(), { style: "unit", unit, maximumFractionDigits: digits }).format(value);
}

/**
 * A time of day.
 *
 * @param {Date} date
 */
export function moment(date) {
  return new Intl.DateTimeFormat(currentLanguage(), { dateStyle: "medium", timeStyle: "medium" }).format(date);
}

/**
 * A day such as 2026-01-31, without its year.
 *
 * @param {string} day
 */
export function shortDay(day) {
  const [year, month, date] = day.split("-").map(Number);
  return new Intl.DateTimeFormat(currentLanguage(), { month: "numeric", day: "numeric" }).format(new Date(year, month - 1, date));
}

/** The options of the next job: as they were chosen last, in this browser. */

import { remember, remembered } from "./i18n.js";

/** @import {Options} from "./wire.js" */

const STORED = "sayit.options";

/** @type {Options} */
let options = { language: "auto", model: "", expected: "", vocabulary: "", wishes: [], ...stored() };

function stored() {
  try {
    return JSON.parse(remembered(STORED) ?? "{}");
  } catch {
    return {};
  }
}

/** @returns {Options} */
export function chosenOptions() {
  return options;
}

/** @param {Partial<Options>} change */
export function chooseOptions(change) {
  options = { ...options, ...change };
  remember(STORED, JSON.stringify(options));
}

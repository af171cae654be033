/** What is around the content of every page: its language and its theme, and the buttons that switch them. */

import { byId, icon } from "./dom.js";
import { currentLanguage, remember, setLanguage, t } from "./i18n.js";

/** @import {Key} from "./i18n.js" */

const system = matchMedia("(prefers-color-scheme: dark)");

/**
 * Writes the page's head in the reader's language and theme, and has both switched.
 *
 * @param {() => void} relabel writes the content in another language
 */
export function dressPage(relabel) {
  byId("language").addEventListener("click", () => {
    setLanguage(currentLanguage() === "ko" ? "en" : "ko");
    dress();
    relabel();
  });
  byId("theme").addEventListener("click", switchTheme);
  document.querySelector(".skip")?.addEventListener("click", (event) => {
    event.preventDefault(); // the address's fragment says what is shown
    byId("main").focus();
  });
  system.addEventListener("change", redress);
  dress();
}

function dress() {
  const root = document.documentElement;
  root.lang = currentLanguage();
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = t(/** @type {Key} */ (/** @type {HTMLElement} */ (element).dataset.text));
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", t(/** @type {Key} */ (/** @type {HTMLElement} */ (element).dataset.label)));
  }
  const language = byId("language");
  language.textContent = t("language.switch");
  language.lang = currentLanguage() === "ko" ? "en" : "ko";
  const dark = isDark();
  const theme = byId("theme");
  theme.replaceChildren(icon(dark ? "sun" : "moon"));
  theme.setAttribute("aria-label", t(dark ? "theme.light" : "theme.dark"));
  theme.title = t(dark ? "theme.light" : "theme.dark");
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : system.matches;
}

function switchTheme() {
  const dark = !isDark();
  const root = document.documentElement;
  if (dark === system.matches)
    delete root.dataset.theme; // the system's again: it may change with the time of day
  else root.dataset.theme = dark ? "dark" : "light";
  remember("sayit.theme", root.dataset.theme ?? null);
  redress();
}

function redress() {
  dress();
  window.dispatchEvent(new Event("sayit:theme"));
}

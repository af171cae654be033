/** The page's start: language, theme, and which view the address asks for. */

import { setAskForKey } from "./api.js";
import { byId, icon } from "./dom.js";
import { keepLooking, lookNow, note } from "./history.js";
import { showHome } from "./home.js";
import { currentLanguage, remember, setLanguage, spokenLanguage, t } from "./i18n.js";
import { showJob } from "./job.js";
import { askForKey, toast } from "./overlays.js";
import { currentSendings, listen, send } from "./sending.js";
import { keepAudio } from "./store.js";

/** @import {Key} from "./i18n.js" */

/** @type {() => void} takes the view down */
let leave = () => {};
/** @type {() => void} shows how uploads go on */
let sendingChanged = () => {};

function show() {
  leave();
  sendingChanged = () => {};
  const main = byId("main");
  main.replaceChildren();
  const job = /^#\/jobs\/([\w-]+)$/.exec(location.hash);
  if (job) {
    leave = showJob(main, decodeURIComponent(job[1]));
  } else {
    const home = showHome(main);
    leave = home.leave;
    sendingChanged = home.update;
  }
}

function dress() {
  const root = document.documentElement;
  root.lang = currentLanguage();
  document.title = t("title");
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

const system = matchMedia("(prefers-color-scheme: dark)");

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

byId("language").addEventListener("click", () => {
  setLanguage(currentLanguage() === "ko" ? "en" : "ko");
  dress();
  show();
});
byId("theme").addEventListener("click", switchTheme);
system.addEventListener("change", redress);
window.addEventListener("hashchange", () => {
  show();
  window.scrollTo(0, 0);
  byId("main").focus({ preventScroll: true });
});
for (const change of ["online", "offline"]) window.addEventListener(change, lookNow);
// A file that is dropped beside the start page's field would otherwise replace the page.
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  const files = [...(event.dataTransfer?.files ?? [])];
  if (event.defaultPrevented || !files.length) return;
  event.preventDefault();
  send(files, { language: spokenLanguage(), model: "", expected: "", wishes: [] });
  location.hash = "#/";
});
window.addEventListener("beforeunload", (event) => {
  if (currentSendings().some(({ state }) => state !== "refused")) event.preventDefault();
});

setAskForKey(askForKey);
listen({
  changed: () => sendingChanged(),
  accepted: (job, { file, alone }) => {
    void keepAudio(job.id, file).then((kept) => {
      if (!kept) toast(t("player.unkept"), "problem");
    });
    note(job);
    // One file: its text is shown. Several: the list shows all of them.
    if (alone && !location.hash.startsWith("#/jobs/")) location.hash = `#/jobs/${job.id}`;
  },
});
dress();
show();
void keepLooking();

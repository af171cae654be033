/** The page's start: language, theme, and which view the address asks for. */

import { setAskForKey } from "./api.js";
import { byId, icon } from "./dom.js";
import { acceptDrops } from "./dropping.js";
import { note, pollJobs, pollNow } from "./history.js";
import { showHome } from "./home.js";
import { currentLanguage, remember, setLanguage, t } from "./i18n.js";
import { showJob } from "./job.js";
import { chosenOptions } from "./options.js";
import { askForKey, toast } from "./overlays.js";
import { currentRecording } from "./recorder.js";
import { redrawRecordings, showRecordings } from "./recordpanel.js";
import { isUnsent, listen, send } from "./sending.js";
import { keepAudio } from "./store.js";

/** @import {Key} from "./i18n.js" */

/**
 * @typedef {{leave: () => void, update: () => void, relabel: (() => void) | null}} View `leave` takes it down, `update` shows
 * how uploads and recordings go on, `relabel` writes it in another language and keeps what the reader does; null: it is made anew
 */

/** @type {View} */
let view = { leave: () => {}, update: () => {}, relabel: null };

function show() {
  view.leave();
  const main = byId("main");
  main.replaceChildren();
  document.title = t("title");
  const job = /^#\/jobs\/([\w-]+)$/.exec(location.hash);
  view = job ? showJob(main, decodeURIComponent(job[1])) : showHome(main);
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
  redrawRecordings();
  if (view.relabel) view.relabel();
  else show();
});
byId("theme").addEventListener("click", switchTheme);
system.addEventListener("change", redress);
window.addEventListener("hashchange", () => {
  show();
  window.scrollTo(0, 0);
  byId("main").focus({ preventScroll: true });
});
for (const change of ["online", "offline"]) window.addEventListener(change, pollNow);
acceptDrops((files) => {
  send(files, chosenOptions());
  location.hash = "#/";
});
window.addEventListener("beforeunload", (event) => {
  if (currentRecording() || isUnsent()) event.preventDefault();
});

setAskForKey(askForKey);
listen({
  changed: () => view.update(),
  accepted: (job, { file, alone }) => {
    void keepAudio(job.id, file).then((kept) => {
      if (!kept) toast(t("player.unkept"), "problem");
    });
    note(job);
    // One file: its text is shown. Several: the list shows all of them.
    if (alone && !currentRecording() && !location.hash.startsWith("#/jobs/")) location.hash = `#/jobs/${job.id}`;
  },
});
dress();
show();
showRecordings(() => view.update());
void pollJobs();

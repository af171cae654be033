/** The page's start: language, theme, and which view the address asks for. */

import { principal, setAskForKey } from "./api.js";
import { byId } from "./dom.js";
import { dressPage } from "./dress.js";
import { acceptDrops } from "./dropping.js";
import { note, pollJobs, pollNow } from "./history.js";
import { showHome } from "./home.js";
import { t } from "./i18n.js";
import { showJob } from "./job.js";
import { chosenOptions } from "./options.js";
import { askForKey } from "./overlays.js";
import { currentRecording } from "./recorder.js";
import { redrawRecordings, showRecordings } from "./recordpanel.js";
import { isUnsent, listen, send } from "./sending.js";
import { keepAudio } from "./store.js";

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

dressPage(() => {
  redrawRecordings();
  if (view.relabel) view.relabel();
  else show();
});
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
    void keepAudio(job.id, file, principal());
    note(job);
    // One file: its text is shown. Several: the list shows all of them.
    if (alone && !currentRecording() && !location.hash.startsWith("#/jobs/")) location.hash = `#/jobs/${job.id}`;
  },
});
show();
showRecordings(() => view.update());
void pollJobs();

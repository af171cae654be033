/** What is seen of recordings above every view: the one that runs, and those that an earlier page could not send. */

import { getJob, principal } from "./api.js";
import { byId, h, icon, saveAs } from "./dom.js";
import { clock, relative, t } from "./i18n.js";
import { chosenOptions } from "./options.js";
import { confirmed } from "./overlays.js";
import { currentRecording, discardRecording, finishRecording, onRecording, pauseOrResume } from "./recorder.js";
import { forgetRecorded, orphans, recordedFile, recordedSeconds } from "./recordings.js";
import { send } from "./sending.js";
import { keepAudio } from "./store.js";

/** @import {Recording} from "./recorder.js" */
/** @import {Recorded} from "./recordings.js" */

const BARS = 48;
/** Of a dictation whose page was closed: the service has less than the browser by so much, in seconds. */
const MOST_UNHEARD_S = 4;

/** @type {{recording: Recording, element: HTMLElement, update: () => void} | null} */
let panel = null;
/** @type {{recorded: Recorded, seconds: number}[]} */
let recovered = [];

/**
 * Shows recordings from now on.
 *
 * @param {() => void} toggled called when one begins or ends
 */
export function showRecordings(toggled) {
  onRecording(() => {
    const recording = currentRecording();
    if (panel?.recording !== recording) {
      redrawRecordings();
      toggled();
    }
    panel?.update();
  });
  void orphans((recorded) => void takeOrphan(recorded));
}

/** Shows them again, in the page's language. */
export function redrawRecordings() {
  const recording = currentRecording();
  const begins = recording !== null && panel?.recording !== recording;
  panel = recording && recordPanel(recording);
  byId("recordings").replaceChildren(...(panel ? [panel.element] : []), ...recovered.map(question));
  if (begins) panel?.element.querySelector("button")?.focus();
}

/** @param {Recorded} recorded */
async function takeOrphan(recorded) {
  const seconds = await recordedSeconds(recorded.id);
  if (seconds === undefined) return; // the next page asks again
  if (seconds === 0) return forgetRecorded(recorded.id); // its tab ended in the first second
  if (await wasHeard(recorded, seconds)) return forgetRecorded(recorded.id);
  if (recorded.options) return send([await recordedFile(recorded)], recorded.options, recorded.id); // it was on its way
  recovered = [...recovered, { recorded, seconds }];
  redrawRecordings();
}

/**
 * Whether the job of a dictation has all of it; its audio can be played then.
 *
 * @param {Recorded} recorded
 * @param {number} seconds
 */
async function wasHeard(recorded, seconds) {
  const job = recorded.job ? await getJob(recorded.job).catch(() => null) : null;
  if (!job || job.state === "failed" || (job.progress.total ?? 0) < seconds - MOST_UNHEARD_S) return false;
  return keepAudio(job.id, await recordedFile(recorded), principal());
}

/** @param {Recorded} recorded */
function answered(recorded) {
  recovered = recovered.filter((each) => each.recorded !== recorded);
  redrawRecordings();
}

/** @param {(typeof recovered)[number]} one */
function question({ recorded, seconds }) {
  const transcribe = async () => {
    const file = await recordedFile(recorded);
    answered(recorded);
    send([file], chosenOptions(), recorded.id);
  };
  const discard = async () => {
    if (!(await discardConfirmed())) return;
    answered(recorded);
    await forgetRecorded(recorded.id);
  };
  const values = { length: clock(seconds), time: relative(new Date(recorded.startedAt)) };
  return h(
    "section",
    { class: "recovered", "aria-label": t("recovered.title") },
    h("h2", null, t("recovered.title")),
    h("p", null, t("recovered.text", values)),
    h(
      "div",
      { class: "recovered-actions" },
      h("button", { type: "button", class: "button primary", onclick: transcribe }, t("recovered.send")),
      h(
        "button",
        { type: "button", class: "button", onclick: async () => saveAs(await recordedFile(recorded), recorded.name) },
        t("record.save"),
      ),
      h("button", { type: "button", class: "button", onclick: discard }, t("record.discard")),
    ),
  );
}

/**
 * Asks before a recording is thrown away.
 *
 * @param {boolean} [sent] whether the service has it, too
 */
export function discardConfirmed(sent = false) {
  const [title, text] = sent ? [t("dictate.discard.title"), t("dictate.discard.text")] : [t("record.discard.title"), t("record.discard.text")];
  return confirmed({ title, text, confirm: t("record.discard") });
}

/** @param {Recording} recording */
function recordPanel(recording) {
  const title = h("span");
  const time = h("p", { class: "record-time", role: "timer" });
  const levels = Array.from({ length: BARS }, () => h("span", { style: { "--height": 0.03 } }));
  const warning = h("p", { class: "record-warning", role: "alert" });
  const pausing = h("button", { type: "button", class: "button", onclick: pauseOrResume });
  const { dictation } = recording;
  const element = h(
    "section",
    { class: dictation ? "record dictating" : "record", "aria-label": t(dictation ? "drop.dictate" : "record.title") },
    h("p", { class: "record-title" }, h("span", { class: "record-dot", "aria-hidden": "true" }), title),
    time,
    h("div", { class: "levels", "aria-hidden": "true" }, ...levels),
    warning,
    h(
      "div",
      { class: "record-actions" },
      h(
        "button",
        { type: "button", class: "button primary", onclick: () => void finishRecording() },
        icon("check"),
        t(dictation ? "dictate.stop" : "record.stop"),
      ),
      pausing,
      h(
        "button",
        { type: "button", class: "button", onclick: async () => (await discardConfirmed(Boolean(dictation?.job))) && discardRecording() },
        t("record.discard"),
      ),
    ),
  );
  const update = () => {
    const { paused } = recording;
    element.classList.toggle("paused", paused);
    const connecting = dictation && (dictation.state === "connecting" || dictation.state === "waiting");
    const going = dictation?.error ? "record.title" : connecting ? "dictate.connecting" : dictation ? "dictate.title" : "record.title";
    title.textContent = t(paused ? "record.paused" : going);
    const on = t(dictation ? "dictate.resume" : "record.resume");
    pausing.replaceChildren(icon(paused ? "mic" : "pause"), paused ? on : t("record.pause"));
    if (warning.textContent !== recording.warning) warning.textContent = recording.warning;
  };
  let drawnAt = 0;
  const draw = () => {
    if (currentRecording() !== recording || (!element.isConnected && drawnAt)) return;
    if (performance.now() - drawnAt > 60) {
      drawnAt = performance.now();
      time.textContent = clock(recording.seconds);
      const heights = levels.map((bar) => bar.style.getPropertyValue("--height"));
      [...heights.slice(1), String(Math.max(0.03, recording.level))].forEach((height, index) =>
        levels[index].style.setProperty("--height", height),
      );
    }
    requestAnimationFrame(draw);
  };
  update();
  draw();
  return { recording, element, update };
}

/** One line of the list: a file on its way, or a job. */

import { h, icon, saveAs } from "./dom.js";
import { cancel, remove } from "./history.js";
import { clock, currentLanguage, relative, t } from "./i18n.js";
import { nameOf } from "./languages.js";
import { marks, rename } from "./naming.js";
import { confirmed, toast } from "./overlays.js";
import { progressText, share } from "./progress.js";
import { discardConfirmed } from "./recordpanel.js";
import { send, stop, tryAgain } from "./sending.js";
import { audioOf, hasAudio } from "./store.js";
import { isEnded } from "./wire.js";

/** @import {Key} from "./i18n.js" */
/** @import {Job} from "./wire.js" */
/** @import {Sending} from "./sending.js" */

/** @typedef {{element: HTMLElement, update: (value: any, chosen: boolean) => void}} Card */

/** The parts that both kinds share. */
function frame() {
  const name = h("a", { class: "card-name" });
  const state = h("span", { class: "card-state" });
  const meta = h("p", { class: "card-meta" });
  const bar = h("progress", { max: 1, value: 0 });
  const actions = h("div", { class: "card-actions" });
  const dot = h("span", { class: "card-dot", "aria-hidden": "true" });
  const marked = h("div", { class: "card-marks" });
  const element = h("li", { class: "card" }, dot, h("div", { class: "card-text" }, name, meta, marked), state, actions, bar);
  return { element, dot, name, state, meta, marked, bar, actions };
}

/**
 * @param {Key} key
 * @param {Parameters<typeof icon>[0]} picture
 * @param {() => unknown} act
 */
function action(key, picture, act) {
  return h(
    "button",
    { type: "button", class: "quiet icon-only", title: t(key), "aria-label": t(key), onclick: act },
    icon(picture, 18),
  );
}

/**
 * @param {HTMLProgressElement} bar
 * @param {number | null} value null where it is not known
 */
function setBar(bar, value) {
  if (value === null) bar.removeAttribute("value");
  else bar.value = value;
}

/**
 * @param {Sending} sending
 * @returns {Card}
 */
export function sendingCard(sending) {
  const { element, name, state, meta, bar, actions } = frame();
  name.textContent = sending.file.name;
  bar.setAttribute("aria-label", t("progress.label", { name: sending.file.name }));
  const again = action("job.retry", "retry", () => tryAgain(sending));
  const saving = action("record.save", "download", () => saveAs(sending.file, sending.file.name));
  saving.hidden = !sending.recording;
  const removing = action("job.remove", "close", async () => {
    if (!sending.recording || (await discardConfirmed())) stop(sending);
  });
  actions.append(again, saving, removing);
  const update = () => {
    const percent = Math.floor((sending.sent / Math.max(1, sending.file.size)) * 100);
    element.dataset.state = sending.state;
    state.textContent = t(`state.${sending.state}`, { percent: `${Math.min(100, percent)}%` });
    meta.textContent = sending.error || `${(sending.file.size / 2 ** 20).toFixed(1)} MB`;
    meta.toggleAttribute("role", false);
    if (sending.error) meta.setAttribute("role", "alert");
    again.hidden = sending.state !== "refused" || !sending.passing;
    bar.hidden = sending.state === "refused";
    setBar(bar, sending.state === "waiting" ? 0 : sending.sent / Math.max(1, sending.file.size));
  };
  return { element, update };
}

/**
 * @param {Job} first
 * @returns {Card}
 */
export function jobCard(first) {
  let job = first;
  const { element, dot, name, state, meta, marked, bar, actions } = frame();
  const choice = h("input", { type: "checkbox", class: "card-choice", value: job.id });
  dot.after(choice);
  name.href = `#/jobs/${job.id}`;
  const naming = action("naming.title", "edit", () => void rename(job));
  const again = action("job.retry", "retry", () => void repeat(job));
  again.hidden = true;
  const stopping = action("job.cancel", "stop", () => cancel(job).catch(complain));
  const deleting = action("job.delete", "trash", async () => {
    const neighbour = element.nextElementSibling ?? element.previousElementSibling;
    if (!(await removeAsked(job))) return;
    const next = neighbour?.querySelector("a") ?? document.querySelector("main");
    /** @type {HTMLElement | null} */ (next)?.focus(); // or it would be lost with the button
  });
  actions.append(again, naming, stopping, deleting);

  const update = (/** @type {Job} */ now, chosen = false) => {
    job = now;
    const ended = isEnded(job.state);
    const title = job.name || t("history.unnamed");
    if (name.textContent !== title) name.textContent = title;
    bar.setAttribute("aria-label", t("progress.label", { name: title }));
    choice.setAttribute("aria-label", t("library.choose.one", { name: title }));
    choice.checked = chosen;
    choice.disabled = !ended;
    const key = JSON.stringify(job.labels);
    if (marked.dataset.key !== key) marked.replaceChildren(...[marks(job)].filter((each) => each !== null));
    marked.dataset.key = key;
    element.dataset.state = job.state;
    state.textContent = t(`state.${job.state}`);
    meta.textContent = job.error || (ended ? summary(job) : progressText(job.progress) || relative(job.created));
    if (ended) void isRepeatable(job).then((repeatable) => (again.hidden = !repeatable));
    stopping.hidden = ended;
    deleting.hidden = !ended;
    bar.hidden = ended;
    setBar(bar, share(job.progress));
  };
  return { element, update };
}

/**
 * @param {Job} job
 */
export function summary(job) {
  const parts = [
    job.progress.total ? clock(job.progress.total) : "",
    job.language && job.language !== "auto" ? nameOf(job.language, currentLanguage()) : "",
    relative(job.created),
  ];
  return parts.filter(Boolean).join(" · ");
}

/** @param {Error} error */
function complain(error) {
  toast(error.message, "problem");
}

/**
 * Deletes a job after asking; says whether it is gone.
 *
 * @param {Job} job
 */
export async function removeAsked(job) {
  const sure = await confirmed({ title: t("job.delete.title"), text: t("job.delete.text"), confirm: t("job.delete") });
  if (!sure) return false;
  try {
    await remove(job);
  } catch (error) {
    complain(/** @type {Error} */ (error));
    return false;
  }
  toast(t("job.deleted"));
  return true;
}

/**
 * Whether a job can be sent again and may end otherwise.
 *
 * @param {Job} job
 */
export async function isRepeatable({ id, state, mayPass }) {
  return (state === "cancelled" || (state === "failed" && mayPass)) && (await hasAudio(id));
}

/**
 * Sends a job's audio again, where this browser still has it.
 *
 * @param {Job} job
 */
export async function repeat(job) {
  const audio = await audioOf(job.id);
  if (!audio) return complain(new Error(t("player.missing")));
  const { language, model, expected, vocabulary, wishes } = job;
  send([new File([audio], job.name, { type: audio.type })], { language: language || "auto", model, expected, vocabulary, wishes });
}

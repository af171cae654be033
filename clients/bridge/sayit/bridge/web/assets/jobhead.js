/** A job's name, where it is, and what can be done with it as a whole. */

import { isRepeatable, removeAsked, repeat, summary } from "./card.js";
import { getJob, updateJob } from "./api.js";
import { h, icon } from "./dom.js";
import { cancel, note } from "./history.js";
import { maybe, relative, remember, remembered, t } from "./i18n.js";
import { marks, rename } from "./naming.js";
import { toast } from "./overlays.js";
import { progressText, share } from "./progress.js";
import { currentRecording } from "./recorder.js";
import { shareLinks } from "./sharing.js";
import { isEnded } from "./wire.js";

/** @import {Job} from "./wire.js" */

const SILENT = "sayit.silent";

/** Whether new text is given to screen readers. */
export function isAnnouncing() {
  return remembered(SILENT) !== "on";
}

export function jobHead() {
  /** @type {Job | null} */
  let job = null;
  const title = h("h1", { id: "job-title" });
  const meta = h("p", { class: "job-meta" });
  const bar = h("progress", { max: 1 });
  const state = h("span", { class: "job-state" });
  const how = h("span", { class: "job-how" });
  const announcing = h("button", { type: "button", class: "quiet announcing", "aria-pressed": isAnnouncing() ? "true" : "false" });
  announcing.textContent = t("job.announce");
  announcing.addEventListener("click", () => {
    remember(SILENT, isAnnouncing() ? "on" : null);
    announcing.setAttribute("aria-pressed", String(isAnnouncing()));
  });
  const running = h("div", { class: "job-progress", hidden: true }, h("p", null, state, how), bar, announcing);
  const problem = h("div", { class: "job-problem", hidden: true, role: "alert" });
  const warnings = h("ul", { class: "job-warnings", hidden: true });
  const again = h(
    "button",
    { type: "button", class: "button", hidden: true, onclick: () => job && void startAgain(job) },
    icon("retry"),
    t("job.retry"),
  );
  const stopping = h(
    "button",
    { type: "button", class: "button", hidden: true, onclick: () => job && cancel(job).catch(complain) },
    icon("stop"),
    t("job.cancel"),
  );
  const deleting = h(
    "button",
    {
      type: "button",
      class: "quiet icon-only",
      hidden: true,
      title: t("job.delete"),
      "aria-label": t("job.delete"),
      onclick: () => job && void removeAndLeave(job),
    },
    icon("trash"),
  );
  const keeping = h("button", { type: "button", class: "link", hidden: true, onclick: () => job && void changeKept(job) });
  const changeKept = (/** @type {Job} */ now) =>
    updateJob(now.id, { kept: now.expires !== null }).then((changed) => {
      note(changed);
      if (job?.id === changed.id) show({ ...job, expires: changed.expires });
    }, complain);
  const naming = h(
    "button",
    {
      type: "button",
      class: "quiet icon-only",
      title: t("naming.title"),
      "aria-label": t("naming.title"),
      onclick: () => job && void rename(job),
    },
    icon("edit"),
  );
  const sharing = h(
    "button",
    {
      type: "button",
      class: "quiet icon-only",
      hidden: true,
      title: t("share.title"),
      "aria-label": t("share.title"),
      onclick: () => job && void shareLinks(job, () => void refreshed()),
    },
    icon("share"),
  );
  const refreshed = async () => {
    const now = job && (await getJob(job.id).catch(() => null));
    if (now && job?.id === now.id) show({ ...job, expires: now.expires });
  };
  const marked = h("div", null);
  const element = h(
    "header",
    { class: "job-head" },
    h("a", { href: "#/", class: "job-back" }, icon("back", 18), t("job.back")),
    h("div", { class: "job-title-row" }, title, h("div", { class: "job-actions" }, naming, sharing, again, stopping, deleting)),
    h("div", { class: "job-details" }, meta, keeping),
    marked,
    running,
    problem,
    warnings,
  );

  /** @param {Job} now */
  const show = (now) => {
    job = now;
    const ended = isEnded(now.state);
    const name = now.name || t("history.unnamed");
    title.textContent = name;
    document.title = `${name} · SayIt`;
    marked.replaceChildren(...[marks(now)].filter((each) => each !== null));
    const details = [
      summary(now),
      now.model && t("job.model", { model: now.model }),
      now.cached && t("job.cached"),
      ended && (now.expires ? t("job.expires", { time: relative(now.expires) }) : t("job.kept")),
    ];
    keeping.hidden = !ended;
    keeping.textContent = t(now.expires ? "job.keep" : "job.unkeep");
    meta.textContent = details.filter(Boolean).join(" · ");
    running.hidden = ended;
    bar.setAttribute("aria-label", t("progress.label", { name }));
    const done = share(now.progress);
    if (done === null) bar.removeAttribute("value");
    else bar.value = done;
    state.textContent = t(`state.${now.state}`);
    how.textContent = progressText(now.progress);
    stopping.hidden = ended || currentRecording()?.dictation?.job === now.id; // whose bar has what it needs
    deleting.hidden = !ended;
    sharing.hidden = now.state !== "completed";
    void isRepeatable(now).then((repeatable) => (again.hidden = !repeatable));
    problem.hidden = now.state !== "failed" && now.state !== "cancelled";
    problem.classList.toggle("calm", now.state === "cancelled");
    if (now.state === "failed") explain(t("job.failed.title"), now.error);
    else if (now.state === "cancelled") explain(t("job.cancelled.title"), t("job.cancelled.text"));
    const known = now.warnings.map((code) => maybe(`warning.${code.split(":")[0]}`) ?? code);
    warnings.replaceChildren(...known.map((sentence) => h("li", null, icon("warning", 18), sentence)));
    warnings.hidden = known.length === 0;
  };
  /**
   * @param {string} heading
   * @param {string} sentence
   */
  const explain = (heading, sentence) => {
    const same = problem.dataset.sentence === sentence;
    if (same) return; // or it would be read aloud again
    problem.dataset.sentence = sentence;
    problem.replaceChildren(icon("warning"), h("div", null, h("strong", null, heading), h("p", null, sentence)));
  };
  /**
   * @param {string} heading
   * @param {string} sentence
   */
  const refuse = (heading, sentence) => {
    title.textContent = heading;
    document.title = `${heading} · SayIt`;
    naming.hidden = sharing.hidden = running.hidden = meta.hidden = keeping.hidden = stopping.hidden = again.hidden = deleting.hidden = true;
    problem.hidden = false;
    problem.replaceChildren(icon("warning"), h("p", null, sentence));
  };
  return { element, show, refuse };
}

/** @param {Error} error */
function complain(error) {
  toast(error.message, "problem");
}

/** @param {Job} job */
async function startAgain(job) {
  await repeat(job);
  location.hash = "#/";
}

/** @param {Job} job */
async function removeAndLeave(job) {
  if (await removeAsked(job)) location.hash = "#/";
}

/** A job's name and its tags, which the page keeps in one of its labels. */

import { updateJob } from "./api.js";
import { h } from "./dom.js";
import { note } from "./history.js";
import { t } from "./i18n.js";
import { toast } from "./overlays.js";

/** @import {Job} from "./wire.js" */

const TAGS = "tags";

/**
 * What a job is marked with: its tags, and the labels that programs gave it.
 *
 * @param {Job} job
 * @returns {{tags: string[], labels: string[]}}
 */
export function marksOf({ labels }) {
  const others = Object.entries(labels).filter(([name]) => name !== TAGS);
  return { tags: parted(labels[TAGS] ?? ""), labels: others.map(([name, value]) => (value ? `${name}: ${value}` : name)) };
}

/** @param {string} tags */
function parted(tags) {
  return [...new Set(tags.split(",").map((tag) => tag.trim()))].filter(Boolean);
}

/**
 * @param {Job} job
 * @returns {HTMLElement | null} null where it has none
 */
export function marks(job) {
  const { tags, labels } = marksOf(job);
  if (!tags.length && !labels.length) return null;
  const entries = [...tags.map((tag) => h("li", null, tag)), ...labels.map((label) => h("li", { class: "label" }, label))];
  return h("ul", { class: "marks", "aria-label": t("naming.tags") }, ...entries);
}

/**
 * Asks for a job's name and tags, and gives it them.
 *
 * @param {Job} job
 */
export async function rename(job) {
  const name = h("input", { type: "text", id: "job-name", value: job.name, maxlength: "255", autocomplete: "off" });
  const tags = h("input", { type: "text", id: "job-tags", value: marksOf(job).tags.join(", "), maxlength: "128", autocomplete: "off", "aria-describedby": "job-tags-hint" });
  const dialog = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "dialog-title" },
    h(
      "form",
      { method: "dialog" },
      h("h2", { id: "dialog-title" }, t("naming.title")),
      h("label", { for: "job-name" }, t("naming.name")),
      name,
      h("label", { for: "job-tags" }, t("naming.tags")),
      tags,
      h("p", { id: "job-tags-hint", class: "field-hint" }, t("naming.hint")),
      h(
        "div",
        { class: "dialog-actions" },
        h("button", { type: "button", class: "button", onclick: () => dialog.close("no") }, t("dialog.leave")),
        h("button", { class: "button primary", value: "yes" }, t("naming.save")),
      ),
    ),
  );
  const answer = await new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue);
    });
    document.body.append(dialog);
    dialog.showModal();
    name.select();
  });
  if (answer !== "yes") return;
  const { [TAGS]: before, ...others } = job.labels;
  const now = parted(tags.value).join(", ");
  const change = {
    ...(name.value.trim() !== job.name && { filename: name.value.trim() }),
    ...(now !== (before ?? "") && { labels: now ? { ...others, [TAGS]: now } : others }),
  };
  if (!Object.keys(change).length) return;
  await updateJob(job.id, change).then(note, (error) => toast(error.message, "problem"));
}

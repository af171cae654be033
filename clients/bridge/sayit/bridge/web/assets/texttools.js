/** What can be done with a finished text: search, correct, copy, download. */

import { getFile } from "./api.js";
import { h, icon } from "./dom.js";
import { MEDIA_TYPES, write } from "./files.js";
import { counted, t } from "./i18n.js";
import { menu, toast } from "./overlays.js";
import { searchField } from "./searching.js";
import { withEdits } from "./transcript.js";

/** @import {Form} from "./files.js" */
/** @import {TextView} from "./textview.js" */
/** @import {Job, Transcript} from "./wire.js" */

/**
 * @param {TextView} text
 * @param {() => Job | null} job
 */
export function textTools(text, job) {
  const now = () => (text.transcript ? withEdits(text.transcript, text.edits) : null);
  const edit = h(
    "button",
    { type: "button", class: "quiet", "aria-pressed": "false" },
    icon("edit", 18),
    h("span", null, t("text.edit")),
  );
  edit.addEventListener("click", () => {
    const editing = edit.getAttribute("aria-pressed") !== "true";
    edit.setAttribute("aria-pressed", String(editing));
    edit.lastChild?.replaceWith(h("span", null, t(editing ? "text.edit.done" : "text.edit")));
    text.setEditing(editing);
    updateHint();
  });
  const copying = h("button", { type: "button", class: "quiet" }, icon("copy", 18), h("span", null, t("text.copy")));
  copying.addEventListener("click", () => {
    const transcript = now();
    if (transcript) void copy(write(transcript, "txt").trimEnd());
  });
  const downloading = h(
    "button",
    { type: "button", class: "quiet" },
    icon("download", 18),
    h("span", null, t("text.download")),
    icon("down", 16),
  );
  const forms = /** @type {Form[]} */ (["txt", "srt", "vtt", "json"]);
  const entries = forms.map((form) => ({
    label: t(`text.download.${form}`),
    note: `.${form}`,
    act: () => {
      const transcript = now();
      if (transcript) void download(transcript, form, job(), text.edits.size > 0);
    },
  }));
  const hint = h("p", { class: "text-hint" });
  let audible = false;
  const updateHint = () => {
    const editing = edit.getAttribute("aria-pressed") === "true";
    hint.textContent = t(editing ? "text.edit.hint" : audible ? "text.hint" : "text.hint.unheard");
  };
  updateHint();
  const count = h("span", null);
  const undo = h("button", { type: "button", class: "link", onclick: () => text.undoEdits() }, t("text.edits.undo"));
  const edits = h("p", { class: "text-edits", role: "status", hidden: true }, count, undo);
  const search = searchField(text);
  const element = h(
    "div",
    { class: "tools" },
    h(
      "div",
      { class: "tools-row" },
      search.element,
      h("div", { class: "tools-buttons" }, edit, copying, menu(downloading, entries)),
    ),
    hint,
    edits,
  );
  const update = () => {
    search.refresh();
    edits.hidden = text.edits.size === 0;
    count.textContent = counted("text.edits", text.edits.size);
  };
  /** @param {boolean} heard whether there is audio to hear words in */
  const setAudible = (heard) => {
    audible = heard;
    updateHint();
  };
  return { element, update, setAudible };
}

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Over plain http there is no clipboard API; execCommand still works.
    const field = h("textarea", { class: "unseen" }, text);
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    if (!done) return toast(t("text.copy.failed"), "problem");
  }
  toast(t("text.copied"));
}

/**
 * Without corrections the service's own file, whose subtitles are cut for reading; else, or where the job is gone by now,
 * the page's.
 *
 * @param {Transcript} transcript
 * @param {Form} form
 * @param {Job | null} job
 * @param {boolean} corrected
 */
async function download(transcript, form, job, corrected) {
  const own = () => write(transcript, form);
  const content = corrected || !job ? own() : await getFile(job.id, form).catch(own);
  save(content, form, job?.name ?? "");
}

/**
 * @param {string} content
 * @param {Form} form
 * @param {string} name the recording's
 */
function save(content, form, name) {
  const url = URL.createObjectURL(new Blob([content], { type: `${MEDIA_TYPES[form]};charset=utf-8` }));
  const link = h("a", { href: url, download: `${name.replace(/\.\w{1,5}$/, "") || "transcript"}.${form}` });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** What can be done with a text, from its first words on: search, copy, download; and when it is finished, correct. */

import { getFile } from "./api.js";
import { h, icon, saveAs } from "./dom.js";
import { said } from "./edits.js";
import { FORMS, MEDIA_TYPES, write } from "./files.js";
import { counted, remember, remembered, t } from "./i18n.js";
import { copy, menu, toast } from "./overlays.js";
import { searchField } from "./searching.js";
import { showShortcuts } from "./shortcuts.js";
import { showVersions } from "./versions.js";

/** @import {DocumentForm, Form} from "./files.js" */
/** @import {Saving} from "./saving.js" */
/** @import {Search} from "./searching.js" */
/** @import {TextView} from "./textview.js" */
/** @import {Correction, Job} from "./wire.js" */

/** @typedef {{search: Search, editing: boolean, audible: boolean}} State */

const MARKING = "sayit.unsure";

/** Whether fingers do what a mouse and a keyboard do elsewhere. */
const touch = matchMedia("(pointer: coarse)");

/** @returns {State} */
export function freshState() {
  return { search: { wanted: "", replacing: false, replacement: "" }, editing: false, audible: false };
}

/**
 * @param {TextView} text
 * @param {() => Pick<Job, "id" | "name"> | null} job
 * @param {Saving | null} saving null where it is only read
 * @param {State} before how the tools were before they were made anew
 */
export function textTools(text, job, saving, before) {
  let { editing, audible } = before;
  const edit = labelled("edit", "text.edit", () => setEditing(!editing));
  const copying = labelled("copy", "text.copy", () => void copy(write(text.now(), "txt").trimEnd()));
  const marking = pictured("unsure", "text.unsure.mark", () => setMarking(remembered(MARKING) !== "on"));
  const keys = pictured("keyboard", "keys.title", showShortcuts);
  keys.classList.add("for-mouse");
  const downloading = labelled("download", "text.download", () => {});
  downloading.append(icon("down", 16));
  const entries = FORMS.map((form) => ({
    label: t(`text.download.${form}`),
    note: `.${form}`,
    act: () => void (form === "docx" || form === "pdf" ? downloadDocument(text, form, job(), saving) : download(text, form, job(), saving)),
  }));
  const hint = h("p", { class: "text-hint" });
  const count = h("span", null);
  const undo = pictured("undo", "text.undo", () => text.step("undo"));
  const redo = pictured("redo", "text.redo", () => text.step("redo"));
  const clear = h(
    "button",
    { type: "button", class: "link", onclick: () => text.corrections.clear() },
    t("text.edits.undo"),
  );
  const versions = h("button", { type: "button", class: "link", onclick: () => saving && void showVersions(saving) }, t("versions.title"));
  const saved = h("span", { class: "text-saved" });
  const edits = h("div", { class: "text-edits" }, h("p", null, h("span", { role: "status" }, count), " ", saved), undo, redo, clear, versions);
  const conflict = h("div", { class: "text-conflict", role: "alert", hidden: true });
  const search = searchField(text, before.search);

  const setEditing = (/** @type {boolean} */ on) => {
    editing = on;
    edit.setAttribute("aria-pressed", String(editing));
    edit.querySelector("span")?.replaceChildren(t(editing ? "text.edit.done" : "text.edit"));
    text.setEditing(editing);
    drawHint();
  };
  const setMarking = (/** @type {boolean} */ on) => {
    remember(MARKING, on ? "on" : null);
    marking.setAttribute("aria-pressed", String(on));
    text.element.classList.toggle("show-unsure", on);
  };
  const drawHint = () => {
    if (!saving) return (hint.textContent = audible ? t(touch.matches ? "shared.hint.touch" : "shared.hint") : "");
    if (touch.matches) hint.textContent = t(editing ? "text.edit.hint.touch" : audible ? "text.hint.touch" : "text.hint.touch.silent");
    else hint.textContent = t(editing ? "text.edit.hint" : audible ? "text.hint" : "text.hint.silent");
  };
  /** The text, or its corrections, have changed. */
  const update = () => {
    const { corrections, transcript } = text;
    element.hidden = text.words.length === 0;
    hint.hidden = transcript === null;
    edit.hidden = hint.hidden || !saving;
    search.refresh();
    edits.hidden = !saving;
    if (!saving) return;
    edits.hidden = corrections.edits.size === 0 && !corrections.canUndo && !corrections.canRedo && saving.state === "saved" && !saving.version;
    versions.hidden = !saving.version;
    saved.textContent = saving.state === "refused" ? t("saving.refused", { why: saving.refusal }) : t(`saving.${saving.state}`);
    saved.classList.toggle("problem", saving.state === "refused");
    drawConflict();
    count.textContent = corrections.edits.size ? counted("text.edits", corrections.edits.size) : "";
    undo.disabled = !corrections.canUndo;
    redo.disabled = !corrections.canRedo;
    clear.hidden = corrections.edits.size === 0;
  };
  /** The first segment that others corrected as well. */
  const drawConflict = () => {
    if (!saving) return;
    const [first] = saving.conflicts;
    const key = first ? JSON.stringify([first, saving.of(first[0])]) : "";
    if (conflict.dataset.key === key) return; // or it would be read aloud again
    conflict.dataset.key = key;
    conflict.hidden = !first;
    if (!first) return conflict.replaceChildren();
    const [segment, theirs] = first;
    const model = text.transcript?.segments[segment];
    const say = (/** @type {Correction} */ correction) => {
      const { speaker, joined } = correction;
      const begin = `${joined ? "↑ " : ""}${speaker.replace(/\n/g, ", ")}${speaker && model ? ": " : ""}`;
      return begin + (model ? said(model, correction) : "");
    };
    const choose = (/** @type {boolean} */ keep) => () => saving.settle(segment, keep);
    conflict.replaceChildren(
      h("p", null, t("conflict.title")),
      h("dl", null, h("dt", null, t("conflict.mine")), h("dd", null, say(saving.of(segment))), h("dt", null, t("conflict.theirs")), h("dd", null, say(theirs))),
      h("button", { type: "button", class: "button", onclick: choose(true) }, t("conflict.keep")),
      h("button", { type: "button", class: "button", onclick: choose(false) }, t("conflict.take")),
    );
  };
  const row = h(
    "div",
    { class: "tools-row" },
    search.element,
    h("div", { class: "tools-buttons" }, edit, marking, copying, menu(downloading, entries), keys),
    search.row,
  );
  const element = h("div", { class: "tools" }, row, hint, edits, conflict);
  setEditing(editing);
  setMarking(remembered(MARKING) === "on");
  update();
  return {
    element,
    update,
    focusSearch: search.focus,
    /** @param {boolean} playable whether there is audio to play words from */
    setAudible: (playable) => {
      audible = playable;
      drawHint();
    },
    /** @returns {State} */
    state: () => ({ search: search.state(), editing, audible }),
  };
}

/**
 * @param {Parameters<typeof icon>[0]} picture
 * @param {"text.edit" | "text.copy" | "text.download"} key
 * @param {() => void} act
 */
function labelled(picture, key, act) {
  return h("button", { type: "button", class: "quiet", title: t(key), onclick: act }, icon(picture, 18), h("span", null, t(key)));
}

/**
 * @param {Parameters<typeof icon>[0]} picture
 * @param {"text.unsure.mark" | "keys.title" | "text.undo" | "text.redo"} key
 * @param {() => void} act
 */
function pictured(picture, key, act) {
  return h("button", { type: "button", class: "quiet icon-only", title: t(key), "aria-label": t(key), onclick: act }, icon(picture, 18));
}

/**
 * Of a finished text the service's own file, whose subtitles are cut for reading; else, or where the service cannot be given the
 * corrections or the job is gone by now, the page's.
 *
 * @param {TextView} text
 * @param {Form} form
 * @param {Pick<Job, "id" | "name"> | null} job
 * @param {Saving | null} saving
 */
async function download(text, form, job, saving) {
  const own = () => write(text.now(), form);
  if (text.transcript) await saving?.flush();
  const serviceHasIt = job && text.transcript && (saving?.state ?? "saved") === "saved";
  save(serviceHasIt ? await getFile(job.id, form).catch(own) : own(), form, job?.name ?? "");
}

/**
 * The service's document of a finished text whose corrections it has.
 *
 * @param {TextView} text
 * @param {DocumentForm} form
 * @param {Pick<Job, "id" | "name"> | null} job
 * @param {Saving | null} saving
 */
async function downloadDocument(text, form, job, saving) {
  if (text.transcript) await saving?.flush();
  if (!job || !text.transcript || (saving?.state ?? "saved") !== "saved") return toast(t("text.download.later"), "problem");
  try {
    save(await getFile(job.id, form), form, job.name);
  } catch (error) {
    toast(/** @type {Error} */ (error).message, "problem");
  }
}

/**
 * @param {string | Blob} content
 * @param {Form | DocumentForm} form
 * @param {string} name the recording's
 */
function save(content, form, name) {
  const type = form === "docx" || form === "pdf" ? {} : { type: `${MEDIA_TYPES[form]};charset=utf-8` };
  const file = new Blob([content], type);
  saveAs(file, `${name.replace(/\.\w{1,5}$/, "") || "transcript"}.${form}`);
}

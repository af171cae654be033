/** The list of recordings: searching it, and doing something with several at once. */

import { getFile, listJobs } from "./api.js";
import { jobCard, sendingCard } from "./card.js";
import { h, icon, saveAs } from "./dom.js";
import { FORMS } from "./files.js";
import { currentHistory, loadAll, remove, showOlder } from "./history.js";
import { counted, t } from "./i18n.js";
import { marksOf } from "./naming.js";
import { confirmed, toast } from "./overlays.js";
import { currentSendings } from "./sending.js";
import { isEnded } from "./wire.js";
import { distinct, zipped } from "./zip.js";

/** @import {Card} from "./card.js" */
/** @import {DocumentForm, Form} from "./files.js" */
/** @import {Job} from "./wire.js" */

/** How many are shown at first, and more each time. */
const PAGE = 50;

/** What is searched and chosen, while the page is open. */
/** Jobs whose transcripts have the words that are searched. @type {Set<string>} */
const said = new Set();
/** How long the reader must have typed nothing before the service is asked, in milliseconds. */
const ASK_MS = 300;
let asking = 0;

/** @param {string} wanted */
async function findSaid(wanted) {
  for (let token = "", first = true; first || token; first = false) {
    const page = await listJobs(token, 1000, wanted);
    if (wanted !== state.wanted) return; // other words are searched meanwhile
    for (const { id } of page.jobs) said.add(id);
    token = page.nextPageToken;
  }
}

const state = { wanted: "", limit: PAGE, choosing: false, /** @type {Set<string>} */ chosen: new Set() };

/** @param {string} text */
function folded(text) {
  return text.normalize("NFC").toLowerCase();
}

/**
 * Whether a job's name and marks have all the words.
 *
 * @param {Job} job
 * @param {string[]} words folded
 */
function matches(job, words) {
  if (!words.length) return true;
  const { tags, labels } = marksOf(job);
  const text = folded([job.name, ...tags, ...labels].join("\n"));
  return words.every((word) => text.includes(word));
}

/** @param {Error} error */
function complain(error) {
  toast(error.message, "problem");
}

export function library() {
  /** @type {Map<string, Card>} */
  const cards = new Map();
  const list = h("ul", { class: "cards" });
  const none = h("p", { class: "history-none" }, t("history.none"));
  const search = h("input", { type: "search", id: "library-search", value: state.wanted, placeholder: t("library.search"), "aria-label": t("library.search"), maxlength: "200", autocomplete: "off", spellcheck: "false" });
  const found = h("p", { class: "library-found", role: "status" });
  const choosing = h("button", { type: "button", class: "quiet", onclick: () => setChoosing(!state.choosing) });
  const count = h("span", { role: "status" });
  const all = h("button", { type: "button", class: "link", onclick: () => chooseAll() }, t("library.all"));
  const download = h("button", { type: "button", class: "button", onclick: () => void downloadChosen(chosenJobs()).catch(complain) }, icon("download", 18), t("library.download"));
  const deleting = h("button", { type: "button", class: "button", onclick: () => void deleteChosen(chosenJobs()).then(() => update(), complain) }, icon("trash", 18), t("job.delete"));
  const bar = h("div", { class: "library-bar", role: "group", "aria-label": t("library.choose") }, count, all, download, deleting);
  const more = h("button", { type: "button", class: "button", onclick: () => void further() }, t("history.more"));
  const head = h("div", { class: "history-head" }, h("h2", { id: "history-title" }, t("history.title")), h("p", null, t("history.kept")));
  const tools = h("div", { class: "library-tools" }, h("div", { class: "search" }, icon("search", 18), search), choosing);
  const element = h("section", { class: "history", "aria-labelledby": "history-title" }, head, tools, bar, found, none, list, more);

  const words = () => folded(state.wanted).split(/\s+/).filter(Boolean);
  const fitting = () => currentHistory().jobs.filter((job) => said.has(job.id) || matches(job, words()));
  const chosenJobs = () => currentHistory().jobs.filter(({ id }) => state.chosen.has(id));
  const further = async () => {
    if (fitting().length <= state.limit) await showOlder().catch(complain);
    state.limit += PAGE;
    update();
  };
  const setChoosing = (/** @type {boolean} */ on) => {
    state.choosing = on;
    state.chosen.clear();
    update();
  };
  const chooseAll = () => {
    const those = fitting().filter((job) => isEnded(job.state));
    const every = those.every(({ id }) => state.chosen.has(id));
    for (const { id } of those) every ? state.chosen.delete(id) : state.chosen.add(id);
    update();
  };
  search.addEventListener("input", () => {
    state.wanted = search.value;
    state.limit = PAGE;
    said.clear();
    clearTimeout(asking);
    if (words().length) {
      void loadAll().catch(complain); // which tells as it gets them
      asking = window.setTimeout(() => void findSaid(state.wanted).then(update, complain), ASK_MS);
    }
    update();
  });
  search.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing || !search.value) return;
    search.value = "";
    search.dispatchEvent(new Event("input"));
    event.preventDefault();
  });
  list.addEventListener("change", (event) => {
    const box = /** @type {HTMLInputElement} */ (event.target);
    if (!box.matches(".card-choice")) return;
    if (box.checked) state.chosen.add(box.value);
    else state.chosen.delete(box.value);
    update();
  });

  /** Returns how many there are. */
  const update = () => {
    const { jobs, more: older, loaded } = currentHistory();
    const fit = fitting();
    for (const id of state.chosen) if (!jobs.some((job) => job.id === id)) state.chosen.delete(id);
    const items = [
      ...[...currentSendings()].reverse().map((sending) => ({ key: sending.key, make: () => sendingCard(sending), value: sending })),
      ...fit.slice(0, state.limit).map((job) => ({ key: job.id, make: () => jobCard(job), value: job })),
    ];
    const keys = new Set(items.map(({ key }) => key));
    for (const [key, card] of cards) {
      if (keys.has(key)) continue;
      card.element.remove();
      cards.delete(key);
    }
    items.forEach(({ key, make, value }, index) => {
      const card = cards.get(key) ?? make();
      cards.set(key, card);
      card.update(/** @type {any} */ (value), state.chosen.has(key));
      if (list.children[index] !== card.element) list.insertBefore(card.element, list.children[index] ?? null);
    });
    const total = jobs.length + currentSendings().length;
    none.hidden = total > 0 || !loaded;
    element.dataset.empty = String(total === 0);
    tools.hidden = total === 0;
    found.textContent = words().length ? t("library.found", { n: fit.length, all: `${jobs.length}${older ? "+" : ""}` }) : "";
    more.hidden = fit.length <= state.limit && (!older || words().length > 0);
    list.classList.toggle("choosing", state.choosing);
    choosing.setAttribute("aria-pressed", String(state.choosing));
    choosing.textContent = t(state.choosing ? "library.choose.done" : "library.choose");
    bar.hidden = !state.choosing;
    count.textContent = counted("library.chosen", state.chosen.size);
    deleting.disabled = state.chosen.size === 0;
    download.disabled = !chosenJobs().some((job) => job.state === "completed");
    return total;
  };
  if (words().length) void Promise.all([loadAll(), findSaid(state.wanted)]).then(update, complain);
  return { element, update };
}

/** @param {Job[]} jobs */
async function deleteChosen(jobs) {
  const text = t("job.delete.text");
  if (!(await confirmed({ title: counted("library.delete", jobs.length), text, confirm: t("job.delete") }))) return;
  for (const job of jobs) await remove(job);
  toast(t("job.deleted"));
}

/**
 * Asks for formats, and gives the chosen recordings' files in a zip archive.
 *
 * @param {Job[]} chosen
 */
async function downloadChosen(chosen) {
  const jobs = chosen.filter(({ state }) => state === "completed");
  const forms = await askForms();
  if (!forms.length || !jobs.length) return;
  const names = distinct(
    jobs.map(({ name }) => name.replace(/\.\w{1,5}$/, "")),
    t("history.unnamed"),
  );
  const files = [];
  for (const [index, job] of jobs.entries()) {
    for (const form of forms) {
      const content = new Uint8Array(await (await getFile(job.id, form)).arrayBuffer());
      files.push({ name: `${names[index]}.${form}`, content, at: job.created });
    }
  }
  saveAs(zipped(files), "sayit.zip");
}

/** @returns {Promise<(Form | DocumentForm)[]>} none if it was left */
function askForms() {
  const box = (/** @type {Form | DocumentForm} */ form) =>
    h("label", null, h("input", { type: "checkbox", name: "form", value: form, checked: form === "txt" }), h("span", null, t(`text.download.${form}`)), h("kbd", null, `.${form}`));
  const form = h(
    "form",
    { method: "dialog" },
    h("h2", { id: "dialog-title" }, t("library.formats")),
    h("fieldset", { class: "choices" }, ...FORMS.map(box)),
    h(
      "div",
      { class: "dialog-actions" },
      h("button", { type: "button", class: "button", onclick: () => dialog.close("no") }, t("dialog.leave")),
      h("button", { class: "button primary", value: "yes", autofocus: true }, t("library.zip")),
    ),
  );
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "dialog-title" }, form);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes" ? /** @type {(Form | DocumentForm)[]} */ (new FormData(form).getAll("form")) : []);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

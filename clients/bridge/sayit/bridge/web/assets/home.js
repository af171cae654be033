/** The first view: where recordings come in, and the list of all of them. */

import { largestUpload } from "./api.js";
import { jobCard, sendingCard } from "./card.js";
import { h, icon } from "./dom.js";
import { currentHistory, onHistory, showOlder } from "./history.js";
import { t } from "./i18n.js";
import { optionFields } from "./optionfields.js";
import { toast } from "./overlays.js";
import { recordPanel } from "./recordpanel.js";
import { currentSendings, send } from "./sending.js";

/** @import {Card} from "./card.js" */

const ACCEPTED = "audio/*,video/mp4,video/webm,.mp3,.wav,.m4a,.mp4,.aac,.flac,.ogg,.oga,.opus,.webm";

/**
 * @param {HTMLElement} main
 * @returns {{leave: () => void, update: () => void}}
 */
export function showHome(main) {
  const options = optionFields();
  const recorder = recordPanel((file) => send([file], options.chosen()));
  const zone = dropZone((files) => send(files, options.chosen()), recorder.start);
  const list = historyList();
  main.append(
    h(
      "div",
      { class: "home" },
      h("section", { class: "hero" }, h("h1", null, t("hero.title")), h("p", null, t("hero.text"))),
      h("section", { class: "intake" }, zone.element, recorder.element, options.element),
      list.element,
    ),
  );
  recorder.onToggle((running) => {
    zone.element.hidden = running;
  });
  const end = onHistory(list.update);
  list.update();
  return {
    update: list.update,
    leave: () => {
      end();
      zone.leave();
      recorder.leave();
    },
  };
}

/**
 * @param {(files: File[]) => void} take
 * @param {() => void} startRecording
 */
function dropZone(take, startRecording) {
  const input = h("input", { type: "file", multiple: true, accept: ACCEPTED, hidden: true });
  input.addEventListener("change", () => {
    take([...(input.files ?? [])]);
    input.value = "";
  });
  const title = h("p", { class: "drop-title" }, t("drop.title"));
  const formats = h("p", { class: "drop-formats" }, t("drop.formats"));
  largestUpload()
    .then((bytes) => bytes && formats.append(` · ${t("drop.limit", { mb: Math.floor(bytes / 1e6) })}`))
    .catch(() => undefined); // the service refuses a larger file with a sentence
  const element = h(
    "div",
    { class: "drop" },
    bars(),
    title,
    formats,
    h(
      "div",
      { class: "drop-actions" },
      h("button", { type: "button", class: "button primary", onclick: () => input.click() }, icon("upload"), t("drop.choose")),
      h("button", { type: "button", class: "button", onclick: startRecording }, icon("mic"), t("drop.record")),
    ),
    input,
  );
  const leave = anywhere(take, (over) => {
    element.classList.toggle("over", over);
    title.textContent = t(over ? "drop.over" : "drop.title");
  });
  return { element, leave };
}

/** A decorative waveform. */
function bars() {
  const heights = [
    0.14, 0.22, 0.4, 0.3, 0.62, 0.86, 0.55, 0.36, 0.72, 1, 0.78, 0.44, 0.26, 0.58, 0.9, 0.66, 0.34, 0.5, 0.24, 0.38, 0.18, 0.12,
  ];
  return h(
    "div",
    { class: "bars", "aria-hidden": "true" },
    ...heights.map((height, index) => h("span", { style: { "--height": height, "--index": index } })),
  );
}

/**
 * Files may be dropped on the whole page.
 *
 * @param {(files: File[]) => void} take
 * @param {(over: boolean) => void} over
 */
function anywhere(take, over) {
  const ended = new AbortController();
  let depth = 0;
  const carriesFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files");
  const on = (/** @type {string} */ name, /** @type {(event: DragEvent) => void} */ act) =>
    document.addEventListener(
      name,
      (event) => carriesFiles(/** @type {DragEvent} */ (event)) && act(/** @type {DragEvent} */ (event)),
      {
        signal: ended.signal,
      },
    );
  on("dragenter", () => over(++depth > 0));
  on("dragleave", () => over(--depth > 0));
  on("dragover", (event) => event.preventDefault());
  on("drop", (event) => {
    event.preventDefault();
    depth = 0;
    over(false);
    take([...(event.dataTransfer?.files ?? [])]);
  });
  return () => ended.abort();
}

function historyList() {
  /** @type {Map<string, Card>} */
  const cards = new Map();
  const list = h("ul", { class: "cards" });
  const none = h("p", { class: "history-none" }, t("history.none"));
  const more = h(
    "button",
    { type: "button", class: "button", onclick: () => showOlder().catch((error) => toast(error.message, "problem")) },
    t("history.more"),
  );
  const element = h(
    "section",
    { class: "history", "aria-labelledby": "history-title" },
    h("div", { class: "history-head" }, h("h2", { id: "history-title" }, t("history.title")), h("p", null, t("history.kept"))),
    none,
    list,
    more,
  );

  const update = () => {
    const { jobs, more: older, loaded } = currentHistory();
    const items = [
      ...[...currentSendings()]
        .reverse()
        .map((sending) => ({ key: sending.key, make: () => sendingCard(sending), value: sending })),
      ...jobs.map((job) => ({ key: job.id, make: () => jobCard(job), value: job })),
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
      card.update(/** @type {any} */ (value));
      if (list.children[index] !== card.element) list.insertBefore(card.element, list.children[index] ?? null);
    });
    none.hidden = items.length > 0 || !loaded;
    element.dataset.empty = String(items.length === 0);
    more.hidden = !older;
  };
  return { element, update };
}

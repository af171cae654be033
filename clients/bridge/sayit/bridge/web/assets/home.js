/** The first view: where recordings come in, and the list of all of them. */

import { largestUpload, mayAdministrate } from "./api.js";
import { h, icon } from "./dom.js";
import { currentHistory, onHistory } from "./history.js";
import { remember, remembered, t } from "./i18n.js";
import { library } from "./library.js";
import { optionFields } from "./optionfields.js";
import { chosenOptions } from "./options.js";
import { currentRecording, startRecording } from "./recorder.js";
import { currentSendings, send } from "./sending.js";

const ACCEPTED =
  "audio/*,video/mp4,video/webm,video/quicktime,video/x-matroska,.mp3,.wav,.m4a,.mp4,.mov,.mkv,.aac,.flac,.ogg,.oga,.opus,.webm";
/** Whether there were recordings when this browser last asked. */
const IN_USE = "sayit.in-use";

/**
 * @param {HTMLElement} main
 * @returns {import("./main.js").View}
 */
export function showHome(main) {
  const zone = dropZone();
  const list = library();
  const home = h(
    "div",
    { class: "home" },
    h("section", { class: "hero" }, h("h1", null, t("hero.title")), h("p", null, t("hero.text"))),
    h("section", { class: "intake" }, zone, optionFields()),
    list.element,
  );
  main.append(home);
  mayAdministrate()
    .then((may) => may && home.append(h("p", { class: "operator" }, h("a", { href: "/admin" }, t("home.admin")))))
    .catch(() => undefined); // then there is no link
  // Decided once: with a layout that changed when the list came, a click on a button met a recording in its place.
  const known = currentHistory().loaded || currentSendings().length > 0;
  home.classList.toggle("in-use", known ? list.update() > 0 : remembered(IN_USE) !== null);
  const update = () => {
    zone.hidden = currentRecording() !== null;
    const total = list.update();
    if (currentHistory().loaded) remember(IN_USE, total > 0 ? "yes" : null);
  };
  const end = onHistory(update);
  update();
  return { update, leave: end, relabel: null };
}

function dropZone() {
  const input = h("input", { type: "file", multiple: true, accept: ACCEPTED, hidden: true });
  input.addEventListener("change", () => {
    send([...(input.files ?? [])], chosenOptions());
    input.value = "";
  });
  const formats = h("p", { class: "drop-formats" }, t("drop.formats"));
  largestUpload()
    .then((bytes) => bytes && formats.append(` · ${t("drop.limit", { mb: Math.floor(bytes / 1e6) })}`))
    .catch(() => undefined); // the service refuses a larger file with a sentence
  return h(
    "div",
    { class: "drop" },
    bars(),
    h(
      "div",
      { class: "drop-text" },
      h("p", { class: "drop-title for-mouse" }, t("drop.title")),
      h("p", { class: "drop-title for-touch" }, t("drop.title.touch")),
      h("p", { class: "drop-title while-dropping" }, t("drop.over")),
      formats,
    ),
    h(
      "div",
      { class: "drop-actions" },
      h("button", { type: "button", class: "button primary", onclick: () => input.click() }, icon("upload"), t("drop.choose")),
      h("button", { type: "button", class: "button", onclick: () => void startRecording() }, icon("mic"), t("drop.record")),
      h("button", { type: "button", class: "button", onclick: () => void startRecording(true) }, icon("dictate"), t("drop.dictate")),
    ),
    input,
  );
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

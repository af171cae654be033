/** How a recording is to be transcribed: language and model visible, rarely needed options behind "More options". */

import { listModels } from "./api.js";
import { h } from "./dom.js";
import { remember, spokenLanguage, t } from "./i18n.js";

/** @import {Options, Wish} from "./wire.js" */

const LANGUAGES = { ko: "한국어", en: "English", ja: "日本語", zh: "中文" };
/** In characters; the service refuses more. */
const MOST_EXPECTED = 2000;
/** @type {Wish[]} */
const BOXES = ["formatting", "channels", "profanity", "translate"];

/** @returns {{element: HTMLElement, chosen: () => Options}} */
export function optionFields() {
  const language = languageField();
  const model = modelField();
  const more = moreFields();
  const element = h("div", { class: "options" }, language.element, model.element, more.element);
  return { element, chosen: () => ({ ...language.chosen(), ...model.chosen(), ...more.chosen() }) };
}

function languageField() {
  const remembered = spokenLanguage();
  const choices = Object.entries({ auto: t("options.auto"), ...LANGUAGES }).map(([value, label]) =>
    h(
      "label",
      null,
      h("input", {
        type: "radio",
        name: "spoken",
        value,
        checked: value === remembered,
        onchange: () => remember("sayit.spoken", value),
      }),
      h("span", { lang: value === "auto" ? null : value }, label),
    ),
  );
  const element = h(
    "fieldset",
    { class: "field" },
    h("legend", null, t("options.language")),
    h("div", { class: "segmented" }, ...choices),
  );
  return { element, chosen: () => ({ language: element.querySelector("input:checked")?.getAttribute("value") ?? "auto" }) };
}

function modelField() {
  const select = h("select", { id: "model" });
  const element = h("div", { class: "field", hidden: true }, h("label", { for: "model" }, t("options.quality")), select);
  listModels()
    .then((models) => {
      for (const { name, isDefault } of models) {
        const label = isDefault ? t("options.default", { model: name }) : name;
        select.append(h("option", { value: isDefault ? "" : name, selected: isDefault }, label));
      }
      element.hidden = models.length === 0;
    })
    .catch(() => undefined); // the default is taken then
  return { element, chosen: () => ({ model: select.value }) };
}

function moreFields() {
  const words = h("input", {
    type: "text",
    id: "expected",
    maxlength: MOST_EXPECTED,
    placeholder: t("options.expected.example"),
    autocomplete: "off",
  });
  const boxes = BOXES.map((name) => ({ name, box: h("input", { type: "checkbox" }) }));
  const element = h(
    "details",
    { class: "more-options" },
    h("summary", null, t("options.more")),
    h("div", { class: "expected" }, h("label", { for: "expected" }, t("options.expected")), words),
    h("div", { class: "boxes" }, ...boxes.map(({ name, box }) => h("label", null, box, h("span", null, t(`options.${name}`))))),
  );
  const wishes = () => boxes.filter(({ box }) => box.checked).map(({ name }) => name);
  return { element, chosen: () => ({ expected: words.value.trim(), wishes: wishes() }) };
}

/** How a recording is to be transcribed: language and model visible, rarely needed options behind "More options". */

import { listModels, listVocabularies } from "./api.js";
import { h } from "./dom.js";
import { currentLanguage, t } from "./i18n.js";
import { FREQUENT, nameOf, spokenLanguages } from "./languages.js";
import { chooseOptions, chosenOptions } from "./options.js";

/** @import {Wish} from "./wire.js" */

/** In characters; the service refuses more. */
const MOST_EXPECTED = 2000;
/** @type {Wish[]} */
const BOXES = ["formatting", "channels", "profanity", "translate"];

/** @returns {HTMLElement} */
export function optionFields() {
  return h("div", { class: "options" }, languageField(), modelField(), moreFields());
}

function languageField() {
  const segments = h("div", { class: "segmented" });
  const draw = () => {
    const { language } = chosenOptions();
    const shown = new Set(["auto", ...FREQUENT, language]);
    segments.replaceChildren(
      ...[...shown].map((tag) =>
        h(
          "label",
          null,
          h("input", {
            type: "radio",
            name: "spoken",
            value: tag,
            checked: tag === language,
            onchange: () => chooseOptions({ language: tag }),
          }),
          tag === "auto" ? h("span", null, t("options.auto")) : h("span", { lang: tag }, nameOf(tag, tag)),
        ),
      ),
    );
  };
  draw();
  const others = h("button", { type: "button", class: "quiet" }, t("options.languages"));
  others.addEventListener("click", async () => {
    const language = await askForLanguage();
    if (language) chooseOptions({ language });
    draw();
    others.focus();
  });
  return h("fieldset", { class: "field" }, h("legend", null, t("options.language")), segments, others);
}

/** @returns {Promise<string>} a language's tag, empty if none was chosen */
function askForLanguage() {
  const search = h("input", {
    type: "search",
    placeholder: t("search.hint"),
    "aria-label": t("options.languages.search"),
    autocomplete: "off",
  });
  const list = h("div", { class: "languages" });
  const cancelling = h("button", { type: "button", class: "button", onclick: () => dialog.close() }, t("job.cancel"));
  const draw = () =>
    list.replaceChildren(
      ...spokenLanguages(search.value, currentLanguage()).map(({ tag, name, own }) =>
        h("button", { value: tag, class: "quiet" }, name, own === name ? null : h("span", { lang: tag }, own)),
      ),
    );
  draw();
  const dialog = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "languages-title" },
    h(
      "form",
      { method: "dialog" },
      h("h2", { id: "languages-title" }, t("options.language")),
      search,
      list,
      h("div", { class: "dialog-actions" }, cancelling),
    ),
  );
  search.addEventListener("input", draw); // Enter presses the first button: the form's default
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

function modelField() {
  const select = h("select", { id: "model", onchange: () => chooseOptions({ model: select.value }) });
  const element = h("div", { class: "field", hidden: true }, h("label", { for: "model" }, t("options.quality")), select);
  listModels()
    .then((models) => {
      const { model } = chosenOptions();
      for (const { name, isDefault } of models) {
        const label = isDefault ? t("options.default", { model: name }) : name;
        select.append(h("option", { value: isDefault ? "" : name, selected: isDefault || name === model }, label));
      }
      chooseOptions({ model: select.value }); // one that is not offered any more would be refused
      element.hidden = models.length < 2;
    })
    .catch(() => undefined); // the default is taken then
  return element;
}

function vocabularyField() {
  const select = h("select", { id: "vocabulary", onchange: () => chooseOptions({ vocabulary: select.value }) });
  const element = h("div", { class: "field", hidden: true }, h("label", { for: "vocabulary" }, t("options.vocabulary")), select);
  listVocabularies()
    .then((names) => {
      const { vocabulary } = chosenOptions();
      select.append(h("option", { value: "" }, t("options.vocabulary.none")));
      for (const name of names) select.append(h("option", { value: name, selected: name === vocabulary }, name));
      chooseOptions({ vocabulary: select.value }); // one that was deleted would be refused
      element.hidden = names.length === 0;
    })
    .catch(() => chooseOptions({ vocabulary: "" })); // what is not seen is not asked for
  return element;
}

function moreFields() {
  const { expected, vocabulary, wishes } = chosenOptions();
  const words = h("input", {
    type: "text",
    id: "expected",
    maxlength: MOST_EXPECTED,
    value: expected,
    placeholder: t("options.expected.example"),
    autocomplete: "off",
    oninput: () => chooseOptions({ expected: words.value.trim() }),
  });
  const boxes = BOXES.map((name) => ({ name, box: h("input", { type: "checkbox", checked: wishes.includes(name), onchange: () => chosen() }) }));
  const chosen = () => chooseOptions({ wishes: boxes.filter(({ box }) => box.checked).map(({ name }) => name) });
  return h(
    "details",
    { class: "more-options", open: Boolean(expected || vocabulary || wishes.length) }, // what is in force is seen
    h("summary", null, t("options.more")),
    h("div", { class: "expected" }, h("label", { for: "expected" }, t("options.expected")), words),
    vocabularyField(),
    h("div", { class: "boxes" }, ...boxes.map(({ name, box }) => h("label", null, box, h("span", null, t(`options.${name}`))))),
  );
}

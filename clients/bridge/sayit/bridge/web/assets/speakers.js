/** Asking who speaks. */

import { h } from "./dom.js";
import { t } from "./i18n.js";

/** @import {Reach} from "./layout.js" */

/**
 * Asks for a speaker's name, and where it holds.
 *
 * @param {string} now the name so far
 * @param {string[]} known names to choose from
 * @returns {Promise<{name: string, reach: Reach} | null>} null if it is to stay
 */
export function askSpeaker(now, known) {
  const input = h("input", { type: "text", id: "speaker", value: now, list: "speakers", maxlength: "100", autocomplete: "off" });
  const reach = (/** @type {Reach} */ value) =>
    h("label", null, h("input", { type: "radio", name: "reach", value, checked: value === "all" }), h("span", null, t(`speaker.${value}`)));
  const form = h(
    "form",
    { method: "dialog" },
    h("h2", { id: "dialog-title" }, t("speaker.title")),
    h("label", { for: "speaker" }, t("speaker.label")),
    input,
    h("datalist", { id: "speakers" }, ...known.map((name) => h("option", { value: name }))),
    h("fieldset", { class: "choices" }, h("legend", null, t("speaker.where")), reach("all"), reach("on"), reach("here")),
    h(
      "div",
      { class: "dialog-actions" },
      h("button", { type: "button", class: "button", onclick: () => dialog.close("no") }, t("dialog.leave")),
      h("button", { class: "button primary", value: "yes" }, t("speaker.save")),
    ),
  );
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "dialog-title" }, form);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      const chosen = /** @type {Reach} */ (new FormData(form).get("reach"));
      resolve(dialog.returnValue === "yes" ? { name: input.value.replace(/\s+/g, " ").trim(), reach: chosen } : null);
    });
    document.body.append(dialog);
    dialog.showModal();
    input.select();
  });
}

/** Elements above the page: short messages, questions, menus. */

import { byId, h, icon } from "./dom.js";
import { t } from "./i18n.js";

/**
 * A message that goes away by itself; a problem stays until it is dismissed.
 *
 * @param {string} sentence
 * @param {"done" | "problem"} [kind]
 */
export function toast(sentence, kind = "done") {
  const close = h("button", { type: "button", class: "quiet icon-only", "aria-label": t("error.dismiss") }, icon("close", 16));
  const element = h(
    "div",
    { class: `toast ${kind}` },
    icon(kind === "done" ? "check" : "warning", 18),
    h("span", null, sentence),
  );
  if (kind === "problem") element.append(close);
  close.addEventListener("click", () => element.remove());
  byId("toasts").append(element);
  if (kind === "done") setTimeout(() => element.remove(), 3000);
}

/** @param {string} text */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Over plain http there is no clipboard API; execCommand still works.
    const field = h("textarea", { class: "unseen" }, text);
    (document.querySelector("dialog[open]") ?? document.body).append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    if (!done) return toast(t("text.copy.failed"), "problem");
  }
  toast(t("text.copied"));
}

/**
 * Asks before something that cannot be undone.
 *
 * @param {{title: string, text: string, confirm: string}} question
 * @returns {Promise<boolean>}
 */
export function confirmed({ title, text, confirm }) {
  const dialog = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "dialog-title", "aria-describedby": "dialog-text" },
    h(
      "form",
      { method: "dialog" },
      h("h2", { id: "dialog-title" }, title),
      h("p", { id: "dialog-text" }, text),
      h(
        "div",
        { class: "dialog-actions" },
        h("button", { class: "button", value: "no", autofocus: true }, t("dialog.cancel")),
        h("button", { class: "button danger", value: "yes" }, confirm),
      ),
    ),
  );
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/**
 * Asks for an API key; there is no way around it, so it cannot be closed without one.
 *
 * @param {boolean} wrong whether the last one was refused
 * @returns {Promise<string>}
 */
export function askForKey(wrong) {
  const input = h("input", { type: "password", id: "api-key", required: true, autocomplete: "off", spellcheck: "false" });
  const dialog = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "key-title" },
    h(
      "form",
      { method: "dialog" },
      h("h2", { id: "key-title" }, t("key.title")),
      h("p", null, t("key.text")),
      h("label", { for: "api-key" }, t("key.label")),
      input,
      wrong && h("p", { class: "problem", role: "alert" }, t("key.wrong")),
      h("div", { class: "dialog-actions" }, h("button", { class: "button primary" }, t("key.submit"))),
    ),
  );
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(input.value.trim());
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/**
 * A button that opens a menu, after the pattern of the ARIA Authoring Practices.
 *
 * @param {HTMLButtonElement} button
 * @param {{label: string, note: string, act: () => void}[]} entries
 */
export function menu(button, entries) {
  const list = h("div", { class: "menu", role: "menu", hidden: true });
  const items = entries.map(({ label, note, act }) => {
    const item = h(
      "button",
      { type: "button", role: "menuitem", tabindex: "-1" },
      h("span", null, label),
      h("kbd", null, note),
    );
    item.addEventListener("click", () => {
      close(true);
      act();
    });
    return item;
  });
  list.append(...items);
  const holder = h("div", { class: "menu-holder" }, button, list);
  button.setAttribute("aria-haspopup", "menu");
  button.setAttribute("aria-expanded", "false");

  const outside = (/** @type {Event} */ event) => {
    if (!holder.contains(/** @type {Node} */ (event.target))) close(false);
  };
  const open = () => {
    list.hidden = false;
    button.setAttribute("aria-expanded", "true");
    items[0].focus();
    document.addEventListener("pointerdown", outside);
  };
  const close = (/** @type {boolean} */ back) => {
    list.hidden = true;
    button.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", outside);
    if (back) button.focus();
  };
  button.addEventListener("click", () => (list.hidden ? open() : close(false)));
  list.addEventListener("keydown", (event) => {
    const at = items.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (to !== undefined) items.at(to % items.length)?.focus();
    else if (event.key === "Escape") close(true);
    else if (event.key === "Tab") return close(false);
    else return;
    event.preventDefault();
  });
  return holder;
}

/** Keys for the whole page of a job. With Alt they work while one types, too. */

import { h } from "./dom.js";
import { remember, remembered, t } from "./i18n.js";

/** @import {Key} from "./i18n.js" */

/** How far J and L go. */
export const SKIP_S = 5;

/** @typedef {"play" | "back" | "on" | "slower" | "faster" | "follow" | "unsure" | "undo" | "redo" | "search"} Action */

const SINGLE = "sayit.single-keys";

/** By the key's place, so that they work with a Hangul keyboard. @type {Record<string, Action>} */
const ANYWHERE = { KeyK: "play", KeyJ: "back", KeyL: "on", Comma: "slower", Period: "faster", KeyU: "unsure" };

/** @type {[string, Key][]} as the list of shortcuts shows them */
const LISTED = [
  ["Alt+K · K · Space", "keys.play"],
  ["Alt+J · J", "keys.back"],
  ["Alt+L · L", "keys.on"],
  ["Alt+, · <", "keys.slower"],
  ["Alt+. · >", "keys.faster"],
  ["F", "keys.follow"],
  ["Alt+U · U", "keys.unsure"],
  ["E · F2", "keys.correct"],
  ["Tab · Shift+Tab", "keys.neighbour"],
  ["Ctrl+Enter", "keys.split"],
  ["N", "keys.name"],
  ["Ctrl+Z · Ctrl+Shift+Z", "keys.undo"],
  ["/", "keys.search"],
  ["← → ↑ ↓", "keys.walk"],
  ["?", "keys.help"],
];

/** People who speak to their computer may switch single keys off: what they say would press them. */
function singleKeys() {
  return remembered(SINGLE) !== "off";
}

/**
 * What a key asks for.
 *
 * @param {KeyboardEvent} event
 * @returns {Action | "help" | null}
 */
function asked(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  const typing = target.closest("input:not([type=checkbox], [type=radio]), textarea, select") !== null;
  const command = event.ctrlKey || event.metaKey;
  if (event.altKey && !command) return ANYWHERE[event.code] ?? null;
  if (typing || event.altKey) return null; // a field undoes its own text
  if (command && event.code === "KeyZ") return event.shiftKey ? "redo" : "undo";
  if (command && event.code === "KeyY") return "redo";
  if (command) return null;
  if (event.key === " ") return target.closest("button, a, summary, label, input, .word") ? null : "play"; // which it presses
  if (!singleKeys()) return null;
  if (event.key === "?") return "help";
  if (event.key === "/") return "search";
  if (event.code === "KeyF" && !event.shiftKey) return "follow"; // with Alt it opens browsers' menus
  const shifted = event.code === "Comma" || event.code === "Period";
  return event.shiftKey === shifted ? (ANYWHERE[event.code] ?? null) : null;
}

/**
 * @param {Record<Action, () => void>} actions
 * @param {AbortSignal} signal ends it
 */
export function listenToKeys(actions, signal) {
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
      const action = asked(event);
      if (!action) return;
      event.preventDefault();
      if (action === "help") showShortcuts();
      else actions[action]();
    },
    { signal },
  );
}

export function showShortcuts() {
  const single = h("input", {
    type: "checkbox",
    checked: singleKeys(),
    onchange: () => remember(SINGLE, single.checked ? null : "off"),
  });
  const dialog = h(
    "dialog",
    { class: "dialog keys", "aria-labelledby": "keys-title" },
    h(
      "form",
      { method: "dialog" },
      h("h2", { id: "keys-title" }, t("keys.title")),
      h("dl", null, ...LISTED.flatMap(([keys, key]) => [h("dt", null, h("kbd", null, keys)), h("dd", null, t(key))])),
      h("label", null, single, h("span", null, t("keys.single"))),
      h("div", { class: "dialog-actions" }, h("button", { class: "button primary", autofocus: true }, t("keys.close"))),
    ),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

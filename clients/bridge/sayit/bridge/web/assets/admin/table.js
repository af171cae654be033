/** Tables. */

import { h } from "../dom.js";

/**
 * A table that scrolls by itself where the screen is narrow.
 *
 * @param {string} name
 * @param {string[]} head a title that begins with # is that of figures
 * @param {(Node | string)[][]} rows
 */
export function table(name, head, rows) {
  const figures = head.map((title) => title.startsWith("#"));
  return h(
    "div",
    { class: "table", tabindex: "0", role: "group", "aria-label": name },
    h(
      "table",
      null,
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          ...head.map((title, index) =>
            title ? h("th", { scope: "col", class: figures[index] && "figure-cell" }, title.replace(/^#/, "")) : h("td", null),
          ),
        ),
      ),
      h(
        "tbody",
        null,
        ...rows.map((cells) => h("tr", null, ...cells.map((cell, index) => h("td", { class: figures[index] && "figure-cell" }, cell)))),
      ),
    ),
  );
}

/**
 * A section with its title.
 *
 * @param {string} id
 * @param {string} title
 * @param {...(Node | string | null)} content
 */
export function section(id, title, ...content) {
  return h("section", { class: "panel", id, "aria-labelledby": `${id}-title` }, h("h2", { id: `${id}-title` }, title), ...content);
}

/**
 * Buttons of which one is chosen.
 *
 * @template {string | number} T
 * @param {{value: T, label: string}[]} choices
 * @param {T} chosen
 * @param {(value: T) => void} choose
 */
export function choice(choices, chosen, choose) {
  const row = h("div", { class: "choice", role: "group" });
  for (const { value, label } of choices) {
    const button = h("button", { type: "button", class: "quiet", "aria-pressed": String(value === chosen) }, label);
    button.addEventListener("click", () => {
      for (const each of row.children) each.setAttribute("aria-pressed", String(each === button));
      choose(value);
    });
    row.append(button);
  }
  return row;
}

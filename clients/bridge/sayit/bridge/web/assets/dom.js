/** Building elements. Text is always set as text, never as markup. */

/**
 * @typedef {Node | string | null | undefined | false} Child
 * @typedef {Record<string, any>} Attributes
 */

/**
 * An element. `class`, `dataset`, `style` (custom properties) and `on…` handlers are understood; other values become attributes,
 * `true` an empty one, and null, undefined and false none.
 *
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Attributes | null} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "dataset") Object.assign(element.dataset, value);
    else if (name === "style") for (const [key, each] of Object.entries(value)) element.style.setProperty(key, String(each));
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(.../** @type {(Node | string)[]} */ (children.filter((child) => child || child === "")));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** Outlines on a grid of 24, drawn with one stroke width. */
const ICONS = {
  back: "M15 5l-7 7 7 7",
  check: "M5 12.5l4.5 4.5L19 7.5",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h10v10H9zM5 15V5h10",
  dictate: "M7 4a2.200 2.200 0 0 1 2.200 2.200v4.300a2.200 2.200 0 0 1-4.400 0V6.200A2.200 2.200 0 0 1 7 4zM2.500 10.500a4.500 4.500 0 0 0 9 0M7 15v4M15.500 6h6M15.500 11h6M13 16h8.500",
  down: "M6 9l6 6 6-6",
  download: "M12 4v11m-5-4.5l5 4.5 5-4.5M5 20h14",
  edit: "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3",
  file: "M7 3h7l4 4v14H7zM14 3v4h4",
  mic: "M12 4a2.5 2.5 0 0 1 2.5 2.5v5a2.5 2.5 0 0 1-5 0v-5A2.5 2.5 0 0 1 12 4zM6 11.5a6 6 0 0 0 12 0M12 17.5V21",
  moon: "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z",
  next: "M6 9l6 6 6-6",
  pause: "M8.5 5.5v13M15.5 5.5v13",
  play: "M8 5l11 7-11 7z",
  previous: "M6 15l6-6 6 6",
  follow: "M5 6h14M5 11h14M5 16h6M15.5 14v6m-3-3l3 3 3-3",
  join: "M12 20V9m-4 4l4-4 4 4M5 5h14",
  keyboard: "M3.5 7h17v10h-17zM7 10.500h.2M10.500 10.500h.2M14 10.500h.2M17 10.500h.2M8 14h8",
  redo: "M18 9H10a4.500 4.500 0 0 0 0 9h4M18 9l-4-4M18 9l-4 4",
  replace: "M4 8h12l-3-3M20 16H8l3 3",
  retry: "M5 12a7 7 0 1 0 2.5-5.400M7 3v4h4",
  search: "M10.5 4.5a6 6 0 1 1 0 12 6 6 0 0 1 0-12zM15 15l5 5",
  share: "M18 8a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5zM6 14.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5zM18 21a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5zM8.200 10.800l7.600-4M8.200 13.200l7.600 4",
  split: "M19 5v6a3 3 0 0 1-3 3H6m4-4l-4 4 4 4",
  stop: "M7 7h10v10H7z",
  sun: "M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M5.300 18.700l1.400-1.400M17.300 6.700l1.400-1.400",
  trash: "M5 7h14M10 7V4.5h4V7M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5",
  undo: "M6 9h8a4.500 4.500 0 0 1 0 9h-4M6 9l4-4M6 9l4 4",
  unsure: "M9 9.500a3 3 0 1 1 4.500 2.600c-1 .6-1.500 1.100-1.500 2.400M12 17.800v.2M4 4h16v17H4z",
  upload: "M12 16V5m-5 4.5L12 5l5 4.5M5 20h14",
  warning: "M12 4.5L21 19.5H3zM12 10v4.5M12 17v.2",
};

/**
 * A decorative icon; the button around it carries the name.
 *
 * @param {keyof typeof ICONS} name
 * @param {number} [size] in pixels
 */
export function icon(name, size = 20) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", width: size, height: size, "aria-hidden": "true" })) {
    svg.setAttribute(key, String(value));
  }
  svg.classList.add("icon", `icon-${name}`);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/**
 * The element with this id.
 *
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element #${id}`);
  return found;
}

/**
 * Gives a file to the browser's downloads.
 *
 * @param {Blob} content
 * @param {string} name
 */
export function saveAs(content, name) {
  const url = URL.createObjectURL(content);
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

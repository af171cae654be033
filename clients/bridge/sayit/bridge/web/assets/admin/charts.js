/** Charts as SVG. What they show is also said in words: each has a name and every bar a title; colours are the style sheet's. */

import { h } from "../dom.js";
import { figure } from "./text.js";

/**
 * @typedef {{label: string, values: number[], title: string}} Column one value for each series, from the bottom; `title` says them
 * @typedef {{name: string, kind: string}} Series `kind` chooses its colour
 */

const SVG = "http://www.w3.org/2000/svg";
const [HEIGHT, LEFT, RIGHT, BOTTOM, TOP] = [220, 44, 14, 22, 10];
/** Letters are not scaled down with the chart: a phone gets a narrower one. */
const NARROW = matchMedia("(max-width: 40rem)");

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {...(Node | string)} children
 */
function svg(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/**
 * The smallest of 1, 2, 2.5 and 5 times a power of ten that is not below a value.
 *
 * @param {number} value
 */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 2.5, 5, 10].map((step) => step * power).find((step) => step >= value) ?? value;
}

/**
 * @param {number} most
 * @returns {number[]} values of the lines, from 0
 */
export function ticksFor(most) {
  const step = roundUp(Math.max(most, 1e-9) / 4);
  return Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, index) => index * step);
}

/**
 * Stacked bars, or bars side by side.
 *
 * @param {string} name
 * @param {Series[]} series
 * @param {Column[]} columns
 * @param {{stacked?: boolean}} [how]
 */
export function barChart(name, series, columns, { stacked = true } = {}) {
  const heights = columns.map(({ values }) => (stacked ? values.reduce((sum, value) => sum + value, 0) : Math.max(0, ...values)));
  const ticks = ticksFor(Math.max(...heights, 1));
  const most = ticks[ticks.length - 1];
  const y = (/** @type {number} */ value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / most);
  const width = NARROW.matches ? 360 : 720;
  const slot = (width - LEFT - RIGHT) / columns.length;
  const gap = Math.min(8, slot * 0.22);
  const every = Math.ceil(columns.length / (NARROW.matches ? 4 : 8));
  const chart = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, class: "chart", role: "img", "aria-label": name });
  for (const tick of ticks) {
    chart.append(
      svg("line", { x1: LEFT, x2: width - RIGHT, y1: y(tick), y2: y(tick), class: "grid" }),
      svg("text", { x: LEFT - 8, y: y(tick) + 4, class: "tick", "text-anchor": "end" }, figure(tick, 2)),
    );
  }
  columns.forEach(({ label, values, title }, index) => {
    const x = LEFT + index * slot + gap / 2;
    const group = svg("g", { class: "column" }, svg("title", {}, title));
    group.append(svg("rect", { x: LEFT + index * slot, y: TOP, width: slot, height: HEIGHT - TOP - BOTTOM, class: "reach" }));
    const thick = (slot - gap) / (stacked ? 1 : values.length);
    let base = 0;
    values.forEach((value, which) => {
      if (value <= 0) return;
      const from = stacked ? base : 0;
      const at = x + (stacked ? 0 : which * thick);
      const size = { x: at, y: y(from + value), width: thick, height: y(from) - y(from + value), rx: Math.min(3, thick / 4) };
      group.append(svg("rect", { ...size, class: `bar ${series[which].kind}` }));
      base += value;
    });
    chart.append(group);
    if ((columns.length - 1 - index) % every === 0) {
      chart.append(svg("text", { x: x + (slot - gap) / 2, y: HEIGHT - 6, class: "tick", "text-anchor": "middle" }, label));
    }
  });
  return h("figure", { class: "figure" }, h("figcaption", null, name), legend(series), chart);
}

/** @param {Series[]} series */
function legend(series) {
  if (series.length < 2) return null;
  return h("ul", { class: "legend" }, ...series.map(({ name, kind }) => h("li", null, h("i", { class: kind }), name)));
}

/**
 * A line over the last minutes.
 *
 * @param {string} name
 * @param {number[]} values oldest first
 * @param {number} room how many there may be
 */
export function sparkline(name, values, room) {
  const [width, height] = [320, 56];
  const most = Math.max(1, ...values);
  const points = values.map((value, index) => {
    const x = ((room - values.length + index) / Math.max(1, room - 1)) * width;
    return `${x.toFixed(1)},${(height - 2 - (value / most) * (height - 6)).toFixed(1)}`;
  });
  const [first, last] = [points[0]?.split(",")[0] ?? "0", points[points.length - 1]?.split(",")[0] ?? "0"];
  return svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, class: "sparkline", role: "img", "aria-label": name, preserveAspectRatio: "none" },
    svg("title", {}, name),
    svg("polygon", { points: `${first},${height} ${points.join(" ")} ${last},${height}`, class: "under" }),
    svg("polyline", { points: points.join(" "), class: "line" }),
  );
}

/**
 * A bar of parts of a whole.
 *
 * @param {string} name says all parts
 * @param {{kind: string, share: number}[]} parts shares of one
 */
export function meter(name, parts) {
  const bar = svg("svg", { viewBox: "0 0 100 8", class: "meter", role: "img", "aria-label": name, preserveAspectRatio: "none" });
  bar.append(svg("title", {}, name), svg("rect", { width: 100, height: 8, class: "rest" }));
  let from = 0;
  for (const { kind, share } of parts) {
    const width = Math.min(100 - from, Math.max(0, share * 100));
    bar.append(svg("rect", { x: from, width, height: 8, class: `bar ${kind}` }));
    from += width;
  }
  return bar;
}

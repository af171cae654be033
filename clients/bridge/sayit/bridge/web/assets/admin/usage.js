/** What was used: by day as a chart, by tenant and key as a table. */

import { h } from "../dom.js";
import { barChart } from "./charts.js";
import { usageOf } from "./data.js";
import { choice, section, table } from "./table.js";
import { figure, say, shortDay, span } from "./text.js";

/** @import {Usage, UsageRow} from "./data.js" */
/** @import {Part} from "./main.js" */

/** @typedef {"audio" | "jobs" | "errors" | "latency"} Measure */

/** @type {{days: number, measure: Measure}} what the reader chose; kept while the page is open */
const chosen = { days: 30, measure: "audio" };

/** @returns {Part} */
export function usagePart() {
  const chart = h("div", null);
  const rest = h("div", null);
  /** @type {Usage | null} */
  let byDay = null;
  const draw = () => byDay && chart.replaceChildren(...chartOf(byDay.rows, chosen.days, chosen.measure));
  const refresh = async () => {
    const [days, owners] = await Promise.all([usageOf(["day"], chosen.days), usageOf(["tenant", "key"], chosen.days)]);
    byDay = days;
    if (!days.kept) {
      chart.replaceChildren(h("p", { class: "soft" }, say("usage.off")));
      rest.replaceChildren();
      return;
    }
    draw();
    rest.replaceChildren(...ownersOf(owners));
  };
  const measures = /** @type {Measure[]} */ (["audio", "jobs", "errors", "latency"]);
  return {
    element: section(
      "usage",
      say("usage"),
      h(
        "div",
        { class: "choices" },
        choice(
          measures.map((value) => ({ value, label: say(`usage.${value}`) })),
          chosen.measure,
          (value) => {
            chosen.measure = value;
            draw();
          },
        ),
        choice(
          [7, 30, 90].map((value) => ({ value, label: say("usage.days", { n: value }) })),
          chosen.days,
          (value) => {
            chosen.days = value;
            void refresh();
          },
        ),
      ),
      chart,
      rest,
    ),
    refresh,
    everyMs: 60_000,
  };
}

/**
 * All days of the time, also those without a job.
 *
 * @param {UsageRow[]} rows
 * @param {number} days
 */
function everyDay(rows, days) {
  const of = new Map(rows.map((row) => [row.day, row]));
  return Array.from({ length: days }, (_, index) => {
    const date = new Date();
    date.setHours(12, 0, 0, 0);
    date.setDate(date.getDate() - (days - 1 - index));
    const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
    return { day, row: of.get(day) };
  });
}

/**
 * @param {UsageRow[]} rows
 * @param {number} days
 * @param {Measure} measure
 */
function chartOf(rows, days, measure) {
  if (!rows.length) return [h("p", { class: "soft" }, say("usage.none"))];
  /** @type {Record<Measure, {series: {name: string, kind: string}[], of: (row: UsageRow) => number[]}>} */
  const measures = {
    audio: { series: [{ name: say("minutes"), kind: "completed" }], of: ({ audio }) => [audio / 60] },
    jobs: {
      series: /** @type {const} */ (["completed", "cached", "cancelled", "failed"]).map((kind) => ({ name: say(kind), kind })),
      of: ({ completed, cached, cancelled, failed }) => [completed, cached, cancelled, failed],
    },
    errors: { series: [{ name: say("failed"), kind: "failed" }], of: ({ failed }) => [failed] },
    latency: {
      series: [
        { name: say("median"), kind: "completed" },
        { name: say("p95"), kind: "cached" },
      ],
      of: ({ median, p95 }) => [median ?? 0, p95 ?? 0],
    },
  };
  const { series, of } = measures[measure];
  const columns = everyDay(rows, days).map(({ day, row }) => {
    const values = row ? of(row) : series.map(() => 0);
    const told = series.map(({ name }, index) => `${name} ${figure(values[index], 1)}`).join(", ");
    return { label: shortDay(day), values, title: `${shortDay(day)}: ${told}` };
  });
  return [
    barChart(say(`usage.${measure}.title`), series, columns, { stacked: measure !== "latency" }),
    h("details", null, h("summary", null, say("usage.as.table")), tableOf(say("usage"), [say("day")], rows, (row) => [row.day])),
  ];
}

/** @param {Usage} owners */
function ownersOf({ rows, errors }) {
  if (!rows.length) return [];
  const codes = errors.map(({ code, jobs }) => [h("code", null, code), figure(jobs)]);
  return [
    h("h3", null, say("usage.table")),
    tableOf(say("usage.table"), [say("tenant"), say("key")], rows, ({ tenant, key }) => [tenant, h("code", null, key)]),
    ...(codes.length ? [h("h3", null, say("usage.errors")), table(say("usage.errors"), [say("error.code"), `#${say("jobs")}`], codes)] : []),
  ];
}

/**
 * @param {string} name
 * @param {string[]} head
 * @param {UsageRow[]} rows
 * @param {(row: UsageRow) => (Node | string)[]} first
 */
function tableOf(name, head, rows, first) {
  const figures = ["usage.audio", "jobs", "completed", "cached", "failed", "cancelled", "median", "p95"];
  return table(
    name,
    [...head, ...figures.map((key) => `#${say(/** @type {import("./text.js").Key} */ (key))}`)],
    rows.map((row) => [
      ...first(row),
      span(row.audio),
      ...[row.jobs, row.completed, row.cached, row.failed, row.cancelled].map((value) => figure(value)),
      ...[row.median, row.p95].map((value) => (value === null ? say("none") : span(value))),
    ]),
  );
}

/** How the installation is at this moment: its parts, its queue, its transcribers, its limits. */

import { h } from "../dom.js";
import { meter, sparkline } from "./charts.js";
import { listLimits, queueNow, statusNow } from "./data.js";
import { section, table } from "./table.js";
import { figure, percent, say, span } from "./text.js";

/** @import {Limit, ModelQueue, Queue, Status, Worker} from "./data.js" */
/** @import {Part} from "./main.js" */

/** Figures of the depth that are kept, one every three seconds: ten minutes. */
const ROOM = 200;
/** @type {number[]} */
const depths = [];

/** @returns {Part} */
export function nowPart() {
  const [state, tiles, queue, workers, limits] = ["p", "div", "div", "div", "div"].map((tag) =>
    h(/** @type {"div"} */ (tag), null),
  );
  state.className = "suite-state";
  tiles.className = "tiles";
  const refresh = async () => {
    const [status, load, bounds] = await Promise.all([statusNow(), queueNow(), listLimits()]);
    depths.push(load.chunks);
    if (depths.length > ROOM) depths.shift();
    state.dataset.state = status.state;
    state.replaceChildren(h("strong", null, say(`state.${status.state}`)), ...status.details.map((detail) => h("span", null, detail)));
    tiles.replaceChildren(...tilesOf(status, load));
    queue.replaceChildren(...queueOf(load));
    workers.replaceChildren(workersOf(status.workers));
    limits.replaceChildren(limitsOf(bounds));
  };
  return {
    element: h(
      "div",
      { class: "panels" },
      section("overview", say("overview"), state, tiles),
      section("queue", say("queue"), queue),
      section("workers", say("workers"), workers),
      section("limits", say("limits"), limits),
    ),
    refresh,
    everyMs: 3000,
  };
}

/**
 * @param {Status} status
 * @param {Queue} load
 */
function tilesOf({ workers, success, mean }, load) {
  const [busy, slots] = [workers.reduce((sum, one) => sum + one.busy, 0), workers.reduce((sum, one) => sum + one.slots, 0)];
  return [
    tile("tile.jobs", figure(load.jobs)),
    tile("tile.audio", span(load.audio)),
    tile("tile.oldest", load.oldest ? span(load.oldest) : say("none")),
    tile("tile.busy", say("tile.busy.of", { busy: figure(busy), slots: figure(slots) })),
    tile("tile.success", success === null ? say("none") : percent(success)),
    tile("tile.mean", mean === null ? say("none") : span(mean)),
  ];
}

/**
 * @param {import("./text.js").Key} key
 * @param {string} value
 */
function tile(key, value) {
  return h("div", { class: "tile" }, h("span", { class: "tile-name" }, say(key)), h("span", { class: "tile-value" }, value));
}

/** @param {Queue} load */
function queueOf(load) {
  const depth = h(
    "div",
    { class: "depth" },
    h("span", null, say("queue.depth")),
    sparkline(say("queue.now", { n: load.chunks }), depths, ROOM),
    h("strong", null, figure(load.chunks)),
  );
  const most = Math.max(1, ...load.models.map(({ amounts }) => amounts.reduce((sum, { audio }) => sum + audio, 0)));
  const busy = load.models.some(({ amounts }) => amounts.some(({ audio }) => audio > 0));
  return [depth, busy ? h("ul", { class: "bars-list" }, ...load.models.map((one) => modelBar(one, most))) : h("p", { class: "soft" }, say("queue.empty"))];
}

/**
 * @param {ModelQueue} queue
 * @param {number} most audio of the model with the most
 */
function modelBar({ model, amounts, oldest }, most) {
  const told = amounts
    .filter(({ audio }) => audio > 0)
    .map(({ state, audio }) => `${say(/** @type {import("./text.js").Key} */ (`queue.${state}`))} ${span(audio)}`);
  if (oldest) told.push(`${say("tile.oldest")} ${span(oldest)}`);
  const shares = amounts.map(({ state, audio }) => ({ kind: state, share: audio / most }));
  return h("li", null, h("strong", null, model), meter(`${model}: ${told.join(", ")}`, shares), h("span", { class: "soft" }, told.join(" · ")));
}

/** @param {Worker[]} workers */
function workersOf(workers) {
  if (!workers.length) return h("p", { class: "soft" }, say("workers.none"));
  const rows = workers.map(({ id, model, slots, busy, speed }) => [
    h("code", null, id),
    model,
    h(
      "span",
      { class: "with-meter" },
      meter(say("tile.busy.of", { busy, slots }), [{ kind: "running", share: busy / Math.max(1, slots) }]),
      say("tile.busy.of", { busy, slots }),
    ),
    speed ? `${figure(speed, 1)} ×` : say("none"),
  ]);
  return table(say("workers"), [say("workers.id"), say("model"), say("workers.busy"), `#${say("workers.speed")}`], rows);
}

/** @param {Limit[]} limits */
function limitsOf(limits) {
  return h(
    "ul",
    { class: "bars-list" },
    ...limits
      .filter(({ most }) => most > 0)
      .map(({ name, tenant, used, most }) => {
        // What is free must be more than the bound; all others must be less.
        const free = name === "SAYIT_MIN_FREE_MB";
        const text = say(free ? "limits.free" : "limits.used", { used: figure(used), most: figure(most) });
        const share = free ? Math.min(1, most / Math.max(1, used)) : used / most;
        const kind = share > 0.9 ? "failed" : "running";
        return h("li", null, h("code", null, name), tenant && h("span", null, tenant), meter(`${name}: ${text}`, [{ kind, share }]), h("span", { class: "soft" }, text));
      }),
  );
}

/** The operator's page: parts that ask the service by themselves while the page is seen. */

import { ApiError, forgetKey, setAskForKey } from "../api.js";
import { setConnected } from "../connection.js";
import { byId, h } from "../dom.js";
import { dressPage } from "../dress.js";
import { pause } from "../events.js";
import { askForKey } from "../overlays.js";
import { jobsPart } from "./jobs.js";
import { nowPart } from "./now.js";
import { recordParts } from "./records.js";
import { say } from "./text.js";
import { usagePart } from "./usage.js";

/** @typedef {{element: HTMLElement, refresh: () => Promise<void>, everyMs: number}} Part a section that is asked for again and again */

/** Ends the loops of what was shown before. */
let shown = new AbortController();

function show() {
  shown.abort();
  shown = new AbortController();
  document.title = `SayIt · ${say("title")}`;
  const parts = [nowPart(), usagePart(), jobsPart()];
  byId("main").replaceChildren(h("h1", null, say("title")), ...parts.map(({ element }) => element), ...recordParts());
  for (const part of parts) void keepCurrent(part, shown.signal);
}

/**
 * Refreshes a part until something else is shown.
 *
 * @param {Part} part
 * @param {AbortSignal} signal
 */
async function keepCurrent(part, signal) {
  while (!signal.aborted) {
    if (!document.hidden) {
      try {
        await part.refresh();
        setConnected("list", true);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof ApiError)) throw error;
        if (!error.passing) {
          refused(error);
          return;
        }
        setConnected("list", false);
      }
    }
    await pause(part.everyMs, signal);
  }
}

/**
 * Says why there is nothing to see, and what can be done.
 *
 * @param {ApiError} error
 */
function refused(error) {
  shown.abort();
  const again = h("button", { type: "button", class: "button primary", onclick: show }, say("retry"));
  const other = h("button", { type: "button", class: "button", onclick: otherKey }, say("other.key"));
  byId("main").replaceChildren(
    h("h1", null, say("title")),
    h("div", { class: "panel", role: "alert" }, h("p", null, error.message), h("div", { class: "choices" }, again, other)),
  );
}

function otherKey() {
  forgetKey();
  show();
}

setAskForKey(askForKey);
dressPage(show);
show();

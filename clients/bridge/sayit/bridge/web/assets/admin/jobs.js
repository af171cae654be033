/** All tenants' jobs, with cancelling and doing again. */

import { h } from "../dom.js";
import { maybe } from "../i18n.js";
import { toast } from "../overlays.js";
import { cancelJob, listJobs, retryJob } from "./data.js";
import { choice, section, table } from "./table.js";
import { moment, percent, say, span } from "./text.js";

/** @import {Job} from "./data.js" */
/** @import {Part} from "./main.js" */

/** @type {Record<"active" | "failed" | "all", string[]>} */
const STATES = { active: ["receiving", "preparing", "running", "merging"], failed: ["failed"], all: [] };
/** @type {{states: keyof typeof STATES}} what the reader chose; kept while the page is open */
const chosen = { states: "all" };

/** @returns {Part} */
export function jobsPart() {
  const list = h("div", null);
  const more = h("button", { type: "button", class: "button", hidden: true }, say("jobs.more"));
  let [token, pages] = ["", 1];
  const refresh = async () => {
    /** @type {Job[]} */
    const jobs = [];
    token = "";
    for (let page = 0; page < pages && (page === 0 || token); page++) {
      const found = await listJobs(STATES[chosen.states], token);
      jobs.push(...found.jobs);
      token = found.more;
    }
    more.hidden = !token;
    show(list, jobs, refresh);
  };
  more.addEventListener("click", () => {
    pages += 1;
    void refresh();
  });
  const states = /** @type {(keyof typeof STATES)[]} */ (Object.keys(STATES));
  return {
    element: section(
      "jobs",
      say("jobs"),
      choice(
        states.map((value) => ({ value, label: say(`jobs.${value}`) })),
        chosen.states,
        (value) => {
          [chosen.states, pages] = [value, 1];
          void refresh();
        },
      ),
      list,
      more,
    ),
    refresh,
    everyMs: 3000,
  };
}

/**
 * @param {HTMLElement} list
 * @param {Job[]} jobs
 * @param {() => Promise<void>} refresh
 */
function show(list, jobs, refresh) {
  // A button that has the focus is not taken away under its user's hand.
  const focused = list.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement).id : "";
  const head = [say("jobs.name"), say("tenant"), say("key"), say("model"), say("jobs.state"), say("jobs.created"), `#${say("jobs.length")}`, ""];
  const rows = jobs.map((job) => [
    h("span", { class: "job-name" }, job.name || h("code", null, job.id.slice(0, 8))),
    job.tenant,
    h("code", null, job.key),
    job.model,
    stateOf(job),
    moment(job.created),
    job.length === null ? say("none") : span(job.length),
    action(job, refresh),
  ]);
  list.replaceChildren(jobs.length ? table(say("jobs"), head, rows) : h("p", { class: "soft" }, say("jobs.none")));
  if (focused) document.getElementById(focused)?.focus();
}

/** @param {Job} job */
function stateOf({ state, fraction, error }) {
  const name = maybe(`state.${state}`) ?? state;
  const text = state === "running" && fraction !== null ? `${name} ${percent(fraction)}` : name;
  return h("span", { class: "job-state", dataset: { state }, title: error || null }, text);
}

/**
 * @param {Job} job
 * @param {() => Promise<void>} refresh
 */
function action(job, refresh) {
  const [label, done, act] = job.ended
    ? [say("jobs.retry"), say("jobs.retried"), retryJob]
    : [say("jobs.cancel"), say("jobs.cancelled"), cancelJob];
  const button = h("button", { type: "button", class: "link", id: `act-${job.id}` }, label);
  button.addEventListener("click", () => {
    button.disabled = true;
    act(job.id)
      .then(() => toast(done))
      .catch((error) => toast(error.message, "problem"))
      .finally(() => void refresh());
  });
  return button;
}

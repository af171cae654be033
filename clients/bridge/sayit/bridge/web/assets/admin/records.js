/** What is read when it is looked for: webhooks, legal holds, the audit log, settings. Each is asked for when its part is opened. */

import { h } from "../dom.js";
import { toast } from "../overlays.js";
import { listAudit, listHolds, listMessages, listSettings, releaseHold, replayMessage } from "./data.js";
import { table } from "./table.js";
import { moment, say } from "./text.js";

/** @import {Setting} from "./data.js" */

/**
 * @param {import("./text.js").Key & string} id
 * @param {() => Promise<Node[]>} read
 */
function opened(id, read) {
  const content = h("div", null);
  const element = h("details", { class: "panel", id }, h("summary", null, h("h2", null, say(id))), content);
  const show = () =>
    read()
      .then((nodes) => content.replaceChildren(...nodes))
      .catch((error) => toast(error.message, "problem"));
  element.addEventListener("toggle", () => element.open && void show());
  return { element, show };
}

/** @returns {HTMLElement[]} */
export function recordParts() {
  const webhooks = opened("webhooks", async () => messagesOf(await listMessages(), () => void webhooks.show()));
  const holds = opened("holds", async () => holdsOf(await listHolds(), () => void holds.show()));
  const audit = opened("audit", async () => {
    const entries = await listAudit();
    if (!entries.length) return [h("p", { class: "soft" }, say("audit.none"))];
    const head = [say("audit.at"), say("tenant"), say("key"), say("audit.action"), say("audit.subject"), say("audit.detail")];
    const rows = entries.map(({ at, tenant, key, action, subject, detail }) => [
      moment(at),
      tenant,
      h("code", null, key),
      h("code", null, action),
      h("code", null, subject),
      detail,
    ]);
    return [table(say("audit"), head, rows)];
  });
  const settings = opened("settings", async () => settingsOf(await listSettings()));
  return [webhooks.element, holds.element, audit.element, settings.element];
}

/**
 * @param {string} name
 * @param {() => Promise<unknown>} act
 * @param {string} done what is told then
 * @param {() => void} refresh
 */
function acting(name, act, done, refresh) {
  const button = h("button", { type: "button", class: "link" }, name);
  button.addEventListener("click", () => {
    button.disabled = true;
    act()
      .then(() => toast(done))
      .catch((error) => toast(error.message, "problem"))
      .finally(refresh);
  });
  return button;
}

/**
 * @param {import("./data.js").Hold[]} holds
 * @param {() => void} refresh
 */
function holdsOf(holds, refresh) {
  if (!holds.length) return [h("p", { class: "soft" }, say("holds.none"))];
  const head = [say("audit.at"), say("tenant"), say("audit.subject"), say("holds.reason"), say("key"), ""];
  const rows = holds.map((hold) => {
    const button = acting(say("holds.release"), () => releaseHold(hold), say("holds.released"), refresh);
    return [moment(hold.at), hold.tenant, h("code", null, hold.job || say("holds.all")), hold.reason, h("code", null, hold.key), button];
  });
  return [table(say("holds"), head, rows)];
}

/**
 * @param {import("./data.js").Message[]} messages
 * @param {() => void} refresh
 */
function messagesOf(messages, refresh) {
  if (!messages.length) return [h("p", { class: "soft" }, say("webhooks.none"))];
  const head = [say("audit.at"), say("tenant"), say("webhooks.url"), say("jobs.state"), `#${say("webhooks.attempts")}`, say("webhooks.answer"), ""];
  const rows = messages.map(({ id, at, tenant, url, state, attempts, answer }) => {
    const button = acting(say("webhooks.replay"), () => replayMessage(id), say("webhooks.replayed"), refresh);
    return [moment(at), tenant, url, h("code", null, state), String(attempts), answer, button];
  });
  return [table(say("webhooks"), head, rows)];
}

/** @param {Setting[]} settings */
function settingsOf(settings) {
  const search = h("input", { type: "search", placeholder: say("settings.find"), "aria-label": say("settings.find") });
  const own = h("input", { type: "checkbox", id: "own-settings" });
  const list = h("div", null);
  const show = () => {
    const wanted = search.value.trim().toUpperCase();
    const found = settings.filter(({ name, source }) => name.includes(wanted) && !(own.checked && source === "default"));
    const head = [say("settings.process"), say("settings.name"), say("settings.value"), say("settings.source")];
    const rows = found.map(({ process, name, value, source }) => [process, h("code", null, name), h("code", null, value || say("none")), source]);
    list.replaceChildren(table(say("settings"), head, rows));
  };
  search.addEventListener("input", show);
  own.addEventListener("change", show);
  show();
  return [h("div", { class: "choices" }, search, h("label", { for: "own-settings" }, own, ` ${say("settings.own")}`)), list];
}

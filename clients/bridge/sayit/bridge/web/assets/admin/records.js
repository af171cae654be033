/** What is read when it is looked for: webhooks, the audit log, settings. Each is asked for when its part is opened. */

import { h } from "../dom.js";
import { toast } from "../overlays.js";
import { listAudit, listMessages, listSettings, replayMessage } from "./data.js";
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
  return [webhooks.element, audit.element, settings.element];
}

/**
 * @param {import("./data.js").Message[]} messages
 * @param {() => void} refresh
 */
function messagesOf(messages, refresh) {
  if (!messages.length) return [h("p", { class: "soft" }, say("webhooks.none"))];
  const head = [say("audit.at"), say("tenant"), say("webhooks.url"), say("jobs.state"), `#${say("webhooks.attempts")}`, say("webhooks.answer"), ""];
  const rows = messages.map(({ id, at, tenant, url, state, attempts, answer }) => {
    const button = h("button", { type: "button", class: "link" }, say("webhooks.replay"));
    button.addEventListener("click", () => {
      button.disabled = true;
      replayMessage(id)
        .then(() => toast(say("webhooks.replayed")))
        .catch((error) => toast(error.message, "problem"))
        .finally(refresh);
    });
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

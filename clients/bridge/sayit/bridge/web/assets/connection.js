/** Whether the service answers, as one notice for the whole page. */

import { byId } from "./dom.js";
import { t } from "./i18n.js";

/** @type {Set<string>} the parts that cannot reach it */
const cut = new Set();
let timer = 0;

/**
 * @param {"events" | "list" | "upload"} who
 * @param {boolean} reached
 */
export function setConnected(who, reached) {
  const before = cut.size;
  if (reached) cut.delete(who);
  else cut.add(who);
  if (!before === !cut.size) return;
  const notice = byId("notice");
  clearTimeout(timer);
  notice.textContent = cut.size ? t("notice.offline") : t("notice.back");
  notice.dataset.state = cut.size ? "offline" : "back";
  if (!cut.size) {
    timer = window.setTimeout(() => {
      notice.textContent = "";
      delete notice.dataset.state;
    }, 2500);
  }
}

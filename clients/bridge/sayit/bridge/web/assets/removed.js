/** What the service removed because it was probably not said, to be looked through. */

import { h } from "./dom.js";
import { clock, counted, maybe } from "./i18n.js";

/** @import {Removed} from "./wire.js" */

/** @param {readonly Removed[]} removed */
export function removedText(removed) {
  const rows = removed.map((one) =>
    h("li", null, h("b", null, clock(one.start)), ` ${one.text} `, h("i", null, maybe(`removed.${one.reason}`) ?? one.reason)),
  );
  return h("details", { class: "removed", hidden: rows.length === 0 }, h("summary", null, counted("removed", rows.length)), h("ul", null, ...rows));
}

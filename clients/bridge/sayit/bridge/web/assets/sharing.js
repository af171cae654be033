/** Links that show a recording to people without a key: made, listed, revoked. */

import { createLink, listLinks, revokeLink } from "./api.js";
import { h, icon } from "./dom.js";
import { counted, relative, t } from "./i18n.js";
import { copy, toast } from "./overlays.js";

/** @import {Job, Link} from "./wire.js" */

/** For how many days a link may be valid. */
const DAYS = [1, 7, 30, 90];

/** @param {Error} error */
function complain(error) {
  toast(error.message, "problem");
}

/**
 * @param {Job} job
 * @param {() => void} made called when a link was made, until whose end the job is kept
 */
export async function shareLinks(job, made) {
  const days = h("select", { id: "link-days" }, ...DAYS.map((n) => h("option", { value: n, selected: n === 7 }, counted("share.days", n))));
  const address = h("input", { type: "text", id: "link-address", readonly: true });
  const fresh = h(
    "div",
    { class: "link-made", hidden: true },
    h("label", { for: "link-address" }, t("share.made")),
    h("div", { class: "link-row" }, address, h("button", { type: "button", class: "button", onclick: () => void copy(address.value) }, icon("copy", 18), t("text.copy"))),
    h("p", { class: "hint" }, t("share.once")),
  );
  const list = h("ul", { class: "links" });
  const draw = async () => {
    const links = await listLinks(job.id);
    const entry = (/** @type {Link} */ link) => {
      const used = link.used ? t("share.used", { time: relative(link.used) }) : t("share.unused");
      const revoke = () => revokeLink(job.id, link.id).then(() => draw()).then(() => making.focus(), complain);
      return h("li", null, h("span", null, `${t("share.until", { time: relative(link.expires) })} · ${used}`), h("button", { type: "button", class: "button", onclick: () => void revoke() }, t("share.revoke")));
    };
    list.replaceChildren(...links.map(entry));
  };
  const make = async () => {
    const path = await createLink(job.id, Number(days.value) * 86_400);
    address.value = new URL(path, location.href).href;
    fresh.hidden = false;
    address.select();
    await draw();
    made();
  };
  const making = h("button", { type: "button", class: "button primary", onclick: () => void make().catch(complain) }, t("share.make"));
  const dialog = h(
    "dialog",
    { class: "dialog sharing", "aria-labelledby": "dialog-title", "aria-describedby": "dialog-text" },
    h(
      "form",
      { method: "dialog" },
      h("h2", { id: "dialog-title" }, t("share.title")),
      h("p", { id: "dialog-text" }, t("share.text")),
      h("div", { class: "link-row" }, h("label", { for: "link-days" }, t("share.valid")), days, making),
      fresh,
      list,
      h("div", { class: "dialog-actions" }, h("button", { class: "button" }, t("keys.close"))),
    ),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  await draw().catch(complain);
}

/** The versions of a transcript, and going back to one. */

import { listVersions } from "./api.js";
import { h } from "./dom.js";
import { counted, relative, t } from "./i18n.js";
import { toast } from "./overlays.js";

/** @import {Saving} from "./saving.js" */
/** @import {Version} from "./wire.js" */

/** @param {Version} version */
function changed({ segments, names }) {
  return [segments && counted("versions.changed", segments), names && t("versions.named")].filter(Boolean).join(", ");
}

/** @param {Saving} saving */
export async function showVersions(saving) {
  const failed = (/** @type {Error} */ error) => toast(error.message, "problem");
  await saving.flush();
  const found = await listVersions(saving.id).catch(failed);
  if (!found) return;
  const entry = (/** @type {number} */ version, /** @type {string} */ text) =>
    h(
      "li",
      null,
      h("span", null, text),
      version === saving.version
        ? h("strong", null, t("versions.now"))
        : h("button", { class: "button", onclick: () => void saving.restore(version).catch(failed) }, t("versions.restore")),
    );
  const dialog = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "dialog-title" },
    h(
      "form",
      { method: "dialog" },
      h("h2", { id: "dialog-title" }, t("versions.title")),
      h(
        "ol",
        { class: "versions" },
        ...found.map((each) => entry(each.version, `${relative(each.made)} · ${changed(each)}`)),
        entry(0, t("versions.model")),
      ),
      h("div", { class: "dialog-actions" }, h("button", { class: "button primary", autofocus: true }, t("keys.close"))),
    ),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** How far a job is, in words and as a share. */

import { clock, counted, roughly, t } from "./i18n.js";

/** @import {Progress} from "./wire.js" */

/**
 * @param {Progress} progress
 * @returns {number | null} 0 to 1, null while the length is unknown
 */
export function share({ done, total }) {
  return total ? Math.min(1, done / total) : null;
}

/**
 * "0:45 of 2:30 · 3 pieces ahead · about 20 s left"; empty while nothing is known.
 *
 * @param {Progress} progress
 */
export function progressText({ done, total, queue, eta }) {
  const parts = [
    total ? t("progress.audio", { done: clock(done), total: clock(total) }) : "",
    queue ? counted("progress.queue", queue) : "",
    eta === null ? "" : eta < 1 ? t("progress.soon") : t("progress.eta", { time: roughly(eta) }),
  ];
  return parts.filter(Boolean).join(" · ");
}

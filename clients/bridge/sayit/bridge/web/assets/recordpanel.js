/** The microphone's panel: loudness, time, and the two ways to end. */

import { h, icon } from "./dom.js";
import { clock, t } from "./i18n.js";
import { toast } from "./overlays.js";
import { record } from "./recorder.js";

/** @import {Recording} from "./recorder.js" */

const BARS = 48;

/** @param {(file: File) => void} take gets what was recorded */
export function recordPanel(take) {
  /** @type {Recording | null} */
  let recording = null;
  let frame = 0;
  let starting = false;
  /** @type {(running: boolean) => void} */
  let toggled = () => {};

  const time = h("p", { class: "record-time", role: "timer" });
  const levels = Array.from({ length: BARS }, () => h("span", { style: { "--height": 0.03 } }));
  const finish = h("button", { type: "button", class: "button primary" }, icon("check"), t("record.stop"));
  const discard = h("button", { type: "button", class: "button" }, t("record.discard"));
  const element = h(
    "div",
    { class: "record", hidden: true, role: "group", "aria-label": t("record.title") },
    h("p", { class: "record-title" }, h("span", { class: "record-dot", "aria-hidden": "true" }), t("record.title")),
    time,
    h("div", { class: "levels", "aria-hidden": "true" }, ...levels),
    h("div", { class: "drop-actions" }, finish, discard),
  );

  let drawnAt = 0;
  const draw = () => {
    if (!recording) return;
    if (performance.now() - drawnAt > 60) {
      drawnAt = performance.now();
      time.textContent = clock(recording.seconds);
      const heights = levels.map((bar) => bar.style.getPropertyValue("--height"));
      [...heights.slice(1), String(Math.max(0.03, recording.level))].forEach((height, index) =>
        levels[index].style.setProperty("--height", height),
      );
    }
    frame = requestAnimationFrame(draw);
  };
  const show = (/** @type {boolean} */ running) => {
    element.hidden = !running;
    toggled(running);
    if (running) finish.focus();
  };
  const start = async () => {
    if (starting || recording) return;
    starting = true;
    try {
      recording = await record(() => void end(true, true));
      show(true);
      draw();
    } catch (error) {
      toast(/** @type {Error} */ (error).message, "problem");
    } finally {
      starting = false;
    }
  };
  const end = async (/** @type {boolean} */ keep, broken = false) => {
    const ending = recording;
    if (!ending) return;
    recording = null;
    cancelAnimationFrame(frame);
    show(false);
    if (broken) toast(t("record.failed"), "problem");
    if (keep) take(await ending.finish());
    else ending.discard();
  };
  finish.addEventListener("click", () => void end(true));
  discard.addEventListener("click", () => void end(false));
  return {
    element,
    start: () => void start(),
    leave: () => void end(false),
    onToggle: (/** @type {(running: boolean) => void} */ listener) => {
      toggled = listener;
    },
  };
}

/** What a share link shows: one recording, to be read, heard and downloaded. The link's token is in the address's fragment. */

import { ApiError, getShared, getSharedTranscript, setAskForKey, useLink } from "./api.js";
import { byId, h, icon } from "./dom.js";
import { dressPage } from "./dress.js";
import { clock, longDate, t } from "./i18n.js";
import { createPlayer } from "./player.js";
import { SKIP_S, listenToKeys } from "./shortcuts.js";
import { freshState, textTools } from "./texttools.js";
import { createTextView } from "./textview.js";

/** @import {Shared} from "./wire.js" */

const token = location.hash.slice(1);
/** @type {Shared | null} */
let shown = null;
/** What was refused; null while nothing was. @type {unknown} */
let refusal = null;
let length = 0;
const title = h("h1", { id: "job-title" });
const meta = h("p", { class: "job-meta" });
const problem = h("div", { class: "job-problem", role: "alert", hidden: true });
const text = createTextView({ seek: (seconds) => player.seek(seconds), pause: () => player.pause(), changed: () => tools.update(), readOnly: true });
let tools = textTools(text, () => shown, null, freshState());
const player = createPlayer(
  "shared",
  {
    onTime: (seconds) => text.following.showTime(seconds),
    wordAt: (seconds) => text.following.wordAt(seconds),
    onAudio: (playable) => tools.setAudible(playable),
  },
  text.following.button,
  false,
);

function head() {
  title.textContent = refusal ? t("job.gone.title") : shown ? shown.name || t("history.unnamed") : "";
  if (title.textContent) document.title = `${title.textContent} · SayIt`;
  meta.textContent = shown ? [longDate(shown.created), length && clock(length)].filter(Boolean).join(" · ") : "";
  problem.hidden = !refusal;
  // A link that was revoked, is over, or was copied in part looks the same to the service.
  const ended = refusal instanceof ApiError && (refusal.status === 401 || refusal.status === 404);
  if (refusal) problem.replaceChildren(icon("warning"), h("p", null, ended ? t("shared.over") : /** @type {Error} */ (refusal).message));
}

async function load() {
  shown = await getShared();
  const transcript = await getSharedTranscript();
  length = transcript.duration;
  head();
  text.setTranscript(transcript, new Map(), () => {});
  if (!text.words.length) text.setNote(t("job.silent"));
  player.setDuration(transcript.duration);
  player.setSpeech(transcript.segments);
}

text.setNote("");
useLink(token);
setAskForKey(() => Promise.reject(new ApiError(t("shared.over"), 401)));
window.addEventListener("hashchange", () => location.hash.slice(1).startsWith("sayit_") && location.reload()); // another link
dressPage(() => {
  const again = textTools(text, () => shown, null, tools.state());
  tools.element.replaceWith(again.element);
  tools = again;
  text.relabel();
  player.relabel();
  head();
});
listenToKeys(
  {
    play: () => player.toggle(),
    back: () => player.skip(-SKIP_S),
    on: () => player.skip(SKIP_S),
    slower: () => player.changeSpeed(-1),
    faster: () => player.changeSpeed(1),
    follow: () => text.following.toggle(),
    unsure: () => text.nextUnsure(),
    undo: () => {},
    redo: () => {},
    search: () => tools.focusSearch(),
  },
  new AbortController().signal,
);
const header = h("header", { class: "job-head" }, h("div", { class: "job-title-row" }, title), h("div", { class: "job-details" }, meta), problem);
byId("main").append(h("article", { class: "job", "aria-labelledby": "job-title" }, header, tools.element, text.element, player.element));
load().catch((error) => {
  refusal = error;
  tools.element.hidden = player.element.hidden = true;
  head();
});

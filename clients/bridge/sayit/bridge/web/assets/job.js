/** One job: its text as it grows, then with its audio. Reads the job's events and passes them to the parts. */

import { ApiError, getJob, getTranscript, principal } from "./api.js";
import { byId, h } from "./dom.js";
import { follow } from "./events.js";
import { currentHistory, note, onHistory } from "./history.js";
import { t } from "./i18n.js";
import { isAnnouncing, jobHead } from "./jobhead.js";
import { correctionsOf, editsOf } from "./edits.js";
import { durable, nothingYet, place, refine } from "./live.js";
import { toast } from "./overlays.js";
import { createPlayer } from "./player.js";
import { removedText } from "./removed.js";
import { Saving } from "./saving.js";
import { SKIP_S, listenToKeys } from "./shortcuts.js";
import { dropLive, keepLive, liveOf } from "./store.js";
import { freshState, textTools } from "./texttools.js";
import { createTextView } from "./textview.js";
import { isEnded, progressOf, segmentOf } from "./wire.js";

/** @import {Live} from "./live.js" */
/** @import {Job, Transcript} from "./wire.js" */
/** @import {ServerEvent} from "./events.js" */

/**
 * @param {HTMLElement} main
 * @param {string} id
 * @returns {import("./main.js").View}
 */
export function showJob(main, id) {
  const left = new AbortController();
  const view = new JobView(main, id, left.signal);
  view.run().catch((error) => {
    if (!left.signal.aborted) view.refuse(error);
  });
  return {
    leave: () => {
      left.abort();
      view.leave();
    },
    update: () => {},
    relabel: () => view.relabel(),
  };
}

class JobView {
  /**
   * @param {HTMLElement} main
   * @param {string} id
   * @param {AbortSignal} left
   */
  constructor(main, id, left) {
    this.id = id;
    this.left = left;
    /** @type {Live} */
    this.live = nothingYet();
    /** @type {Job | null} */
    this.job = null;
    /** @type {unknown} what the service refused the job with */
    this.refusal = null;
    /** Whether it is a dictation that goes on. */
    this.speaking = false;
    /** @type {Transcript | null} the model's own */
    this.model = null;
    this.head = jobHead();
    this.removed = removedText([]);
    this.text = createTextView({
      seek: (seconds) => this.player.seek(seconds),
      pause: () => this.player.pause(),
      changed: () => this.tools.update(),
    });
    this.saving = new Saving(
      id,
      { changed: () => this.text.adopt(this.#edits()), told: () => this.#saved() },
      left,
    );
    const forget = onHistory(() => this.#listed(currentHistory().jobs.find((job) => job.id === id)));
    left.addEventListener("abort", forget);
    this.tools = textTools(this.text, () => this.job, this.saving, freshState());
    this.player = createPlayer(
      id,
      {
        onTime: (seconds) => this.text.following.showTime(seconds),
        wordAt: (seconds) => this.text.following.wordAt(seconds),
        onAudio: (playable) => this.tools.setAudible(playable),
      },
      this.text.following.button,
    );
    listenToKeys(
      {
        play: () => this.player.toggle(),
        back: () => this.player.skip(-SKIP_S),
        on: () => this.player.skip(SKIP_S),
        slower: () => this.player.changeSpeed(-1),
        faster: () => this.player.changeSpeed(1),
        follow: () => this.text.following.toggle(),
        unsure: () => this.text.nextUnsure(),
        undo: () => this.text.step("undo"),
        redo: () => this.text.step("redo"),
        search: () => this.tools.focusSearch(),
      },
      left,
    );
    main.append(
      h(
        "article",
        { class: "job", "aria-labelledby": "job-title" },
        this.head.element,
        this.tools.element,
        this.text.element,
        this.removed,
        this.player.element,
      ),
    );
  }

  /** @param {Job | undefined} now as the list has it, where others may have named or corrected it */
  #listed(now) {
    this.saving.seen(now?.version ?? 0);
    const { job } = this;
    if (!now || !job || (now.name === job.name && JSON.stringify(now.labels) === JSON.stringify(job.labels))) return;
    this.job = { ...job, name: now.name, labels: now.labels };
    this.#steady(() => this.job && this.head.show(this.job));
  }

  /** Writes everything in the page's language; the text, what is played and where the reader is stay. */
  relabel() {
    this.#steady(() => this.#relabel());
    if (this.job?.error) void getJob(this.id).then((job) => this.take(job), () => undefined); // the sentence is the service's
  }

  /**
   * Does something that may take more lines above the text, or fewer, and leaves the reader where they are.
   *
   * @param {() => void} act
   */
  #steady(act) {
    const top = () => this.text.body.getBoundingClientRect().top;
    const before = top();
    act();
    if (before < 0) window.scrollBy({ top: top() - before, behavior: "instant" });
  }

  #relabel() {
    const [head, tools] = [jobHead(), textTools(this.text, () => this.job, this.saving, this.tools.state())];
    this.head.element.replaceWith(head.element);
    this.tools.element.replaceWith(tools.element);
    Object.assign(this, { head, tools });
    this.#showRemoved();
    this.text.relabel();
    this.player.relabel();
    if (this.refusal) this.refuse(this.refusal);
    if (!this.job) return;
    this.head.show(this.job);
    this.#noteEnd(this.job);
  }

  leave() {
    this.text.leave();
    this.player.leave();
  }

  /** @param {unknown} error */
  refuse(error) {
    this.refusal = error;
    const gone = error instanceof ApiError && error.status === 404;
    if (gone) this.head.refuse(t("job.gone.title"), t("job.gone"));
    else this.head.refuse(t("job.failed.title"), error instanceof Error ? error.message : String(error));
    this.player.element.hidden = this.tools.element.hidden = true;
    this.text.setNote("");
  }

  async run() {
    this.live = (await liveOf(this.id)) ?? this.live;
    this.take(await this.#retrying(() => getJob(this.id)));
    if (this.left.aborted) return;
    if (this.job && this.live.seq > this.job.lastSeq) this.live = nothingYet(); // the service was restored from a backup
    if (this.job && this.job.state !== "completed") {
      // The events of a job that was stopped hold its text as far as it got.
      if (!isEnded(this.job.state)) this.text.setNote(t("job.waiting"));
      this.text.setChunks(this.live.chunks);
      await follow(
        this.id,
        () => this.live.seq,
        (event) => this.#take(event),
        this.left,
      );
      if (this.left.aborted) return;
      this.take(await this.#retrying(() => getJob(this.id)));
    }
    if (!this.left.aborted) await this.finish();
  }

  /**
   * @template T
   * @param {() => Promise<T>} ask
   * @returns {Promise<T>}
   */
  async #retrying(ask) {
    for (let attempt = 0; ; attempt++) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof ApiError && error.passing) || attempt === 20 || this.left.aborted) throw error;
        await new Promise((resolve) => setTimeout(resolve, Math.max(1000, error.retryAfterS * 1000)));
      }
    }
  }

  /** @param {Job} job */
  take(job) {
    this.job = job;
    note(job);
    if (this.left.aborted) return;
    this.#steady(() => this.head.show(job));
    this.#offerAudio(job);
    if (job.progress.total) this.player.setDuration(job.progress.total);
  }

  /**
   * A dictation's audio is there when it has ended.
   *
   * @param {Job} job
   */
  #offerAudio({ state }) {
    const speaking = state === "receiving";
    if (this.speaking && !speaking) void this.player.load();
    this.player.element.hidden = this.speaking = speaking;
  }

  /**
   * Takes an event; returns whether it was the last one.
   *
   * @param {ServerEvent} event
   */
  #take({ id, event, data }) {
    const value = JSON.parse(data);
    const segments = () => value.segments.map(segmentOf);
    if (event === "text") {
      this.live = place(this.live, value.chunk_index, segments(), true);
      if (isAnnouncing()) this.#announce(value.segments.map((/** @type {any} */ segment) => segment.text).join(" "));
    } else if (event === "partial") this.live = place(this.live, value.chunk_index, segments(), false);
    else if (event === "refinement") this.live = refine(this.live, value.chunk_indexes, segments());
    else if (event === "progress") this.#change({ progress: progressOf(value.progress) });
    else if (event === "state") this.#change({ state: value.state });
    if (event === "text" || event === "partial" || event === "refinement") this.text.setChunks(this.live.chunks);
    if (id && Number(id) > this.live.seq) {
      this.live = { ...this.live, seq: Number(id) };
      void keepLive(this.id, durable(this.live), principal());
    }
    return event === "completed" || event === "failed" || (event === "state" && isEnded(value.state));
  }

  /** All corrections, those that the service does not have yet included. */
  #edits() {
    const segments = this.model?.segments ?? [];
    return new Map([...this.saving.all.values()].flatMap((each) => [...editsOf(each, segments[each.segment])]));
  }

  /** @param {Transcript} model shown with its corrections; what was typed here before cannot be undone any more */
  #layOut(model) {
    this.text.setTranscript(model, this.#edits(), (edits) => this.saving.note(correctionsOf(edits, model.segments, this.saving.all)));
  }

  /** What the service has, or could not be given, is shown; a job that is corrected is kept from then on. */
  #saved() {
    this.#steady(() => this.tools?.update());
    const { job, saving } = this;
    if (job && saving.version && job.version < saving.version) {
      job.version = saving.version;
      void this.player.showSubtitles();
      void getJob(this.id).then((now) => this.take({ ...now, language: job.language }), () => undefined);
    }
  }

  #showRemoved() {
    const removed = removedText(this.text.transcript?.removed ?? []);
    removed.open = this.removed.open;
    this.removed.replaceWith(removed);
    this.removed = removed;
  }

  /** @param {Partial<Job>} change */
  #change(change) {
    if (!this.job) return;
    this.job = { ...this.job, ...change };
    this.head.show(this.job);
    this.#offerAudio(this.job);
    if (this.job.progress.total) this.player.setDuration(this.job.progress.total);
  }

  /** @param {string} sentence */
  #announce(sentence) {
    const announcer = byId("announcer");
    announcer.append(h("p", null, sentence));
    while (announcer.children.length > 5) announcer.firstElementChild?.remove();
  }

  /** @param {Job} job */
  #noteEnd(job) {
    if (this.text.words.length) return this.text.setNote("");
    const sentences = { completed: this.text.transcript ? t("job.silent") : "", failed: t("job.none"), cancelled: t("job.none") };
    this.text.setNote(isEnded(job.state) ? sentences[/** @type {keyof typeof sentences} */ (job.state)] : t("job.waiting"));
  }

  async finish() {
    const { job } = this;
    if (!job) return;
    if (job.state !== "completed") {
      this.text.setChunks(this.live.chunks);
      this.#noteEnd(job);
      this.player.element.hidden = this.live.chunks.length === 0;
      return;
    }
    const transcript = await this.#retrying(() => getTranscript(this.id));
    this.model = transcript;
    await this.#retrying(() => this.saving.open((edits) => correctionsOf(edits, transcript.segments, new Map())));
    if (this.left.aborted) return;
    this.#layOut(transcript);
    this.#showRemoved();
    this.#noteEnd(job);
    this.player.setDuration(transcript.duration);
    this.player.setSpeech(transcript.segments);
    void this.player.showSubtitles();
    this.job = { ...job, language: transcript.language || job.language };
    this.head.show(this.job);
    if (this.live.seq) {
      void dropLive(this.id);
      this.live = nothingYet();
      const sentence = t("job.finished", { name: job.name || t("history.unnamed") });
      this.#announce(sentence);
      if (document.hidden) toast(sentence);
    }
  }
}

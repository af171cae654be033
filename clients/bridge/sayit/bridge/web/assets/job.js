/** One job: its text as it grows, then with its audio. Reads the job's events and passes them to the parts. */

import { ApiError, getJob, getTranscript } from "./api.js";
import { byId, h } from "./dom.js";
import { follow } from "./events.js";
import { note } from "./history.js";
import { t } from "./i18n.js";
import { jobHead } from "./jobhead.js";
import { durable, nothingYet, place, refine } from "./live.js";
import { toast } from "./overlays.js";
import { createPlayer } from "./player.js";
import { dropLive, editsOf, keepEdits, keepLive, liveOf } from "./store.js";
import { textTools } from "./texttools.js";
import { createTextView } from "./textview.js";
import { isEnded, progressOf, segmentOf } from "./wire.js";

/** @import {Live} from "./live.js" */
/** @import {Job} from "./wire.js" */
/** @import {ServerEvent} from "./events.js" */

/**
 * @param {HTMLElement} main
 * @param {string} id
 * @returns {() => void} takes it down
 */
export function showJob(main, id) {
  const left = new AbortController();
  const view = new JobView(main, id, left.signal);
  view.run().catch((error) => {
    if (!left.signal.aborted) view.refuse(error);
  });
  return () => {
    left.abort();
    view.leave();
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
    this.head = jobHead();
    this.text = createTextView({ seek: (seconds) => this.player.seek(seconds), pause: () => this.player.pause() });
    this.player = createPlayer(id, {
      onTime: (seconds) => this.text.showTime(seconds),
      wordAt: (seconds) => this.text.wordAt(seconds),
      onAudio: (playable) => this.tools.setAudible(playable),
    });
    this.tools = textTools(this.text, () => this.job);
    main.append(
      h(
        "article",
        { class: "job", "aria-labelledby": "job-title" },
        this.head.element,
        this.tools.element,
        this.text.element,
        this.player.element,
      ),
    );
    this.tools.element.hidden = true;
  }

  leave() {
    this.text.leave();
    this.player.leave();
  }

  /** @param {unknown} error */
  refuse(error) {
    const gone = error instanceof ApiError && error.status === 404;
    this.head.refuse(gone ? t("job.gone") : error instanceof Error ? error.message : String(error));
    this.player.element.hidden = this.tools.element.hidden = true;
    this.text.setNote("");
  }

  async run() {
    this.live = (await liveOf(this.id)) ?? this.live;
    this.take(await this.#patiently(() => getJob(this.id)));
    if (this.left.aborted) return;
    if (this.job && this.live.seq > this.job.lastSeq) this.live = nothingYet(); // the service was restored from a backup
    if (this.job && !isEnded(this.job.state)) {
      this.text.setNote(t("job.waiting"));
      this.text.setChunks(this.live.chunks);
      await follow(
        this.id,
        () => this.live.seq,
        (event) => this.#take(event),
        this.left,
      );
      if (this.left.aborted) return;
      this.take(await this.#patiently(() => getJob(this.id)));
    }
    if (!this.left.aborted) await this.finish();
  }

  /**
   * @template T
   * @param {() => Promise<T>} ask
   * @returns {Promise<T>}
   */
  async #patiently(ask) {
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
    this.head.show(job);
    if (job.progress.total) this.player.setDuration(job.progress.total);
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
      this.#announce(value.segments.map((/** @type {any} */ segment) => segment.text).join(" "));
    } else if (event === "partial") this.live = place(this.live, value.chunk_index, segments(), false);
    else if (event === "refinement") this.live = refine(this.live, value.chunk_indexes, segments());
    else if (event === "progress") this.#change({ progress: progressOf(value.progress) });
    else if (event === "state") this.#change({ state: value.state });
    if (event === "text" || event === "partial" || event === "refinement") this.text.setChunks(this.live.chunks);
    if (id && Number(id) > this.live.seq) {
      this.live = { ...this.live, seq: Number(id) };
      void keepLive(this.id, durable(this.live));
    }
    return event === "completed" || event === "failed" || (event === "state" && isEnded(value.state));
  }

  /** @param {Partial<Job>} change */
  #change(change) {
    if (!this.job) return;
    this.job = { ...this.job, ...change };
    this.head.show(this.job);
    if (this.job.progress.total) this.player.setDuration(this.job.progress.total);
  }

  /** @param {string} sentence */
  #announce(sentence) {
    const announcer = byId("announcer");
    announcer.append(h("p", null, sentence));
    while (announcer.children.length > 5) announcer.firstElementChild?.remove();
  }

  async finish() {
    const { job } = this;
    if (!job) return;
    if (job.state !== "completed") {
      this.text.setChunks(this.live.chunks);
      this.text.setNote(this.live.chunks.length ? "" : t("job.none"));
      this.player.element.hidden = this.live.chunks.length === 0;
      return;
    }
    const [transcript, edits] = await Promise.all([this.#patiently(() => getTranscript(this.id)), editsOf(this.id)]);
    if (this.left.aborted) return;
    this.text.setTranscript(transcript, edits, (changed) => {
      void keepEdits(this.id, changed);
      this.tools.update();
    });
    this.text.setNote(transcript.segments.length ? "" : t("job.silent"));
    this.player.setDuration(transcript.duration);
    this.player.setSpeech(transcript.segments);
    this.head.show({ ...job, language: transcript.language || job.language });
    this.tools.element.hidden = transcript.segments.length === 0;
    this.tools.update();
    if (this.live.seq) {
      void dropLive(this.id);
      this.live = nothingYet();
      const sentence = t("job.finished", { name: job.name || t("history.unnamed") });
      this.#announce(sentence);
      if (document.hidden) toast(sentence);
    }
  }
}

/** A transcript's corrections on the service, which has the truth. What is not there yet is also kept in this browser. */

import { ApiError, getCorrections, principal, restoreVersion, updateTranscript } from "./api.js";
import { same, together, untouched } from "./merging.js";
import { dropEdits, keepEdits, unsentOf } from "./store.js";

/** @import {Corrected, Correction} from "./wire.js" */

/** How long after the last key, and at most after the first one, in milliseconds. */
const [SOON_MS, LATEST_MS] = [800, 4000];
const AGAIN_MS = 5000;

/**
 * @typedef {"saved" | "saving" | "waiting" | "asking" | "refused"} State `waiting`: for the connection, `asking`: in a conflict
 * @typedef {{changed: () => void, told: () => void}} Listener `changed`: others corrected something
 */

export class Saving {
  /** @type {Corrected} as the service has it */
  #theirs = { version: 0, segments: [] };
  /** @type {Map<number, Correction>} */
  #has = new Map();
  /** @type {Map<number, Correction>} what this page wants to be corrected and the service does not have */
  #mine = new Map();
  /** @type {Map<number, Correction>} what others made of segments of `#mine`, where both changed the same */
  conflicts = new Map();
  /** @type {Map<number, Correction>} what was sent last: where the page was left before the answer, it may be there */
  #sent = new Map();
  /** @type {State} */
  state = "saved";
  /** Why the service refused it. */
  refusal = "";
  #opened = false;
  #timer = 0;
  #since = 0;
  /** @type {Promise<void> | null} */
  #busy = null;
  #tabs = new BroadcastChannel("sayit.corrections");

  /**
   * @param {string} id the job's
   * @param {Listener} listener
   * @param {AbortSignal} left
   */
  constructor(id, listener, left) {
    this.id = id;
    this.listener = listener;
    this.left = left;
    this.#tabs.addEventListener("message", ({ data }) => data.id === id && this.seen(data.version));
    window.addEventListener("online", () => this.#soon(0), { signal: left });
    window.addEventListener("pagehide", () => void this.flush(), { signal: left });
    left.addEventListener("abort", () => {
      void this.flush();
      this.#tabs.close();
    });
  }

  get version() {
    return this.#theirs.version;
  }

  /** All corrections, those that the service does not have yet included. */
  get all() {
    return new Map([...this.#has, ...this.#mine]);
  }

  /**
   * @param {number} segment
   * @returns {Correction}
   */
  of(segment) {
    return this.#mine.get(segment) ?? this.#has.get(segment) ?? untouched(segment);
  }

  /**
   * Asks the service, and brings what this browser still keeps.
   *
   * @param {(edits: Map<string, string>) => Correction[]} written what an earlier version of this page kept, as corrections
   */
  async open(written) {
    const [theirs, unsent] = await Promise.all([getCorrections(this.id), unsentOf(this.id, principal())]);
    this.#use(theirs);
    const mine = [...(unsent.mine ?? []), ...(unsent.edits ? written(unsent.edits) : [])];
    const before = new Map((unsent.before ?? []).map((each) => [each.segment, each]));
    for (const each of unsent.sent ?? []) {
      const has = this.#has.get(each.segment);
      if (has && same(has, each)) before.set(each.segment, each); // what others made is none of it
    }
    for (const each of mine) this.#merge(each.segment, before.get(each.segment) ?? untouched(each.segment), each);
    this.#opened = true;
    this.#keep();
    this.#soon(0);
  }

  /**
   * Takes what is to be corrected now; it is saved soon.
   *
   * @param {Correction[]} wanted
   */
  note(wanted) {
    for (const each of wanted) {
      if (same(each, this.#has.get(each.segment) ?? untouched(each.segment))) {
        this.#mine.delete(each.segment);
        this.conflicts.delete(each.segment);
      } else this.#mine.set(each.segment, each);
    }
    this.#keep();
    if (this.#mine.size) this.#soon(SOON_MS);
    else if (!this.#busy) this.#tell("saved");
  }

  /**
   * Ends a conflict.
   *
   * @param {number} segment
   * @param {boolean} keep whether this page's text is to stay
   */
  settle(segment, keep) {
    this.conflicts.delete(segment);
    if (keep) this.#soon(0);
    else {
      this.#mine.delete(segment);
      this.listener.changed();
    }
    this.#keep();
    this.#tell(this.#mine.size ? "saving" : "saved");
  }

  /**
   * Another page, tab or program made this version.
   *
   * @param {number} version
   */
  seen(version) {
    if (this.#opened && version > this.version && !this.#busy) void getCorrections(this.id).then((theirs) => this.#adopt(theirs), () => undefined);
  }

  /** Saves now; resolves when nothing is left to save, or it cannot be saved. */
  async flush() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    while (this.#busy) await this.#busy;
    if (!this.#sendable().size) return;
    this.#busy = this.#save().finally(() => (this.#busy = null));
    await this.#busy;
  }

  /**
   * Makes an earlier version's text the newest one.
   *
   * @param {number} version
   */
  async restore(version) {
    await this.flush();
    this.#adopt(await restoreVersion(this.id, this.version, version));
    this.#tabs.postMessage({ id: this.id, version: this.version });
  }

  #sendable() {
    return new Map([...this.#mine].filter(([segment]) => !this.conflicts.has(segment)));
  }

  /** @param {number} wait */
  #soon(wait) {
    if (!this.#mine.size) return;
    const now = Date.now();
    if (!this.#timer) this.#since = now;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.flush(), Math.min(wait, Math.max(0, this.#since + LATEST_MS - now)));
    if (this.state === "saved") this.#tell("saving");
  }

  async #save() {
    const sent = (this.#sent = this.#sendable());
    try {
      const theirs = await updateTranscript(this.id, this.version, [...sent.values()]);
      this.#tabs.postMessage({ id: this.id, version: theirs.version });
      this.#adopt(theirs, sent);
      this.#tell(this.#mine.size ? "saving" : "saved");
      if (this.#sendable().size) this.#soon(SOON_MS);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.code === "VERSION_CONFLICT") {
        await getCorrections(this.id).then((theirs) => this.#adopt(theirs), () => undefined);
        this.#tell(this.#sendable().size ? "saving" : "asking");
        this.#soon(0);
      } else if (error.passing) {
        this.#tell("waiting");
        if (!this.left.aborted) this.#soon(Math.max(AGAIN_MS, error.retryAfterS * 1000));
      } else {
        this.refusal = error.message;
        this.#tell("refused");
      }
    }
  }

  /**
   * Takes what the service has now; what was sent is there.
   *
   * @param {Corrected} theirs
   * @param {Map<number, Correction>} [sent]
   */
  #adopt(theirs, sent = new Map()) {
    if (theirs.version < this.version) return; // an answer that was overtaken
    const before = this.#has;
    this.#use(theirs);
    const changed = [...new Set([...before.keys(), ...this.#has.keys()])].filter((segment) => {
      const [was, is] = [before.get(segment) ?? untouched(segment), this.#has.get(segment) ?? untouched(segment)];
      const mine = this.#mine.get(segment);
      if (mine && sent.has(segment)) {
        if (same(mine, is)) this.#mine.delete(segment);
        return false; // else it was typed on meanwhile
      }
      if (same(was, is)) return false;
      if (mine) this.#merge(segment, was, mine);
      return true;
    });
    this.#keep();
    if (changed.length) this.listener.changed();
    this.listener.told();
  }

  /** @param {Corrected} theirs */
  #use(theirs) {
    this.#theirs = theirs;
    this.#has = new Map(theirs.segments.map((each) => [each.segment, each]));
  }

  /**
   * @param {number} segment
   * @param {Correction} before
   * @param {Correction} mine
   */
  #merge(segment, before, mine) {
    const theirs = this.#has.get(segment) ?? untouched(segment);
    const both = together(before, mine, theirs);
    if (!both) this.conflicts.set(segment, theirs);
    if (both && same(both, theirs)) this.#mine.delete(segment);
    else this.#mine.set(segment, both ?? mine);
  }

  #keep() {
    if (!this.#mine.size) return void dropEdits(this.id, principal());
    const before = [...this.#mine.keys()].map((segment) => this.conflicts.get(segment) ?? this.#has.get(segment) ?? untouched(segment));
    const sent = [...this.#sent.values()].filter(({ segment }) => this.#mine.has(segment));
    void keepEdits(this.id, principal(), { mine: [...this.#mine.values()], before, sent });
  }

  /** @param {State} state */
  #tell(state) {
    this.state = state;
    this.listener.told();
  }
}

/** The corrections of a transcript, with undo and redo. */

/** @import {Edits} from "./edits.js" */

/** @typedef {{place: string, text: string | undefined}} Change `place`: the key of an edit; `text`: undefined for as it was transcribed */

export class Corrections {
  /** @type {Change[][]} what takes each step back, the last one last */
  #undo = [];
  /** @type {Change[][]} */
  #redo = [];

  /**
   * @param {Edits} edits changed in place
   * @param {(places: string[]) => void} changed called with the places of every step
   */
  constructor(edits, changed) {
    this.edits = edits;
    this.changed = changed;
  }

  get canUndo() {
    return this.#undo.length > 0;
  }

  get canRedo() {
    return this.#redo.length > 0;
  }

  /**
   * Makes changes in one step.
   *
   * @param {Change[]} changes
   */
  apply(changes) {
    const real = changes.filter(({ place, text }) => this.edits.get(place) !== text);
    if (!real.length) return;
    this.#redo = [];
    this.#make(real, this.#undo);
  }

  /** Takes all corrections back, in one step. */
  clear() {
    this.apply([...this.edits.keys()].map((place) => ({ place, text: undefined })));
  }

  /**
   * Takes what others changed; it is no step of this page's.
   *
   * @param {Change[]} changes
   */
  adopt(changes) {
    const real = changes.filter(({ place, text }) => this.edits.get(place) !== text);
    if (!real.length) return;
    this.#make(real, []);
  }

  undo() {
    const step = this.#undo.pop();
    if (step) this.#make(step, this.#redo);
  }

  redo() {
    const step = this.#redo.pop();
    if (step) this.#make(step, this.#undo);
  }

  /**
   * @param {Change[]} changes
   * @param {Change[][]} steps gets what takes them back
   */
  #make(changes, steps) {
    steps.push(changes.map(({ place }) => ({ place, text: this.edits.get(place) })));
    for (const { place, text } of changes) {
      if (text === undefined) this.edits.delete(place);
      else this.edits.set(place, text);
    }
    this.changed(changes.map(({ place }) => place));
  }
}

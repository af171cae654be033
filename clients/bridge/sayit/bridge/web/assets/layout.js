/** How a corrected transcript is laid out in segments; and splitting, joining and naming them. Pure. */

import { breakKey, channelAsSegment, joinedKey, lines, speakerKey, textKey, wordKey } from "./edits.js";

/** @import {Change} from "./corrections.js" */
/** @import {Edits} from "./edits.js" */
/** @import {Segment, Word} from "./wire.js" */

/**
 * @typedef {Word & {place: string, of: number}} Unit what can be clicked and corrected; `of`: the model's segment, `place`: the key of
 *   its text, or which word it is of a text that is corrected as a whole
 * @typedef {{
 *   start: number, end: number, language: string, channel: number, speaker: string, units: Unit[], part: number, wordless: boolean
 * }} Laid `part`: which part of the segment of its first unit it begins with
 */

/** Words of texts that are corrected as a whole: the segment, and which word it is. */
const OF_WHOLE = /^(\d+):\*(\d+)$/;

/**
 * The segments as they are now, in order of time.
 *
 * @param {readonly Segment[]} model
 * @param {Edits} edits
 * @returns {Laid[]}
 */
export function laid(model, edits) {
  /** @type {Laid[]} */
  const found = [];
  /** @type {Map<number, Laid>} */
  const last = new Map();
  model.forEach((segment, of) => {
    const { channel, language } = segment;
    const wordless = segment.words.length === 0;
    const parts = partsOf(segment, of, edits);
    parts.forEach((units, part) => {
      const before = last.get(channel);
      const end = part === parts.length - 1 ? segment.end : units[units.length - 1].end;
      if (part === 0 && before && edits.has(joinedKey(of))) {
        before.units.push(...(wordless ? units.map((unit) => ({ ...unit, text: ` ${unit.text.trim()}` })) : units));
        before.end = Math.max(before.end, end);
        return;
      }
      const start = part === 0 ? segment.start : units[0].start;
      const one = { start, end, language, channel, speaker: speakerOf(segment, of, part, edits), units, part, wordless };
      found.push(one);
      last.set(channel, one);
    });
  });
  return found.sort((a, b) => a.start - b.start || a.channel - b.channel);
}

/**
 * @param {Segment} segment
 * @param {number} of
 * @param {number} part
 * @param {Edits} edits
 */
function speakerOf(segment, of, part, edits) {
  const own = ownSpeaker(of, part, edits);
  return own === NO_NAME ? "" : own || edits.get(speakerKey(channelAsSegment(segment.channel))) || segment.speaker;
}

/** In place of a name: none, although the channel has one. */
const NO_NAME = "-";

/**
 * The name that a part has for itself, empty for none.
 *
 * @param {number} of
 * @param {number} part
 * @param {Edits} edits
 */
function ownSpeaker(of, part, edits) {
  const names = (edits.get(speakerKey(of)) ?? "").split("\n");
  return names[Math.min(part, names.length - 1)];
}

/**
 * @param {Segment} segment
 * @param {number} of
 * @param {Edits} edits
 * @returns {Unit[][]}
 */
function partsOf(segment, of, edits) {
  const whole = edits.get(textKey(of));
  if (!segment.words.length && !whole?.includes("\n")) return [[{ text: segment.text, start: segment.start, end: segment.end, place: textKey(of), of }]];
  if (whole !== undefined) return spread(segment, of, tokens(segment, whole));
  /** @type {Unit[][]} */
  const parts = [[]];
  segment.words.forEach((word, w) => {
    if (edits.has(breakKey(of, w)) && parts[parts.length - 1].length) parts.push([]);
    parts[parts.length - 1].push({ ...word, place: wordKey(of, w), of });
  });
  return parts;
}

/**
 * What can be corrected in a text that is corrected as a whole: its words, or its lines where the model has none.
 *
 * @param {Segment} segment
 * @param {string} whole
 */
function tokens(segment, whole) {
  return lines(whole).map((line) => (segment.words.length ? line.split(/\s+/) : [line]));
}

/**
 * Lines in place of a segment, which share its time by their letters.
 *
 * @param {Segment} segment
 * @param {number} of
 * @param {string[][]} texts
 * @returns {Unit[][]}
 */
function spread(segment, of, texts) {
  const letters = texts.flat().join("").length || 1;
  let [done, n] = [0, 0];
  const at = () => segment.start + ((segment.end - segment.start) * done) / letters;
  return texts.map((line) =>
    line.map((text) => {
      const start = at();
      done += text.length;
      return { text: ` ${text}`, start, end: at(), place: `${of}:*${n++}`, of };
    }),
  );
}

/**
 * A segment as files have it.
 *
 * @param {Laid} segment
 * @param {Edits} edits
 * @returns {Segment & {of: number}}
 */
export function written({ units, part: _, wordless, ...segment }, edits) {
  const words = units.map((unit) => ({ ...unit, text: edits.get(unit.place) ?? unit.text })).filter(({ text }) => text);
  const text = words.map((word) => word.text).join("").trim();
  const plain = words.map(({ place: _place, of: _of, ...word }) => word);
  return { ...segment, of: units[0].of, text, words: wordless ? [] : plain };
}

/**
 * Changes of words as changes of what is kept: words of a text that is corrected as a whole change that.
 *
 * @param {readonly Change[]} changes
 * @param {readonly Segment[]} model
 * @param {Edits} edits
 * @returns {Change[]}
 */
export function resolved(changes, model, edits) {
  /** @type {Map<number, Map<number, string>>} */
  const inWhole = new Map();
  const plain = changes.filter(({ place, text }) => {
    const found = OF_WHOLE.exec(place);
    if (!found) return true;
    const [of, n] = [Number(found[1]), Number(found[2])];
    if (text !== undefined) inWhole.set(of, (inWhole.get(of) ?? new Map()).set(n, text));
    return false;
  });
  const wholes = [...inWhole].map(([of, texts]) => {
    let n = 0;
    const now = tokens(model[of], edits.get(textKey(of)) ?? "").map((line) => line.map((token) => texts.get(n++)?.trim() ?? token));
    return { place: textKey(of), text: whole(model[of], now) };
  });
  return [...plain, ...wholes];
}

/**
 * @param {Segment} segment
 * @param {string[][]} texts
 */
function whole(segment, texts) {
  const text = lines(texts.map((line) => line.filter(Boolean).join(" ")).join("\n")).join("\n");
  return !segment.words.length && text === segment.text.trim() ? undefined : text;
}

/**
 * The changes that let a segment begin with a word; none where one does.
 *
 * @param {readonly Segment[]} model
 * @param {Edits} edits
 * @param {Unit} unit
 * @param {number} offset where in its text, which matters only where that is all of its line
 * @returns {Change[]}
 */
export function split(model, edits, { place, of }, offset) {
  const parts = partsOf(model[of], of, edits);
  const part = parts.findIndex((units) => units.some((unit) => unit.place === place));
  const w = parts[part]?.findIndex((unit) => unit.place === place) ?? -1;
  if (w < 0) return [];
  const names = shifted(of, part, parts.length, edits, (all) => all.splice(part, 0, all[part]));
  if (!model[of].words.length) {
    const texts = parts.map(([unit]) => (edits.get(unit.place) ?? unit.text).trim());
    const [before, after] = [texts[part].slice(0, offset).trim(), texts[part].slice(offset).trim()];
    if (before && after) return [{ place: textKey(of), text: texts.toSpliced(part, 1, before, after).join("\n") }, ...names];
  } else if (w > 0) {
    if (!OF_WHOLE.test(place)) return [{ place: `${place}|`, text: "1" }, ...names];
    const texts = tokens(model[of], edits.get(textKey(of)) ?? "");
    const line = texts[part];
    return [{ place: textKey(of), text: whole(model[of], texts.toSpliced(part, 1, line.slice(0, w), line.slice(w))) }, ...names];
  }
  return part === 0 && edits.has(joinedKey(of)) ? [{ place: joinedKey(of), text: undefined }] : [];
}

/**
 * The changes that join a segment to the one before it in its channel; none where there is none.
 *
 * @param {readonly Segment[]} model
 * @param {Edits} edits
 * @param {readonly Laid[]} all
 * @param {number} at which
 * @returns {Change[]}
 */
export function join(model, edits, all, at) {
  const { channel, part, units } = all[at];
  const [{ place, of }] = units;
  if (part === 0) return all.slice(0, at).some((one) => one.channel === channel) ? [{ place: joinedKey(of), text: "1" }] : [];
  const parts = partsOf(model[of], of, edits);
  const names = shifted(of, part, parts.length, edits, (those) => those.splice(part, 1));
  if (!OF_WHOLE.test(place)) return [{ place: `${place}|`, text: undefined }, ...names];
  const texts = tokens(model[of], edits.get(textKey(of)) ?? "");
  const together = [[...texts[part - 1], ...texts[part]]];
  return [{ place: textKey(of), text: whole(model[of], texts.toSpliced(part - 1, 2, ...together)) }, ...names];
}

/**
 * What becomes of the names of a segment's parts when there are others.
 *
 * @param {number} of
 * @param {number} part
 * @param {number} count of its parts so far
 * @param {Edits} edits
 * @param {(names: string[]) => void} change
 * @returns {Change[]}
 */
function shifted(of, part, count, edits, change) {
  if (!edits.get(speakerKey(of))?.includes("\n") || part < 0) return [];
  const names = Array.from({ length: count }, (_, each) => ownSpeaker(of, each, edits));
  change(names);
  return [{ place: speakerKey(of), text: joinedNames(names) }];
}

/** @param {string[]} names */
function joinedNames(names) {
  const one = names.every((name) => name === names[0]);
  return (one ? names[0] : names.join("\n")) || undefined;
}

/** @typedef {"here" | "on" | "all"} Reach `on`: here and until another one speaks, `all`: wherever they speak */

/**
 * The changes that give a speaker another name.
 *
 * @param {readonly Segment[]} model
 * @param {Edits} edits
 * @param {readonly Laid[]} all
 * @param {number} at
 * @param {string} name empty for none
 * @param {Reach} reach
 * @returns {Change[]}
 */
export function named(model, edits, all, at, name, reach) {
  const { speaker, channel } = all[at];
  const alike = (/** @type {Laid} */ one) => one.speaker === speaker && (speaker !== "" || one.channel === channel);
  const later = all.slice(at).filter((one) => one.channel === channel);
  const end = later.findIndex((one) => !alike(one));
  const those = { here: [all[at]], on: later.slice(0, end < 0 ? undefined : end), all: all.filter(alike) }[reach];
  /** @type {Edits} */
  const now = new Map(edits);
  if (reach === "all") {
    for (const of of new Set(those.filter((one) => ofChannel(model, edits, one)).map((one) => one.channel))) now.set(speakerKey(channelAsSegment(of)), name);
  }
  for (const { units, part } of those) {
    const [{ of }] = units;
    const count = partsOf(model[of], of, edits).length;
    const names = Array.from({ length: count }, (_, each) => ownSpeaker(of, each, now));
    names[part] = "";
    const without = joinedNames(names) ?? "";
    now.set(speakerKey(of), without);
    if (speakerOf(model[of], of, part, now) === name) continue; // it is the channel's
    names[part] = name || NO_NAME;
    now.set(speakerKey(of), joinedNames(names) ?? "");
  }
  return [...now].filter(([key, text]) => text !== (edits.get(key) ?? "")).map(([place, text]) => ({ place, text: text || undefined }));
}

/**
 * Whether a segment has the name of its channel, or none.
 *
 * @param {readonly Segment[]} model
 * @param {Edits} edits
 * @param {Laid} one
 */
function ofChannel(model, edits, { units, part, channel }) {
  const [{ of }] = units;
  return !ownSpeaker(of, part, edits) && (edits.has(speakerKey(channelAsSegment(channel))) || !model[of].speaker);
}

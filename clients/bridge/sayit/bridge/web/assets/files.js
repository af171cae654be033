/**
 * A transcript as a file, corrections included. Pure. What was not corrected is downloaded from the service, which cuts
 * subtitles anew for reading; here a segment is a cue.
 */

/** @import {Segment, Transcript} from "./wire.js" */

/** @typedef {"docx" | "pdf"} DocumentForm what only the service writes */
/** @typedef {"txt" | "md" | "srt" | "vtt" | "ass" | "ttml" | "json"} Form */

/** All of them, as menus list them. */
export const FORMS = /** @type {(Form | DocumentForm)[]} */ (["txt", "md", "docx", "pdf", "srt", "vtt", "ass", "ttml", "json"]);

export const MEDIA_TYPES = {
  txt: "text/plain",
  md: "text/markdown",
  srt: "application/x-subrip",
  vtt: "text/vtt",
  ass: "text/x-ssa",
  ttml: "application/ttml+xml",
  json: "application/json",
};

const SHORTEST_CUE_MS = 100;
const ASS_HEAD = `[Script Info]
ScriptType: v4.00+
WrapStyle: 0

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, OutlineColour, Bold, BorderStyle, Outline, Alignment, MarginL, MarginR, MarginV
Style: Default,Arial,16,&H00FFFFFF,&H00000000,0,1,1,2,20,20,15

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
`;
const CONTROL = /[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]/g;
const ARROW = /-{2,}>/g;

/**
 * @param {Transcript} transcript
 * @param {Form} form
 * @returns {string}
 */
export function write(transcript, form) {
  return { txt, md, srt, vtt, ass, ttml, json }[form](transcript);
}

/** @param {string} text */
function line(text) {
  return text
    .replace(CONTROL, "")
    .split(/[\s\x1c-\x1f\x85]+/)
    .filter(Boolean)
    .join(" ");
}

/** @param {Transcript} transcript */
function txt({ segments }) {
  return segments
    .filter(({ text }) => line(text))
    .map((segment) => `${mark(segment)}${line(segment.text)}\n`)
    .join("");
}

/**
 * What stands in front of a segment's text: who speaks, or the number of the channel.
 *
 * @param {Pick<Segment, "speaker" | "channel">} segment
 */
function mark({ speaker, channel }) {
  if (line(speaker)) return `${line(speaker)}: `;
  return channel ? `[${channel}] ` : "";
}

/** @param {number} seconds */
function ms(seconds) {
  return Math.max(0, Math.round(seconds * 1000));
}

/**
 * @param {number} milliseconds
 * @param {string} separator
 */
function clock(milliseconds, separator) {
  const two = (/** @type {number} */ n) => String(Math.floor(n)).padStart(2, "0");
  const seconds = Math.floor(milliseconds / 1000);
  const rest = String(milliseconds % 1000).padStart(3, "0");
  return `${two(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}${separator}${rest}`;
}

/**
 * Cues in ascending order without overlaps, as players want them.
 *
 * @param {Segment[]} segments
 */
function cues(segments) {
  const spoken = segments.filter((segment) => line(segment.text)).sort((a, b) => a.start - b.start);
  /** @type {number[]} */
  const starts = [];
  for (const segment of spoken)
    starts.push(Math.max(ms(segment.start), starts.length ? starts[starts.length - 1] + SHORTEST_CUE_MS : 0));
  return spoken.map((segment, index) => ({
    start: starts[index],
    end: Math.min(Math.max(ms(segment.end), starts[index] + SHORTEST_CUE_MS), starts[index + 1] ?? Infinity),
    text: line(segment.text),
    speaker: line(segment.speaker),
    mark: mark(segment),
  }));
}

/** @param {Transcript} transcript */
function srt({ segments }) {
  return cues(segments)
    .map((cue, index) => {
      const text = `${cue.mark}${cue.text}`.replace(ARROW, "->");
      return `${index + 1}\n${clock(cue.start, ",")} --> ${clock(cue.end, ",")}\n${text}\n`;
    })
    .join("\n");
}

/** @param {string} text */
function escaped(text) {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

/** @param {Transcript} transcript */
function vtt({ segments }) {
  const blocks = cues(segments).map((cue) => {
    const speaker = escaped(cue.speaker).replace(/-+$/, "");
    return `${clock(cue.start, ".")} --> ${clock(cue.end, ".")}\n${speaker ? `<v ${speaker}>` : ""}${escaped(cue.text)}\n`;
  });
  return ["WEBVTT\n", ...blocks].join("\n");
}

/** @param {Transcript} transcript */
function md({ segments }) {
  const marked = (/** @type {string} */ text) => text.replace(/([\\`*_[\]<>#|])/g, "\\$1");
  return cues(segments)
    .map(({ start, mark, text }) => {
      const name = mark ? ` **${marked(mark.trim())}**` : "";
      return `**${clock(start, ".").split(".")[0]}**${name} ${marked(text)}\n`;
    })
    .join("\n");
}

/** @param {Transcript} transcript */
function ass({ segments }) {
  const rows = cues(segments).map((cue) => {
    const text = `${cue.mark}${cue.text}`.replace(/\\/g, "/").replace(/\{/g, "(").replace(/\}/g, ")");
    const [start, end] = [cue.start, cue.end].map((at) => clock(at, ".").slice(0, -1).replace(/^0/, ""));
    return `Dialogue: 0,${start},${end},Default,${cue.speaker.replace(/,/g, " ")},0,0,0,,${text}\n`;
  });
  return ASS_HEAD + rows.join("");
}

/** @param {Transcript} transcript */
function ttml({ segments, language }) {
  const rows = cues(segments).map((cue) => {
    const text = escaped(`${cue.mark}${cue.text}`);
    return `<p begin="${clock(cue.start, ".")}" end="${clock(cue.end, ".")}">${text}</p>\n`;
  });
  return (
    `<?xml version="1.0" encoding="UTF-8"?>\n<tt xmlns="http://www.w3.org/ns/ttml" xml:lang="${language}">\n` +
    `<body><div>\n${rows.join("")}</div></body>\n</tt>\n`
  );
}

/** @param {Segment[]} segments */
function textOf(segments) {
  return segments
    .map((segment) => segment.text)
    .filter(Boolean)
    .join(" ");
}

/**
 * The service's own object, every field of it, with the corrected texts.
 *
 * @param {Transcript} transcript
 */
function json({ segments, language, raw }) {
  if (!raw) return `${JSON.stringify({ text: textOf(segments), language, segments }, null, 2)}\n`;
  const changed = segments.map((segment) => {
    const original = raw.segments[segment.of ?? -1] ?? {};
    const words = segment.words.map((word) => ({
      ...original.words?.find((/** @type {any} */ each) => each.start === word.start && each.end === word.end),
      ...word,
    }));
    const { start, end, text, speaker } = segment;
    return { ...original, start, end, text, speaker, words };
  });
  const same = JSON.stringify(changed.map(({ text }) => text)) === JSON.stringify(raw.segments.map((/** @type {any} */ { text }) => text));
  return `${JSON.stringify({ ...raw, text: same ? raw.text : textOf(segments), segments: changed }, null, 2)}\n`;
}

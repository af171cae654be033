/** The service's JSON as the page's values; the only module that knows its field names. Times are seconds. */

/**
 * @typedef {{text: string, start: number, end: number, probability?: number | undefined}} Word
 * @typedef {{start: number, end: number, text: string, language: string, speaker: string, channel: number, words: Word[], of?: number}} Segment `of`: place among the model's
 * @typedef {{segment: number, text: string | null, words: Record<string, string>, joined: boolean, speaker: string}} Correction what
 *   a segment of the model's text is instead
 * @typedef {{version: number, segments: Correction[]}} Corrected the names of channels are among them, as of segments -1, -2 …
 * @typedef {{version: number, made: Date, segments: number, names: number}} Version
 * @typedef {{name: string, isDefault: boolean}} Model
 * @typedef {{id: string, expires: Date, used: Date | null}} Link
 * @typedef {{id: string, name: string, created: Date}} Shared what a link shows; its id says nothing
 * @typedef {{done: number, total: number | null, queue: number | null, eta: number | null}} Progress
 * @typedef {"receiving" | "preparing" | "running" | "merging" | "completed" | "failed" | "cancelled"} State
 * @typedef {{
 *   id: string, state: State, name: string, language: string, model: string, expected: string, vocabulary: string, wishes: Wish[],
 *   progress: Progress, created: Date, expires: Date | null, error: string, mayPass: boolean, cached: boolean, warnings: string[], lastSeq: number, version: number,
 *   labels: Record<string, string>
 * }} Job
 * @typedef {{text: string, reason: string, start: number}} Removed
 * @typedef {{segments: Segment[], removed: Removed[], language: string, duration: number, raw: any}} Transcript `raw`: the
 *   service's own object, null while it has none
 * @typedef {"formatting" | "channels" | "profanity" | "translate"} Wish
 * @typedef {{
 *   language: string, model: string, expected: string, vocabulary: string, wishes: readonly Wish[]
 * }} Options `expected`: words; `vocabulary`: a stored one's name
 */

/** Errors that the same file meets again. */
const OF_THE_FILE = new Set([
  "INVALID_FORMAT",
  "NO_AUDIO_TRACK",
  "UNSUPPORTED_AUDIO",
  "AUDIO_TOO_LONG",
  "FILE_TOO_LARGE",
  "INVALID_LANGUAGE",
  "INVALID_OPTION",
]);

/** @type {State[]} */
const ENDED = ["completed", "failed", "cancelled"];

/** @type {Record<Wish, Record<string, string | boolean>>} */
const WISHES = {
  formatting: { formatting: true },
  channels: { channels: "split" },
  profanity: { mask_profanity: true },
  translate: { task: "translate" },
};

/**
 * The options of a request: what is not wished is the service's to choose.
 *
 * @param {Options} options
 * @returns {Record<string, string | boolean>}
 */
export function requested({ language, model, expected, vocabulary, wishes }) {
  return {
    language,
    word_timestamps: true,
    ...(model && { model }),
    ...(expected && { hotwords: expected }),
    ...(vocabulary && { vocabulary }),
    ...Object.assign({}, ...wishes.map((wish) => WISHES[wish])),
  };
}

/** @param {any} options a job's */
function wishesIn(options) {
  const all = /** @type {Wish[]} */ (Object.keys(WISHES));
  return all.filter((wish) => Object.entries(WISHES[wish]).every(([name, value]) => options[name] === value));
}

/** @param {State} state */
export function isEnded(state) {
  return ENDED.includes(state);
}

/**
 * @param {any} value
 * @returns {Job}
 */
export function jobOf(value) {
  return {
    id: value.id,
    state: value.state,
    name: value.filename ?? "",
    language: value.options?.language ?? "",
    model: value.model ?? "",
    expected: value.options?.hotwords ?? "",
    vocabulary: value.options?.vocabulary ?? "",
    wishes: wishesIn(value.options ?? {}),
    progress: progressOf(value.progress ?? {}),
    created: new Date(value.created_at),
    expires: value.expires_at ? new Date(value.expires_at) : null,
    error: value.error?.message ?? "",
    mayPass: !OF_THE_FILE.has(value.error?.code),
    cached: Boolean(value.cached),
    warnings: value.warnings ?? [],
    lastSeq: value.last_seq ?? 0,
    version: value.transcript_version ?? 0,
    labels: value.labels ?? {},
  };
}

/**
 * @param {any} value
 * @returns {Progress}
 */
export function progressOf(value) {
  return {
    done: value.audio_done_s ?? 0,
    total: value.audio_total_s ?? null,
    queue: value.queue_position ?? null,
    eta: value.eta_s ?? null,
  };
}

/**
 * @param {any} value
 * @returns {Segment}
 */
export function segmentOf(value) {
  return {
    start: value.start,
    end: value.end,
    text: value.text,
    language: value.language ?? "",
    speaker: value.speaker ?? "",
    channel: value.channel ?? 0,
    words: (value.words ?? []).map((/** @type {any} */ { text, start, end, probability }) => ({ text, start, end, probability })),
  };
}

/**
 * @param {any} value
 * @returns {Transcript}
 */
export function transcriptOf(value) {
  return { segments: value.segments.map(segmentOf), removed: value.suppressed ?? [], language: value.language, duration: value.duration, raw: value };
}

/**
 * @param {any} value OpenAI's list of models, with SayIt's `default`; names that only stand for another one are left out
 * @returns {Model[]}
 */
export function modelsOf(value) {
  return value.data
    .filter((/** @type {any} */ model) => !model.stands_for)
    .map((/** @type {any} */ model) => ({ name: model.id, isDefault: Boolean(model.default) }));
}

/**
 * The body that corrects a transcript.
 *
 * @param {number} version the one that was corrected
 * @param {Correction[]} segments
 */
export function correctionBody(version, segments) {
  const names = segments.filter(({ segment }) => segment < 0).map(({ segment, speaker }) => [String(-1 - segment), speaker]);
  const plain = segments.filter(({ segment }) => segment >= 0).map(({ text, ...rest }) => (text === null ? rest : { ...rest, text }));
  return JSON.stringify({ expected_version: version, segments: plain, names: Object.fromEntries(names) });
}

/**
 * @param {any} value
 * @returns {Corrected}
 */
export function correctedOf({ version, segments, names }) {
  const named = Object.entries(names).map(([channel, speaker]) => ({ segment: -1 - Number(channel), text: null, words: {}, joined: false, speaker }));
  return { version, segments: [...segments, ...named] };
}

/**
 * @param {any} value
 * @returns {Version[]} newest first
 */
export function versionsOf(value) {
  return value.versions.map((/** @type {any} */ each) => ({
    version: each.version,
    made: new Date(each.created_at),
    segments: each.segments.length,
    names: each.names.length,
  }));
}

/**
 * @param {any} value
 * @returns {Link[]}
 */
export function linksOf(value) {
  const date = (/** @type {string | null} */ text) => (text ? new Date(text) : null);
  return value.links.map((/** @type {any} */ each) => ({ id: each.id, expires: new Date(each.expires_at), used: date(each.last_used_at) }));
}

/**
 * @param {any} value
 * @returns {Shared}
 */
export function sharedOf(value) {
  return { id: "", name: value.filename, created: new Date(value.created_at) };
}

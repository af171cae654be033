// Names for what the generated schema calls components["schemas"][…].

import type { components, operations } from "./schema.js";

type Schemas = components["schemas"];

export type Job = Schemas["JobDocument"];
export type JobList = Schemas["JobListDocument"];
export type JobState = Schemas["JobState"];
export type Transcript = Schemas["TranscriptDocument"];
export type Segment = Schemas["SegmentDocument"];
export type Word = Schemas["WordDocument"];
export type Options = Partial<Schemas["OptionsDocument"]>;
export type JobEvent =
  | Schemas["StateEvent"]
  | Schemas["TextEvent"]
  | Schemas["RefinementEvent"]
  | Schemas["CompletedEvent"]
  | Schemas["FailedEvent"]
  | Schemas["ProgressEvent"]
  | Schemas["PartialEvent"];
/** How a transcript is written, and its subtitles are cut. */
export type Writing = Omit<NonNullable<operations["getTranscript"]["parameters"]["query"]>, "format">;
/** A transcript's form. */
export type Format = "json" | "txt" | "timed.txt" | "srt" | "vtt" | "tsv" | "ass" | "ttml" | "md";
/** How a transcript is written as a document, which is no text. */
export type DocumentFormat = "docx" | "pdf";

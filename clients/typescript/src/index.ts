export { SayIt, type ClientOptions, type CreateOptions, type TranscribeOptions } from "./client.js";
export { isLast } from "./events.js";
export { LiveSession, type LiveEvent, type LiveOptions } from "./live.js";
export { ProblemError, type Problem } from "./problem.js";
export type { paths, components } from "./schema.js";
export type * from "./types.js";
export type { UploadProgress } from "./uploading.js";

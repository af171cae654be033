// Errors: what the service says (RFC 9457), and connections that broke.

import type { components } from "./schema.js";

type Document = components["schemas"]["ProblemDocument"];
/** Problem details; those that the client makes itself have the necessary fields only. */
export type Problem = Partial<Document> & Pick<Document, "code" | "detail" | "status">;

/** The service refused, or failed; `problem.code` is stable. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.name = "ProblemError";
    this.problem = problem;
  }

  /** Whether the same request may succeed later. */
  get retryable(): boolean {
    return [408, 429, 502, 503, 504].includes(this.problem.status);
  }
}

/** The error in an answer; one without a problem, such as a proxy's, gets the code HTTP_<status>. */
export function problemOf(status: number, body: string): ProblemError {
  try {
    const value: unknown = JSON.parse(body);
    if (isProblem(value)) return new ProblemError(value);
  } catch {
    // Not JSON: a proxy before the service answered.
  }
  const code = `HTTP_${status}`;
  return new ProblemError({ status, detail: `The server answered ${status}.`, code });
}

function isProblem(value: unknown): value is Problem {
  return typeof value === "object" && value !== null && "code" in value && "detail" in value && "status" in value;
}

/** The two ways of a file to the service: at once, or, if it is large, in pieces that survive a broken connection. */

import { ApiError, problemFrom } from "./api.js";
import { transfer } from "./transfer.js";
import { jobOf, requested } from "./wire.js";

/** @import {Job, Options} from "./wire.js" */
/** @import {Watcher} from "./transfer.js" */

/**
 * @typedef {{key: string, file: File, options: Options, upload: string}} Parcel `upload`: where its pieces go, empty before
 */

const PIECE_BYTES = 8 * 2 ** 20;
const TUS = { "Tus-Resumable": "1.0.0" };

/**
 * @param {Parcel} parcel
 * @param {Watcher} watcher
 * @returns {Promise<Job>}
 * @throws {ApiError}
 */
export function carry(parcel, watcher) {
  // Words to expect belong in a body: addresses are short, and proxies log them.
  return parcel.file.size > PIECE_BYTES || parcel.options.expected ? inPieces(parcel, watcher) : atOnce(parcel, watcher);
}

/**
 * One request; the idempotency key makes a repeated one the same job.
 *
 * @param {Parcel} parcel
 * @param {Watcher} watcher
 */
async function atOnce({ key, file, options }, watcher) {
  const query = new URLSearchParams({ filename: file.name });
  for (const [name, value] of Object.entries(requested(options))) query.set(name, String(value));
  // Also if the browser knows another type: the service checks the content.
  const own = { "Content-Type": "application/octet-stream", "Idempotency-Key": key };
  const answer = await transfer("POST", `/v1/jobs?${query}`, own, file, watcher);
  return jobOf(JSON.parse(answer.text));
}

/**
 * The tus protocol, https://tus.io/protocols/resumable-upload; a parcel that has been on its way before goes on where it was.
 *
 * @param {Parcel} parcel
 * @param {Watcher} watcher
 */
async function inPieces(parcel, watcher) {
  const { key, file, options } = parcel;
  let offset = await begin(parcel, watcher);
  while (offset < file.size) {
    const from = offset;
    const own = { ...TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(from) };
    const piece = file.slice(from, from + PIECE_BYTES);
    const answer = await transfer("PATCH", parcel.upload, own, piece, {
      ...watcher,
      sent: (bytes) => watcher.sent(from + bytes),
    });
    offset = Number(answer.header("Upload-Offset"));
    if (!(offset > from)) throw problemFrom(502, "", null); // or it would go on for ever
    watcher.sent(offset);
  }
  const job = {
    upload_id: parcel.upload.split("/").at(-1),
    filename: file.name,
    options: requested(options),
  };
  const body = new Blob([JSON.stringify(job)]);
  const own = { "Content-Type": "application/json", "Idempotency-Key": key };
  const answer = await transfer("POST", "/v1/jobs", own, body, { ...watcher, sent: () => {} });
  return jobOf(JSON.parse(answer.text));
}

/**
 * Opens the upload, or finds out how far it is.
 *
 * @param {Parcel} parcel
 * @param {Watcher} watcher
 * @returns {Promise<number>} the offset to go on at
 */
async function begin(parcel, watcher) {
  const quiet = { ...watcher, sent: () => {} };
  if (parcel.upload) {
    try {
      const answer = await transfer("HEAD", parcel.upload, TUS, null, quiet);
      return Number(answer.header("Upload-Offset"));
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error; // expired: from the beginning
    }
  }
  const own = { ...TUS, "Upload-Length": String(parcel.file.size), "Upload-Metadata": `filename ${base64(parcel.file.name)}` };
  const answer = await transfer("POST", "/v1/uploads", own, null, quiet);
  parcel.upload = new URL(answer.header("Location") ?? "", location.href).pathname;
  return 0;
}

/** @param {string} text */
function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

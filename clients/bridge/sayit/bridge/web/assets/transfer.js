/** Requests with a large body: unlike fetch, XMLHttpRequest reports how much of it is sent. */

import { ApiError, headers, obtainKey, problemFrom } from "./api.js";
import { t } from "./i18n.js";

/**
 * @typedef {{text: string, header: (name: string) => string | null}} Answer
 * @typedef {{sent: (bytes: number) => void, begun: (request: XMLHttpRequest) => void}} Watcher
 */

/**
 * Sends a body, again with a key if the service asks for one.
 *
 * @param {string} method
 * @param {string} path
 * @param {Record<string, string>} own headers besides those of every request
 * @param {Blob | null} body
 * @param {Watcher} watcher
 * @returns {Promise<Answer>}
 * @throws {ApiError}
 */
export async function transfer(method, path, own, body, watcher) {
  for (;;) {
    const shared = headers();
    const request = await finished(method, path, { ...shared, ...own }, body, watcher);
    if (request.status < 300) return { text: request.responseText, header: (name) => request.getResponseHeader(name) };
    if (request.status !== 401)
      throw problemFrom(request.status, request.responseText, request.getResponseHeader("Retry-After"));
    await obtainKey((shared.Authorization ?? "").replace("Bearer ", ""));
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {Record<string, string>} all
 * @param {Blob | null} body
 * @param {Watcher} watcher
 * @returns {Promise<XMLHttpRequest>}
 */
function finished(method, path, all, body, watcher) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    watcher.begun(request);
    request.open(method, path);
    for (const [name, value] of Object.entries(all)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => watcher.sent(event.loaded);
    request.onerror = request.onabort = request.ontimeout = () => reject(new ApiError(t("error.network"), 0));
    request.onload = () => resolve(request);
    request.send(body);
  });
}

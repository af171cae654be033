/** A service worker that adds the page's key to what its media elements ask for. It keeps and caches nothing. */

const RECORDING = /^\/v1\/(jobs\/[^/]+|shared)\/audio$/;
const worker = /** @type {any} */ (self);

worker.addEventListener("install", () => worker.skipWaiting());
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(worker.clients.claim()));
worker.addEventListener("message", (/** @type {any} */ event) => event.waitUntil(worker.clients.claim()));
worker.addEventListener("fetch", (/** @type {any} */ event) => {
  const { request, clientId } = event;
  const url = new URL(request.url);
  if (url.origin !== location.origin || !RECORDING.test(url.pathname) || request.headers.has("authorization")) return;
  event.respondWith(withKey(request, clientId));
});

/**
 * @param {Request} request
 * @param {string} clientId the page's
 */
async function withKey(request, clientId) {
  const page = await worker.clients.get(clientId);
  if (!page) return fetch(request);
  const { port1, port2 } = new MessageChannel();
  const told = new Promise((resolve) => (port1.onmessage = (event) => resolve(event.data)));
  page.postMessage("key", [port2]);
  const headers = new Headers({ Authorization: await told });
  const range = request.headers.get("range");
  if (range) headers.set("Range", range);
  return fetch(request.url, { headers, signal: request.signal });
}

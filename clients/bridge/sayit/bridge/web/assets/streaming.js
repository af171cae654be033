/** Playing from the service: an address that a media element can ask for itself, piece by piece. */

import { headers } from "./api.js";

const WORKER = new URL("./streamworker.js", import.meta.url).href;

/**
 * The address at which a media element gets a recording; empty where it cannot.
 *
 * A media element sends no key. Where one is needed, a service worker adds it; browsers have those on https and on the
 * machine itself only.
 *
 * @param {string} path
 */
export async function streamed(path) {
  if (!headers().Authorization) return path;
  const workers = navigator.serviceWorker;
  if (!workers) return "";
  try {
    await workers.register(WORKER, { scope: "/" });
    const { active } = await workers.ready;
    if (!workers.controller) {
      const controlled = new Promise((resolve) => workers.addEventListener("controllerchange", resolve, { once: true }));
      active?.postMessage("claim"); // a page that was reloaded past its caches has no worker until it is asked for
      await controlled;
    }
    return path;
  } catch {
    return ""; // a browser that allows none, as in some private windows
  }
}

// The worker asks the page for its key each time: it keeps none, and two tabs may have two.
navigator.serviceWorker?.addEventListener("message", (event) => event.ports[0]?.postMessage(headers().Authorization ?? ""));
navigator.serviceWorker?.startMessages();

// This page without a network: a worker keeps the page's own files, and nothing else.

import { signal } from "@preact/signals";

/** "unknown" | "kept" | "not-kept": will this page open here without a network? */
export const offlinePage = signal("unknown");

export async function keepPage() {
  try {
    const found = await navigator.serviceWorker.register("/ride-worker.js", { scope: "/ride" });
    await kept(found.active ?? found.waiting ?? found.installing);
    offlinePage.value = "kept";
  } catch {
    offlinePage.value = "not-kept"; // private windows, and pages without TLS
  }
}

const kept = (worker) => new Promise((resolve, reject) => {
  const look = () => {
    if (worker.state === "activated") resolve();
    if (worker.state === "redundant") reject(new Error("the worker was given up"));
  };
  worker.addEventListener("statechange", look);
  look();
});

// Answers /ride from what was kept where there is no network. `SHELL` {version, files} is put before
// this text by pages.py. A page that came from the network gets its files from there, and one that
// was kept gets the kept ones: two releases never mix. What the API says is never kept.

const CACHE = `trifleet-ride-${SHELL.version}`;
const PAGE = "/ride";
const PATIENCE_MS = 5_000;
const servedHere = new Set();

addEventListener("install", (event) => event.waitUntil(keep()));
addEventListener("activate", (event) => event.waitUntil(forgetOlder()));
addEventListener("fetch", (event) => {
  const { request, clientId } = event;
  if (request.method !== "GET") return;
  if (request.mode === "navigate") event.respondWith(page(event));
  else if (servedHere.has(clientId)) event.respondWith(kept(request));
});

async function keep() {
  const cache = await caches.open(CACHE);
  await cache.addAll(SHELL.files.map((file) => new Request(file, { cache: "no-cache" })));
}

async function forgetOlder() {
  const names = await caches.keys();
  const older = names.filter((name) => name.startsWith("trifleet-ride-") && name !== CACHE);
  await Promise.all(older.map((name) => caches.delete(name)));
}

async function page({ request, resultingClientId }) {
  try {
    return await fetch(request, { signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch (error) {
    const found = await (await caches.open(CACHE)).match(PAGE);
    if (!found) throw error;
    servedHere.add(resultingClientId);
    return found;
  }
}

async function kept(request) {
  const found = await (await caches.open(CACHE)).match(request);
  return found ?? fetch(request);
}

// Which key of the log this browser believes: the one it saw first, until its owner says otherwise.
// The key comes from the same server as the page; pinning makes a later exchange visible.

import { request } from "./api.js";
import * as store from "./store.js";

/** {vkey, since, changed}: `changed` is true where the server now names another key. */
export async function logTrust() {
  const response = await request("/site.json", { cache: "no-store" });
  const offered = response.ok ? (await response.json()).log_vkey : null;
  const pinned = await store.read("log-vkey");
  if (!pinned && offered) {
    const first = { vkey: offered, since: Date.now() };
    await store.write("log-vkey", first);
    return { ...first, changed: false };
  }
  if (!pinned) return { vkey: null, since: null, changed: false };
  return { ...pinned, changed: Boolean(offered) && offered !== pinned.vkey };
}

/** Believe the key that the server names now. Only ever called by a press of a button. */
export async function trustNewKey() {
  await store.remove("log-vkey");
  return logTrust();
}

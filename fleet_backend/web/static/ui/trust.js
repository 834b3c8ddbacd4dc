// Which key of the log this browser believes: the one it saw first, until its owner says otherwise.
// The key comes from the same server as the page; pinning makes a later exchange visible.

import { parseVkey } from "../log/note.js";
import { ApiError, get } from "./api.js";
import { isFault } from "./faults.js";
import * as store from "./store.js";

/**
 * {vkey, since, changed, offered}: `changed` is true where the server now names another key
 * (`offered`). Without the server, what was pinned still counts. `keep` is where it is kept.
 */
export async function logTrust(keep = store) {
  const offered = await askServer();
  const known = await keep.read("log-vkey");
  const pinned = known && (await isVkey(known.vkey)) ? known : null;
  if (!pinned && offered && (await isVkey(offered))) {
    const first = { vkey: offered, since: Date.now() };
    await keep.write("log-vkey", first);
    return { ...first, changed: false, offered };
  }
  if (!pinned) return { vkey: null, since: null, changed: false, offered };
  return { ...pinned, changed: Boolean(offered) && offered !== pinned.vkey, offered };
}

async function askServer() {
  try {
    return (await get("/site.json")).log_vkey ?? null;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return null;
  }
}

async function isVkey(text) {
  try {
    return Boolean(await parseVkey(text));
  } catch (error) {
    if (!isFault(error)) throw error;
    return false;
  }
}

/** Believe the key that the server names now. Only ever called by a press of a button. */
export async function trustNewKey(keep = store) {
  await keep.remove("log-vkey");
  return logTrust(keep);
}

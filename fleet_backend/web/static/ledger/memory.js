// What this page remembers, over ui/store.js. A browser that cannot keep anything remembers for this
// visit and says so; what was kept and cannot be what this page wrote is not used, and that is said.

import * as store from "/static/ui/store.js";
import { memory } from "./state.js";

const here = new Map();
const octets = (value, size) => value instanceof Uint8Array && (!size || value.length === size);
const SOUND = {
  "ledger-policy": ({ data, since }) => octets(data) && Number.isFinite(since),
  "log-vkey": ({ vkey, since }) => typeof vkey === "string" && Number.isFinite(since),
  "ledger-seen": ({ origin, size, root, note, when }) => typeof origin === "string"
    && typeof size === "bigint" && octets(root, 32) && octets(note) && Number.isFinite(when),
};

function sound(key, value) {
  if (value === undefined) return undefined;
  if (value && SOUND[key.split(":")[0]](value)) return value;
  memory.value ??= "damaged";
  return undefined;
}

/** `work` on the store; once that failed, `instead` for the rest of the visit. */
async function kept(work, instead) {
  if (memory.value !== "none") {
    try {
      return await work();
    } catch {
      memory.value = "none"; // whatever it is: blocked, full, or broken
    }
  }
  return instead();
}

export const read = async (key) => sound(key, await kept(() => store.read(key), () => here.get(key)));

export async function readAll(prefix) {
  const begins = ([key]) => key.startsWith(prefix);
  const values = await kept(
    () => store.readAll(prefix), () => [...here].filter(begins).map(([, value]) => value));
  return values.filter((value) => sound(prefix, value));
}

export const write = (key, value) => kept(() => store.write(key, value), () => here.set(key, value));
export const remove = (key) => kept(() => store.remove(key), () => here.delete(key));

export function update(key, change) {
  const next = (now) => change(sound(key, now));
  return kept(() => store.update(key, next), () => here.set(key, next(here.get(key))).get(key));
}

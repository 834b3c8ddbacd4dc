// The one-time codes that this phone keeps, one entry a vehicle, until their grant ends: in this
// browser's storage and on its screen, nowhere else.

import { signal } from "@preact/signals";

import { equal } from "/static/ui/bytes.js";
import * as store from "/static/ui/store.js";

const PREFIX = "codes:";

/**
 * [{vehicle, grant, codes: [{digits, used}], deposit: {state, id, expires, at, refusal}}].
 * deposit.state: "open" (never sent), "sent", "done" (the vehicle's record says so), "refused".
 */
export const codebook = signal([]);

/** {vehicle, notAfter} of codes that were removed because their time was over, or null. */
export const outdated = signal(null);

export const entryOf = (vehicle) =>
  codebook.value.find((entry) => entry.vehicle === vehicle) ?? null;

/** What was kept before a reload; what has ended since is removed. */
export async function openCodebook() {
  codebook.value = await store.readAll(PREFIX);
  await prune();
}

/** Stored before it is shown: codes that a reload loses were never there. */
export async function keep(entry) {
  await store.write(PREFIX + entry.vehicle, entry);
  codebook.value = [...others(entry.vehicle), entry];
}

export async function drop(vehicle) {
  await store.remove(PREFIX + vehicle);
  codebook.value = others(vehicle);
}

/** The vehicle said that this grant opens no more. */
export async function dropWith(vehicle, grantId) {
  const entry = entryOf(vehicle);
  if (entry && equal(entry.grant.grantId, grantId)) await drop(vehicle);
}

export async function prune() {
  const over = codebook.value.filter((entry) => entry.grant.notAfter * 1000 <= Date.now());
  for (const { vehicle, grant } of over) {
    outdated.value = { vehicle, notAfter: grant.notAfter };
    await drop(vehicle);
  }
}

const others = (vehicle) => codebook.value.filter((entry) => entry.vehicle !== vehicle);

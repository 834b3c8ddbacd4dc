// What the rider's page knows, as signals. Only session.js writes here.

import { computed, signal } from "@preact/signals";

/** {items, loading, error, at} of GET /v1/vehicles. */
export const vehicles = signal({ items: [], loading: true, error: null, at: null });

/** The vehicle in the address (#/v/ID), or null. */
export const chosen = signal(null);

/** The vehicle whose codes are open (#/v/ID/codes), or null. */
export const codesOf = signal(null);

/** {action, step, last, since, refusal, problem, commandId, expires, tries} or null. */
export const task = signal(null);

/** {vehicle, unlockId, lockId, unlockedAt, startOdometer, seenOpen, grantEnds} or null. */
export const ride = signal(null);

/** The vehicle's last own report in this ride, or null. */
export const live = signal(null);

/** {vehicle, unlockId, lockId, duration, metres, soc, how} after a ride, or null. */
export const ended = signal(null);

/** "open" | "waiting" | null: the line on which the vehicle's reports come. */
export const line = signal(null);

export const chosenItem = computed(
  () => vehicles.value.items.find((item) => item.id === chosen.value) ?? null,
);

/** True where this browser keeps nothing: then no key, and no ride. */
export const storageFault = signal(false);

export const screen = computed(() => {
  if (ended.value) return "ended";
  if (codesOf.value) return "codes";
  if (ride.value?.unlockedAt) return "riding";
  if (task.value) return "unlocking";
  return chosen.value ? "vehicle" : "list";
});

// What the operator's page knows, as signals. Only live.js writes here.

import { computed, signal } from "@preact/signals";

export const token = signal(null);
/** Why the token form is shown again, or null. */
export const tokenFault = signal(null);

/** id -> the vehicle as last heard. */
export const vehicles = signal(new Map());
export const loading = signal(true);
export const error = signal(null);
/** "connecting" | "open" | "waiting": the line on which the fleet reports. */
export const line = signal("connecting");

export const refusals = signal({ items: [], next: null, loading: true, error: null });
/** Refusals that came in since the panel was last seen. */
export const unseen = signal(0);

/** Statements that are missing: {id, gateway, first, last, since} each; `more`: not all are here. */
export const gaps = signal({ items: [], more: false });

/** Roll-outs newest first, and of each vehicle what it has and shall have. */
export const updates = signal({ rollouts: [], vehicles: [], loading: true, error: null });

/** {page: "overview" | "vehicle" | "refusals" | "updates", id} */
export const route = signal({ page: "overview", id: null });

/** The open vehicle's page: events newest first, and columns of its telemetry. */
export const events = signal({ items: [], next: null, loading: true, error: null });
export const series = signal({ time: [], speed_mmps: [], soc_permille: [] });

export const list = computed(() =>
  [...vehicles.value.values()].sort((a, b) => a.id.localeCompare(b.id, "en", { numeric: true })),
);

// What the ledger's page knows, as signals. Only session.js, memory.js, check.js and
// find.js write here.

import { signal } from "@preact/signals";

/** Whether this browser can check signatures; null until it was tried. */
export const capable = signal(null);

/** {vkey, since, changed, offered}: the key of the first use, as ui/trust.js gives it. */
export const trust = signal(null);

/** {policy, since} of the reader's own policy file; null without one. */
export const policyFile = signal(null);
/** What is wrong with the policy file that was handed in last, or null. */
export const policyFault = signal(null);

/** Why this browser does not remember as it should: null, "none" or "damaged". */
export const memory = signal(null);

/** {policy, data, name}: a policy file in the place of a receipt; believed only after a press. */
export const offered = signal(null);

/** What watch.js found, with `at`; null before the first look. */
export const look = signal(null);

/** "busy", "done", or the name of the failure that kept us from looking. */
export const looking = signal("busy");

/** {name, data, report, problem, busy}: the receipt that is being checked, or null. */
export const receipt = signal(null);

/** {items, next, busy, problem, asked} of the search; null before the first. */
export const found = signal(null);

/** {index, statement, fault, problem, busy} of the entry that was asked for by its number. */
export const entry = signal(null);

export const token = signal(null);
export const vehicles = signal([]);

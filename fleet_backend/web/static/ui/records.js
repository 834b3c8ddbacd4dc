// Names of what vehicles record (docs/protocol.md section 6), for the wire's numbers and the API's
// JSON alike. `describe` gives the key and the values of a sentence; the words are in lang/.

import { toHex } from "./bytes.js";
import { DecodeError, decode } from "./cbor.js";
import { HMAC_256, split } from "./cose.js";
import { ACTIONS } from "./documents.js";

export const STATES = ["LOCKED", "READY", "DRIVE", "LOCK_PENDING"];
export const REASONS = [
  "START", "COMMAND", "RIDER_ACTION", "NO_ACTION", "STANDSTILL", "UNPROVISIONED",
];
export const REFUSALS = [
  "", "MALFORMED", "VEHICLE", "CHALLENGE", "BACKOFF", "OWNER", "HOLDER", "GRANT_ID", "NOT_YET",
  "EXPIRED", "CLOCK", "GENERATION", "REVOKED", "WIDENED", "ACTION", "SIGNATURE", "UNPROVISIONED",
  "STATE", "ARGUMENT", "BUSY",
];
export const KINDS = ["", "BOOT", "LOCK", "ANSWER", "REFUSAL", "TELEMETRY", "FAULT", "LOST"];

const BODIES = {
  BOOT: ["firmware", "reset_cause", "provisioning_fault", "last_boot", "unsent"],
  LOCK: ["state", "previous", "reason"],
  ANSWER: ["command_id", "action", "grant_id", "outcome"],
  REFUSAL: ["command_id", "code", "action", "unrecorded"],
  TELEMETRY: [
    "speed_mmps", "odometer_m", "pack_mv", "pack_da", "soc_permille", "lat_e7", "lon_e7", "state",
    "motor_temp_c", "heading_cdeg",
  ],
  FAULT: ["node", "code", "present"],
  LOST: ["samples"],
};

/** A name out of a list for a number; names pass, what is unknown is null. */
export function named(list, value) {
  if (typeof value === "string") return Object.values(list).includes(value) ? value : null;
  return list[value] || null;
}

export const lockState = (value) => named(STATES, value) ?? "UNKNOWN";

/** A record's bytes as {vehicle, boot, seq, time, kind, body}. Its seal only the fleet can check. */
export function decodeRecordUnsealed(bytes) {
  const value = decode(split(bytes, HMAC_256, "record").payload);
  if (!Array.isArray(value) || value.length !== 8 || value[0] !== 1) {
    throw new DecodeError("field", "record");
  }
  const kind = KINDS[value[6]];
  if (!kind || !(value[7] instanceof Map)) throw new DecodeError("field", "record.kind");
  const body = {};
  for (const [key, item] of value[7]) {
    const name = BODIES[kind][key];
    if (!name) throw new DecodeError("unknown-key", `record.body.${key}`);
    body[name] = item instanceof Uint8Array ? toHex(item) : item;
  }
  return { vehicle: value[1], boot: value[2], seq: value[3], time: value[5], kind, body };
}

const sentences = {
  BOOT: (body) => [body.provisioning_fault ? "event.boot-unprovisioned" : "event.boot", body],
  LOCK: (body) => ["event.lock", {
    state: lockState(body.state),
    reason: named(REASONS, body.reason) ?? "UNKNOWN",
  }],
  ANSWER: (body) => [body.outcome ? "event.answer-pending" : "event.answer-done", {
    action: named(ACTIONS, body.action) ?? "UNKNOWN",
  }],
  REFUSAL: (body) => ["event.refusal", {
    action: named(ACTIONS, body.action) ?? "UNKNOWN",
    refusal: named(REFUSALS, body.code) ?? "UNKNOWN",
    code: body.code,
    unrecorded: body.unrecorded ?? 0,
  }],
  TELEMETRY: (body) => ["event.telemetry", body],
  FAULT: (body) => [body.present ? "event.fault" : "event.fault-cleared", body],
  LOST: (body) => ["event.lost", body],
};

/** [key of the sentence, its values] for one record. */
export function describe(kind, body) {
  const sentence = sentences[kind];
  return sentence ? sentence(body ?? {}) : ["event.unknown", { kind: kind ?? "?" }];
}

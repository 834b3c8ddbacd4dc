// Names of what vehicles record (docs/protocol.md section 6), for the wire's numbers and the API's
// JSON alike. `describe` gives the key and the values of a sentence; the words are in lang/.

import { toHex } from "./bytes.js";
import { DecodeError, decode } from "./cbor.js";
import { HMAC_256, split } from "./cose.js";
import { ACTIONS } from "./documents.js";

export const STATES = ["LOCKED", "READY", "DRIVE", "LOCK_PENDING"];
export const REASONS = [
  "START", "COMMAND", "RIDER_ACTION", "NO_ACTION", "STANDSTILL", "UNPROVISIONED", "RESUMED",
  "KEY_OFF", "CHARGER",
];
export const REFUSALS = [
  "", "MALFORMED", "VEHICLE", "CHALLENGE", "BACKOFF", "OWNER", "HOLDER", "GRANT_ID", "NOT_YET",
  "EXPIRED", "CLOCK", "GENERATION", "REVOKED", "WIDENED", "ACTION", "SIGNATURE", "UNPROVISIONED",
  "STATE", "ARGUMENT", "BUSY", "CODE", "RATE",
];
export const KINDS = [
  "", "BOOT", "LOCK", "ANSWER", "REFUSAL", "TELEMETRY", "FAULT", "LOST", "", "EGRESS",
];

const MAX_U32 = 0xffffffff;
const sint = (value) => typeof value === "bigint" || Number.isSafeInteger(value);
const uint = (value) => sint(value) && value >= 0;
const octets = (value) => value instanceof Uint8Array;
const text = (value) => typeof value === "string" && [...value].length <= 255;
const boolean = (value) => typeof value === "boolean";
const identifier = (value) =>
  typeof value === "string" && /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(value);

// kind -> [name, check] by key. Whole but for those in NEEDED.
const BODIES = {
  BOOT: [
    ["firmware", text], ["reset_cause", uint], ["provisioning_fault", uint], ["last_boot", uint],
    ["unsent", uint],
  ],
  LOCK: [["state", uint], ["previous", uint], ["reason", uint]],
  ANSWER: [["command_id", octets], ["action", uint], ["grant_id", octets], ["outcome", uint]],
  REFUSAL: [["command_id", octets], ["code", uint], ["action", uint], ["unrecorded", uint]],
  TELEMETRY: [
    ["speed_mmps", sint], ["odometer_m", uint], ["pack_mv", uint], ["pack_da", sint],
    ["soc_permille", uint], ["lat_e7", sint], ["lon_e7", sint], ["state", uint],
    ["motor_temp_c", sint], ["heading_cdeg", uint],
  ],
  FAULT: [["node", uint], ["code", uint], ["present", boolean]],
  LOST: [["samples", uint]],
  EGRESS: [["state", uint], ["speed_mmps", sint]],
};
// What is not fresh is left out: how many of the first keys are there all the same.
const NEEDED = { TELEMETRY: 0, EGRESS: 1 };

/** A name out of a list for a number; names pass, what is unknown is null. */
export function named(list, value) {
  if (typeof value === "string") return Object.values(list).includes(value) ? value : null;
  return list[value] || null;
}

export const lockState = (value) => named(STATES, value) ?? "UNKNOWN";

/** A record's bytes as {vehicle, boot, seq, time, kind, body}. Its seal only the fleet can check. */
export function decodeRecordUnsealed(bytes) {
  const { payload, seal } = split(bytes, HMAC_256, "record");
  const value = decode(payload);
  if (seal.length !== 32 || !Array.isArray(value) || value.length !== 8 || value[0] !== 1) {
    throw new DecodeError("field", "record");
  }
  const [, vehicle, boot, seq, uptime, time, number, body] = value;
  const kind = uint(number) ? KINDS[number] : undefined;
  const numbers = [boot, seq, time].every((item) => uint(item) && item <= MAX_U32)
    && uint(uptime) && uptime < 2 ** 48;
  if (!kind || !identifier(vehicle) || !numbers) throw new DecodeError("field", "record");
  return { vehicle, boot, seq, time, kind, body: decodeBody(kind, body) };
}

function decodeBody(kind, value) {
  const fields = BODIES[kind];
  const needed = NEEDED[kind] ?? fields.length;
  const whole = value instanceof Map && fields.every((_, key) => key >= needed || value.has(key));
  if (!whole) throw new DecodeError("field", "record.body");
  const body = {};
  for (const [key, item] of value) {
    const [name, holds] = fields[key] ?? [];
    if (!name) throw new DecodeError("unknown-key", `record.body.${key}`);
    if (!holds(item)) throw new DecodeError("field", `record.body.${name}`);
    body[name] = item instanceof Uint8Array ? toHex(item) : item;
  }
  return body;
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
  EGRESS: (body) => ["event.egress", { state: lockState(body.state) }],
  UNREADABLE: (body) => ["event.unreadable", body],
};

/** [key of the sentence, its values] for one record. */
export function describe(kind, body) {
  const sentence = sentences[kind];
  return sentence ? sentence(body ?? {}) : ["event.unknown", { kind: kind ?? "?" }];
}

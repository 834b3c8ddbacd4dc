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
  "", "BOOT", "LOCK", "ANSWER", "REFUSAL", "TELEMETRY", "FAULT", "LOST", "HEALTH", "EGRESS",
  "UPDATE",
];
// By the number of the heartbeat, and the codes that the vehicle controller gives.
export const NODES = ["", "VCU", "MC", "BMS", "CHG", "HMI", "GNSS", "GW"];
export const UPDATE_STAGES = ["", "begun", "trial", "confirmed", "rolled-back", "refused"];
export const UPDATE_CODES = [
  "DONE", "MALFORMED", "BOARD", "KEYS", "SIGNATURE", "OLDER", "DIGEST", "SPACE", "HASH", "MOVING",
  "BATTERY", "NOT_ALLOWED", "FLASH", "BUSY", "TRIALS", "NO_SLOT", "SELF_TEST",
];
export const FAULTS = {
  0x10000: "SILENT", 0x10001: "BUS_OFF", 0x10002: "FLASH",
  0x10003: "CONFIG_MISSING", 0x10004: "CONFIG_UNREADABLE", 0x10010: "GNSS_SPOOFED",
  0x10011: "WHEELS_ON_STAND", 0x10012: "GNSS_LEAP", 0x10013: "CLOCK_JUMP",
  0x10014: "ODOMETER_DRIFT",
};
// What should be 0 in a HEALTH record: it is made when one of these rises.
export const TROUBLES = [
  "missed", "can_warnings", "can_overruns", "ring_overflows", "bus_offs", "bad_crc",
  "wrong_length", "repeated", "skipped", "too_fast", "tp_malformed", "tp_timeouts",
  "tp_overflows", "tp_sequence", "tp_interrupted", "journal_thinned", "journal_damaged",
  "refusals_untold", "faults_untold", "crashes",
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
    ["motor_temp_c", sint], ["heading_cdeg", uint], ["inverter_temp_c", sint],
    ["cell_min_mv", uint], ["cell_max_mv", uint], ["charging", uint], ["gnss_speed_mmps", uint],
    ["supply_mv", uint], ["cap_mmps", uint], ["warning", uint], ["steering_cdeg", sint],
    ["pack_temp_c", sint], ["rest", uint],
  ],
  FAULT: [["node", uint], ["code", uint], ["present", boolean]],
  LOST: [["samples", uint]],
  HEALTH: [
    ["uptime_s", uint], ["heap_free", uint], ["missed", uint], ["piece_ms", uint],
    ["can_tx_errors", uint], ["can_rx_errors", uint], ["can_warnings", uint],
    ["can_overruns", uint], ["ring_overflows", uint], ["bus_offs", uint], ["unsent", uint],
    ["bad_crc", uint], ["wrong_length", uint], ["repeated", uint], ["skipped", uint],
    ["too_fast", uint], ["tp_malformed", uint], ["tp_timeouts", uint], ["tp_overflows", uint],
    ["tp_sequence", uint], ["tp_interrupted", uint], ["journal_records", uint],
    ["journal_thinned", uint], ["journal_damaged", uint], ["refusals_untold", uint],
    ["faults_untold", uint], ["crashes", uint], ["resets", uint], ["supply_mv", uint],
    ["board_temp_c", sint],
  ],
  EGRESS: [["state", uint], ["speed_mmps", sint]],
  UPDATE: [["stage", uint], ["digest", octets], ["code", uint], ["number", uint]],
};
// What is not known is left out: how many of the first keys are there all the same.
export const NEEDED = { TELEMETRY: 0, HEALTH: 0, EGRESS: 1 };

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
  const says = kind !== "HEALTH" || value?.size > 0;
  if (!whole || !says) throw new DecodeError("field", "record.body");
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
  FAULT: (body) => {
    const fault = FAULTS[body.code];
    const cleared = body.present ? "" : "-cleared";
    return [`event.fault${fault ? "-named" : ""}${cleared}`, {
      ...body, fault, node: NODES[body.node] || body.node,
    }];
  },
  LOST: (body) => ["event.lost", body],
  HEALTH: (body) => ["event.health", {
    ...body, troubles: TROUBLES.filter((name) => body[name]).map((name) => [name, body[name]]),
  }],
  EGRESS: (body) => ["event.egress", { state: lockState(body.state) }],
  UPDATE: (body) => {
    const stage = named(UPDATE_STAGES, body.stage);
    return [stage ? `event.update-${stage}` : "event.update", {
      number: body.number, reason: UPDATE_CODES[body.code] ?? body.code, stage: body.stage,
    }];
  },
  UNREADABLE: (body) => ["event.unreadable", body],
};

/** [key of the sentence, its values] for one record. */
export function describe(kind, body) {
  const sentence = sentences[kind];
  return sentence ? sentence(body ?? {}) : ["event.unknown", { kind: kind ?? "?" }];
}

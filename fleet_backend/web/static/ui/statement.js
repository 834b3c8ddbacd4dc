// Statements (docs/protocol.md section 7) and what a receipt carries of one, read as strictly as
// protocol/statement.py and trifleet/receipt.py read them.

import { verifyEd25519 } from "../log/ed25519.js";
import { ProofError } from "../log/errors.js";
import { concat, equal, sha256, utf8 } from "./bytes.js";
import { DecodeError, decode } from "./cbor.js";
import { EDDSA, sign1Message, split } from "./cose.js";
import { decodeRecordUnsealed } from "./records.js";

const AAD = "trifleet/statement/v1";
const COMMITMENT = "trifleet/commitment/v1";
// Items of the payload by its version; from version 2 on a statement says how good its time is.
const LENGTHS = { 1: 7, 2: 9 };
const CLOCKS = ["unset", "held-over", "network", "gnss"];
const UNKNOWN_ERROR = 0xffffffff;
const KINDS = { 1: "RECORDS", 2: "GATEWAY", 3: "GRANT", 4: "RELEASE", 5: "WORK_ORDER" };
const MAX_TIME = 0xffffffff;
const MAX_SEQ = (1n << 63n) - 1n;
const MAX_RECORDS = 64;

const octets = (value, size) => value instanceof Uint8Array && (!size || value.length === size);
const uint = (value, most) =>
  (typeof value === "bigint" || Number.isSafeInteger(value)) && value >= 0 && value <= most;
const identifier = (value) =>
  typeof value === "string" && /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(value);

/** {statement, salt, body, gatewayKey} of a receipt's `extra`: the receipt's own word so far. */
export function decodeExtra(extra) {
  if (!extra.length) throw new ProofError("no-statement");
  const value = decode(extra);
  if (!Array.isArray(value) || value.length !== 5 || value[0] !== 1) {
    throw new DecodeError("field", "receipt");
  }
  const [, statement, salt, body, gatewayKey] = value;
  if (!octets(statement) || !octets(salt, 16) || !octets(body) || !octets(gatewayKey, 32)) {
    throw new DecodeError("field", "receipt");
  }
  return { statement, salt, body, gatewayKey };
}

/** A statement's own words: {gateway, seq, time, kind, commitment, clock, errorMs}; the last two
 *  are undefined in version 1. Nothing is verified. */
export function decodeStatement(bytes) {
  const { payload, seal } = split(bytes, EDDSA, "statement");
  const value = decode(payload);
  const length = Array.isArray(value) && LENGTHS[value[0]];
  if (!octets(seal, 64) || typeof value[0] !== "number" || value.length !== length) {
    throw new DecodeError("field", "statement");
  }
  const [version, gateway, seq, previous, time, number, commitment, source, errorMs] = value;
  const kind = uint(number, 5) ? KINDS[number] : undefined;
  const fields = identifier(gateway) && uint(seq, MAX_SEQ) && octets(previous, 32)
    && uint(time, MAX_TIME) && octets(commitment, 32);
  if (!fields || !kind) throw new DecodeError("field", "statement");
  if (version === 1) return { gateway, seq, time, kind, commitment };
  // A clock that is not set has no time, and every other one has.
  if (!uint(source, 3) || (source === 0) !== (time === 0) || !uint(errorMs, UNKNOWN_ERROR)) {
    throw new DecodeError("field", "statement");
  }
  return { gateway, seq, time, kind, commitment, clock: CLOCKS[source], errorMs };
}

/** [key of a sentence, its values] about the clock that a statement's time is from, or null. */
export function clockText({ clock, errorMs }) {
  if (!clock) return null;
  const known = clock !== "unset" && errorMs !== UNKNOWN_ERROR;
  return [`clock.${clock}${known ? "" : "-unknown"}`, { seconds: errorMs / 1000 }];
}

export function isSignedBy(gatewayKey, statement) {
  const { payload, seal } = split(statement, EDDSA, "statement");
  return verifyEd25519(gatewayKey, sign1Message(EDDSA, AAD, payload), seal);
}

export const opens = async (commitment, salt, body) =>
  equal(await sha256(concat(utf8(COMMITMENT), salt, body)), commitment);

/** The records in the body of a RECORDS statement; other kinds have none. */
export function readRecords(kind, body) {
  if (kind !== "RECORDS") return [];
  const items = decode(body);
  const whole = Array.isArray(items) && items.length >= 1 && items.length <= MAX_RECORDS;
  if (!whole || !items.every((item) => octets(item))) throw new DecodeError("field", "body");
  return items.map(readRecord);
}

/** A record that cannot be read spoils none of those beside it: nobody heeds it. */
function readRecord(bytes, position) {
  try {
    return decodeRecordUnsealed(bytes);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return { kind: "UNREADABLE", body: { position, size: bytes.length } };
  }
}

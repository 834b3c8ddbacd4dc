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
const KINDS = { 1: "RECORDS", 2: "GATEWAY", 3: "GRANT" };
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

/** A statement's own words: {gateway, seq, time, kind, commitment}. Nothing is verified. */
export function decodeStatement(bytes) {
  const { payload, seal } = split(bytes, EDDSA, "statement");
  const value = decode(payload);
  if (!octets(seal, 64) || !Array.isArray(value) || value.length !== 7 || value[0] !== 1) {
    throw new DecodeError("field", "statement");
  }
  const [, gateway, seq, previous, time, number, commitment] = value;
  const kind = uint(number, 3) ? KINDS[number] : undefined;
  const fields = identifier(gateway) && uint(seq, MAX_SEQ) && octets(previous, 32)
    && uint(time, MAX_TIME) && octets(commitment, 32);
  if (!fields || !kind) throw new DecodeError("field", "statement");
  return { gateway, seq, time, kind, commitment };
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

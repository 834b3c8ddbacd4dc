// A receipt, checked step by step in the browser. Each step is proved, failed or, in so many words,
// not proved: a receipt never looks better than what was computed here.

import { concat, equal, sha256, toHex, utf8 } from "./bytes.js";
import { DecodeError, decode } from "./cbor.js";
import { EDDSA, sign1Message, split } from "./cose.js";
import { LedgerError, leafHash, openCheckpoint, parseCheckpoint, parseNote, parseProof,
  verifyEd25519, verifyInclusion } from "./ledger.js";
import { decodeRecordUnsealed } from "./records.js";

const STATEMENT_AAD = "trifleet/statement/v1";
const STATEMENT_KINDS = ["", "RECORDS", "GATEWAY", "GRANT"];

/**
 * {steps: [{id, result: "proved" | "failed" | "open", values}], verdict, statement, records}.
 * `verdict` is "good" only if every step that this page can do was done and holds.
 */
export async function checkReceipt(text, { logVkey }) {
  const report = { steps: [], statement: null, records: [], verdict: "bad" };
  const add = (id, result, values = {}) => report.steps.push({ id, result, values });
  try {
    const receipt = parseProof(text);
    const document = decodeExtra(receipt.extra);
    const checkpoint = await checkSignature(receipt.note, logVkey, add);
    await checkInclusion(receipt, document, checkpoint, add);
    report.statement = decodeStatement(document.statement);
    await checkGateway(document, add);
    await checkCommitment(document, report.statement, add);
    report.records = readRecords(document, report.statement);
  } catch (error) {
    add("readable", "failed", { detail: error.message });
    return report;
  }
  add("seal", "open");
  report.verdict = verdict(report.steps);
  return report;
}

function verdict(steps) {
  if (steps.some((step) => step.result === "failed")) return "bad";
  return steps.some((step) => step.id === "signature" && step.result === "open") ? "partial" : "good";
}

function decodeExtra(extra) {
  if (!extra) throw new LedgerError("the receipt carries no statement");
  const value = decode(extra);
  const bytes = Array.isArray(value) && value.length === 5 && value[0] === 1
    && value.slice(1).every((item) => item instanceof Uint8Array);
  if (!bytes || value[4].length !== 32) throw new DecodeError("field", "extra");
  const [, statement, salt, body, gatewayKey] = value;
  return { statement, salt, body, gatewayKey };
}

async function checkSignature(note, logVkey, add) {
  if (!logVkey) {
    const checkpoint = parseCheckpoint(parseNote(note).text);
    add("signature", "open", { origin: checkpoint.origin });
    return checkpoint;
  }
  try {
    const checkpoint = await openCheckpoint(note, logVkey);
    add("signature", "proved", { origin: checkpoint.origin, size: checkpoint.size });
    add("witnesses", "open", { count: checkpoint.others });
    return checkpoint;
  } catch (error) {
    add("signature", "failed", { detail: error.message });
    return parseCheckpoint(parseNote(note).text);
  }
}

async function checkInclusion(receipt, document, checkpoint, add) {
  const { index, proof } = receipt;
  const values = { index, size: checkpoint.size };
  try {
    const leaf = await leafHash(document.statement);
    await verifyInclusion(index, checkpoint.size, leaf, proof, checkpoint.root);
    add("inclusion", "proved", values);
  } catch (error) {
    add("inclusion", "failed", { ...values, detail: error.message });
  }
}

function decodeStatement(bytes) {
  const value = decode(split(bytes, EDDSA, "statement").payload);
  const shaped = Array.isArray(value) && value.length === 7 && value[0] === 1
    && value[6] instanceof Uint8Array && STATEMENT_KINDS[value[5]];
  if (!shaped) throw new DecodeError("field", "statement");
  const [, gateway, seq, , time, kind, commitment] = value;
  return { gateway, seq, time, kind: STATEMENT_KINDS[kind], commitment };
}

async function checkGateway({ statement, gatewayKey }, add) {
  const { payload, seal } = split(statement, EDDSA, "statement");
  const message = sign1Message(EDDSA, STATEMENT_AAD, payload);
  const good = await verifyEd25519(gatewayKey, message, seal);
  add("gateway", good ? "proved" : "failed", { key: toHex(gatewayKey).slice(0, 16) });
}

async function checkCommitment({ salt, body }, statement, add) {
  const opened = await sha256(concat(utf8("trifleet/commitment/v1"), salt, body));
  add("commitment", equal(opened, statement.commitment) ? "proved" : "failed");
}

function readRecords({ body }, statement) {
  if (statement.kind !== "RECORDS") return [];
  const items = decode(body);
  if (!Array.isArray(items)) throw new DecodeError("field", "body");
  if (!items.every((item) => item instanceof Uint8Array)) throw new DecodeError("field", "body");
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

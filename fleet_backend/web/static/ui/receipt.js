// A receipt, checked step by step in the browser. Each step is proved, failed or, in so many words,
// not proved: a receipt never looks better than what was computed here.

import { openCheckpoint, parseCheckpoint } from "../log/checkpoint.js";
import { leafHash, verifyInclusion } from "../log/merkle.js";
import { parseNote } from "../log/note.js";
import { asksForWitnesses } from "../log/policy.js";
import { parseProof } from "../log/proof.js";
import { step, witnessStep } from "../log/steps.js";
import { toHex } from "./bytes.js";
import { isFault } from "./faults.js";
import { decodeExtra, decodeStatement, isSignedBy, opens, readRecords } from "./statement.js";

/**
 * {steps: [{id, result: "proved" | "failed" | "open", values, fault}], verdict, statement, records}
 * of a file's bytes. `policy` says whose keys are believed (null: nobody's). `compare(checkpoint)`,
 * where it is given, makes the step that holds the receipt against the log. `verdict` is "good"
 * only if every step that this page can do was done and holds.
 */
export async function checkReceipt(data, { policy, compare }) {
  const report = { steps: [], statement: null, records: [], verdict: "bad" };
  try {
    await checkAll(data, { policy, compare }, report);
    report.verdict = verdict(report.steps, policy);
  } catch (error) {
    if (!isFault(error)) throw error;
    report.steps.push(step("readable", "failed", {}, error));
  }
  return report;
}

async function checkAll(data, { policy, compare }, report) {
  const { steps } = report;
  const receipt = parseProof(data);
  const { statement, salt, body, gatewayKey } = decodeExtra(receipt.extra);
  const checkpoint = await checkSignature(receipt.note, policy, steps);
  steps.push(await checkInclusion(receipt, statement, checkpoint));
  if (compare && checkpoint.log) steps.push(await compare(checkpoint));
  report.statement = decodeStatement(statement);
  const signed = await isSignedBy(gatewayKey, statement);
  const key = toHex(gatewayKey).slice(0, 16);
  steps.push(step("gateway", signed ? "proved" : "failed", { key }));
  const opened = await opens(report.statement.commitment, salt, body);
  steps.push(step("commitment", opened ? "proved" : "failed"));
  report.records = readRecords(report.statement.kind, body);
  steps.push(step("seal", "open"));
}

function verdict(steps, policy) {
  if (steps.some(({ result }) => result === "failed")) return "bad";
  const free = policy && asksForWitnesses(policy) ? ["seal"] : ["seal", "witnesses"];
  return steps.some(({ id, result }) => result === "open" && !free.includes(id)) ? "partial" : "good";
}

/** The checkpoint; `log` is in it only where a key that is believed signed it. */
async function checkSignature(note, policy, steps) {
  const unverified = parseCheckpoint(parseNote(note).text);
  const { origin } = unverified;
  if (!policy) {
    steps.push(step("signature", "open", { origin }));
    return unverified;
  }
  try {
    const checkpoint = await openCheckpoint(note, policy);
    steps.push(step("signature", "proved", { origin, size: checkpoint.size }));
    steps.push(witnessStep(policy, checkpoint));
    return checkpoint;
  } catch (error) {
    if (!isFault(error)) throw error;
    steps.push(step("signature", "failed", { origin }, error));
    return unverified;
  }
}

async function checkInclusion({ index, path }, statement, checkpoint) {
  const values = { index, size: checkpoint.size };
  try {
    await verifyInclusion(
      index, checkpoint.size, await leafHash(statement), path, checkpoint.root);
    // A path to a root that nobody known signed proves nothing.
    return step("inclusion", checkpoint.log ? "proved" : "open", values);
  } catch (error) {
    if (!isFault(error)) throw error;
    return step("inclusion", "failed", values, error);
  }
}

// Checkpoints (C2SP tlog-checkpoint): origin, size and root as the text of a signed note. Sizes and
// indices are BigInts: they go up to 2^63 - 1. Extension lines are refused.

import { equal } from "../ui/bytes.js";
import { CheckpointError, LedgerError } from "./errors.js";
import { EMPTY_ROOT, HASH_SIZE } from "./merkle.js";
import { COSIGNATURE, ED25519, checkName, decodeBase64, decodeUtf8, openNote } from "./note.js";

const MAX_SIZE = (1n << 63n) - 1n;

/** A size or index below 2^63 in decimal without leading zeros. */
export function parseNumber(text) {
  if (!/^(0|[1-9][0-9]{0,18})$/.test(text) || BigInt(text) > MAX_SIZE) {
    throw new CheckpointError("number");
  }
  return BigInt(text);
}

/** {origin, size, root} of a note's text. */
export function parseCheckpoint(text) {
  const lines = decodeUtf8(text, new CheckpointError("utf8")).split("\n");
  if (lines.length !== 4 || lines[3]) throw new CheckpointError("checkpoint-form");
  const [origin, sizeText, rootText] = lines;
  const root = readBody(origin, rootText);
  const size = parseNumber(sizeText);
  const wrong = root.length !== HASH_SIZE || (size === 0n && !equal(root, EMPTY_ROOT));
  if (wrong) throw new CheckpointError("checkpoint-form");
  return { origin, size, root };
}

function readBody(origin, rootText) {
  try {
    checkName(origin);
    return decodeBase64(rootText);
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    throw new CheckpointError("checkpoint-form");
  }
}

/**
 * Verify a published checkpoint: {origin, size, root, note, log, cosigners, unchecked, others}. One
 * of `policy.logs` must have signed it and be named as its origin. `cosigners` and `unchecked` map
 * vkeys to {verifier, time}; whether they are enough is the policy's business.
 */
export async function openCheckpoint(note, policy) {
  const known = [...policy.logs, ...policy.witnesses.values()];
  const { text, signers, unchecked, others } = await openNote(note, known);
  const checkpoint = parseCheckpoint(text);
  const log = policy.logs.find(
    (key) => key.kind === ED25519 && key.name === checkpoint.origin && signers.has(key.vkey));
  if (!log) throw new CheckpointError("other-log", { origin: checkpoint.origin });
  const cosigned = [...signers].filter(([, { verifier }]) => verifier.kind === COSIGNATURE);
  return { ...checkpoint, note, log, cosigners: new Map(cosigned), unchecked, others };
}

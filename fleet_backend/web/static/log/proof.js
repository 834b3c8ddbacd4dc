// Proof files (C2SP tlog-proof), read exactly as specified. `extra` is carried, not authenticated:
// whoever uses it must tie it to the leaf.

import { CheckpointError, NoteError, ProofError } from "./errors.js";
import { parseNumber } from "./checkpoint.js";
import { HASH_SIZE, MAX_PROOF_HASHES } from "./merkle.js";
import { decodeBase64, decodeUtf8 } from "./note.js";

export const HEADER = "c2sp.org/tlog-proof@v1";
export const MAX_PROOF_BYTES = 1_048_576;
const COSE_START = 0xd2; // the other form of a receipt (RFC 9942) begins so; it is not read here

/** {extra (bytes, may be empty), index, path, note (bytes)} of a file's bytes; nothing is checked. */
export function parseProof(data) {
  if (data.length > MAX_PROOF_BYTES) throw new ProofError("too-large");
  if (data[0] === COSE_START) throw new ProofError("proof-cose");
  const split = data.findIndex((byte, i) => byte === 0x0a && data[i + 1] === 0x0a);
  if (split < 0) throw new ProofError("proof-form");
  const lines = decodeUtf8(data.slice(0, split), new ProofError("utf8")).split("\n");
  if (lines.shift() !== HEADER) throw new ProofError("proof-header");
  try {
    const extra = takeExtra(lines);
    const index = takeIndex(lines);
    return { extra, index, path: lines.map(parseHash), note: data.slice(split + 2) };
  } catch (error) {
    const ours = error instanceof NoteError || error instanceof CheckpointError;
    throw ours ? new ProofError("proof-form") : error;
  }
}

function takeExtra(lines) {
  if (!lines[0]?.startsWith("extra ")) return new Uint8Array();
  const extra = decodeBase64(lines.shift().slice("extra ".length));
  if (!extra.length) throw new ProofError("proof-form");
  return extra;
}

function takeIndex(lines) {
  if (!lines[0]?.startsWith("index ")) throw new ProofError("proof-form");
  const index = parseNumber(lines.shift().slice("index ".length));
  if (lines.length > MAX_PROOF_HASHES) throw new ProofError("proof-length");
  return index;
}

function parseHash(line) {
  const hash = decodeBase64(line);
  if (hash.length !== HASH_SIZE) throw new ProofError("hash");
  return hash;
}

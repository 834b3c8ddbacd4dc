// The transparency log, checked in the browser: signed notes, checkpoints, inclusion proofs (C2SP
// signed-note, tlog-checkpoint, tlog-proof; RFC 6962). Pure but for WebCrypto. What is not written
// exactly as specified is refused.

import { concat, equal, fromBase64, sha256, toBase64, utf8 } from "./bytes.js";

const ED25519 = 1;
const MAX_TEXT = 262_144;
const MAX_PROOF_HASHES = 64;

export class LedgerError extends Error {
  name = "LedgerError";
}

const fail = (text) => {
  throw new LedgerError(text);
};

const number = (text) => {
  if (!/^(0|[1-9]\d{0,15})$/.test(text) || !Number.isSafeInteger(Number(text))) {
    fail(`not a number: ${text.slice(0, 20)}`);
  }
  return Number(text);
};

const keyId = async (name, typedKey) =>
  (await sha256(concat(utf8(`${name}\n`), typedKey))).slice(0, 4);

/** `name+hex8(key id)+base64(type || key)` -> {name, id, publicKey}. */
export async function parseVkey(text) {
  const found = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/u.exec(text);
  if (!found) fail("not a verifier key");
  const typed = fromBase64(found[3]);
  if (typed[0] !== ED25519 || typed.length !== 33) fail("not an Ed25519 verifier key");
  const id = await keyId(found[1], typed);
  const hex = Array.from(id, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (hex !== found[2]) fail("the verifier key's id is not its own");
  return { name: found[1], id, publicKey: typed.slice(1) };
}

/** {text, signatures: [{name, id, signature}]}, unverified. */
export function parseNote(note) {
  if (note.length > MAX_TEXT || /[\0-\x09\x0b-\x1f]/.test(note)) fail("not a signed note");
  const split = note.lastIndexOf("\n\n");
  if (split < 0 || !note.endsWith("\n")) fail("not a signed note");
  const lines = note.slice(split + 2, -1).split("\n");
  return { text: note.slice(0, split + 1), signatures: lines.map(parseSignature) };
}

function parseSignature(line) {
  const found = /^\u2014 ([^+\s]+) ([A-Za-z0-9+/=]+)$/u.exec(line);
  if (!found) fail("not a signature line");
  const data = fromBase64(found[2]);
  if (data.length < 5) fail("a signature is too short");
  return { name: found[1], id: data.slice(0, 4), signature: data.slice(4) };
}

export async function verifyEd25519(publicKey, message, signature) {
  const key = await crypto.subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
  return crypto.subtle.verify("Ed25519", key, signature, message);
}

export function parseCheckpoint(text) {
  const lines = text.split("\n");
  if (lines.length !== 4 || !lines[0] || lines[3] !== "") fail("not a checkpoint");
  const root = fromBase64(lines[2]);
  if (root.length !== 32) fail("a root hash has 32 bytes");
  return { origin: lines[0], size: number(lines[1]), root };
}

/**
 * Open a checkpoint note with the log's verifier key: {origin, size, root, others}. `others` counts
 * signature lines of keys that are not known here. A known key that does not verify is refused.
 */
export async function openCheckpoint(note, vkey) {
  const known = await parseVkey(vkey);
  const { text, signatures } = parseNote(note);
  let good = 0;
  for (const line of signatures) {
    if (line.name !== known.name || !equal(line.id, known.id)) continue;
    if (!(await verifyEd25519(known.publicKey, utf8(text), line.signature))) {
      fail("the log's signature does not verify");
    }
    good += 1;
  }
  if (!good) fail("the log did not sign this checkpoint");
  const checkpoint = parseCheckpoint(text);
  if (checkpoint.origin !== known.name) fail("the checkpoint is of another log");
  return { ...checkpoint, others: signatures.length - good };
}

export const leafHash = (entry) => sha256(concat(Uint8Array.of(0), entry));
const nodeHash = (left, right) => sha256(concat(Uint8Array.of(1), left, right));

/** The root that a proof leads to (RFC 9162 section 2.1.3.2); refuses a proof of another length. */
export async function rootFromInclusion(index, size, leaf, proof) {
  if (index < 0 || index >= size) fail(`no leaf ${index} in a tree of size ${size}`);
  if (proof.length > MAX_PROOF_HASHES) fail("a proof has at most 64 hashes");
  let node = BigInt(index), last = BigInt(size) - 1n, result = leaf;
  for (const sibling of proof) {
    if (last === 0n) fail("the inclusion proof is too long");
    if (node & 1n || node === last) {
      result = await nodeHash(sibling, result);
      while (node && !(node & 1n)) {
        node >>= 1n;
        last >>= 1n;
      }
    } else {
      result = await nodeHash(result, sibling);
    }
    node >>= 1n;
    last >>= 1n;
  }
  if (last) fail("the inclusion proof is too short");
  return result;
}

export async function verifyInclusion(index, size, leaf, proof, root) {
  if (!equal(await rootFromInclusion(index, size, leaf, proof), root)) {
    fail("the inclusion proof does not lead to the root");
  }
}

/** A tlog-proof file: {extra (bytes or null), index, proof, note}. */
export function parseProof(text) {
  const split = text.indexOf("\n\n");
  if (text.length > MAX_TEXT || split < 0) fail("not a receipt");
  const lines = text.slice(0, split).split("\n");
  if (lines.shift() !== "c2sp.org/tlog-proof@v1") fail("not a receipt of a known version");
  const extra = lines[0]?.startsWith("extra ") ? fromBase64(lines.shift().slice(6)) : null;
  const index = /^index (\S+)$/.exec(lines.shift() ?? "") ?? fail("the receipt has no index");
  const proof = lines.map(fromBase64);
  if (proof.some((hash) => hash.length !== 32)) fail("a hash has 32 bytes");
  return { extra, index: number(index[1]), proof, note: text.slice(split + 2) };
}

/** The short form of a key for people to compare. */
export const fingerprint = async (vkey) => {
  const { publicKey } = await parseVkey(vkey);
  return toBase64(await sha256(publicKey)).slice(0, 16);
};

// Signed notes and verifier keys (C2SP signed-note), as strict as fleet_backend/ledger/note.py.
// Ed25519 and its cosignatures are verified; ML-DSA-44, which no browser has, is set apart as
// unchecked and never counted.

import { concat, fromBase64, sha256, toHex, utf8 } from "../ui/bytes.js";
import { verifyEd25519 } from "./ed25519.js";
import { NoteError } from "./errors.js";

export const ED25519 = 0x01;
export const COSIGNATURE = 0x04;
export const ML_DSA_44 = 0x06;
const KEY_BYTES = { [ED25519]: 32, [COSIGNATURE]: 32, [ML_DSA_44]: 1312 };
const ML_DSA_LINE_BYTES = 8 + 2420; // a time, and the signature of FIPS 204
const MAX_NOTE_BYTES = 262_144;
const MAX_SIGNATURES = 64;
const MAX_TIMESTAMP = (1n << 63n) - 1n;
const MAX_VKEY_CHARS = 4_096;
const LINE_START = "\u2014 ";
// Space by Unicode, which is not what \s means here: U+FEFF is none, U+0085 is one.
const NOT_IN_NAMES =
  /[\0-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000+]|\p{Surrogate}/u;

export function decodeUtf8(bytes, error) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw error;
  }
}

export function decodeBase64(text) {
  try {
    return fromBase64(text);
  } catch {
    throw new NoteError("base64");
  }
}

/** Refuse a name that is empty or holds a Unicode space, a plus, a control or no character. */
export function checkName(name) {
  if (!name || NOT_IN_NAMES.test(name)) throw new NoteError("name");
}

/** `name+hex8(key id)+base64(type || key)` as {name, kind, publicKey, id, vkey}; `id` in hex. */
export async function parseVkey(text) {
  const [name, shownId, ...rest] = text.split("+");
  if (!rest.length || [...text].length > MAX_VKEY_CHARS) throw new NoteError("vkey");
  checkName(name);
  const typed = decodeBase64(rest.join("+"));
  const kind = typed[0];
  if (typed.length !== 1 + KEY_BYTES[kind]) throw new NoteError("vkey");
  const id = toHex((await sha256(concat(utf8(`${name}\n`), typed))).slice(0, 4));
  if (id !== shownId) throw new NoteError("vkey-id", { name });
  return { name, kind, publicKey: typed.slice(1), id, vkey: text };
}

/** {text, signatures: [{name, id, signature}]} of a note's bytes, unverified. */
export function parseNote(data) {
  if (data.length > MAX_NOTE_BYTES) throw new NoteError("too-large");
  const decoded = decodeUtf8(data, new NoteError("utf8"));
  if (data.some((byte) => byte < 0x20 && byte !== 0x0a)) throw new NoteError("control");
  const split = decoded.lastIndexOf("\n\n");
  if (split < 0) throw new NoteError("note-form");
  const tail = decoded.slice(split + 2);
  if (!tail.endsWith("\n")) throw new NoteError("note-form");
  const lines = tail.slice(0, -1).split("\n");
  if (lines.length > MAX_SIGNATURES) throw new NoteError("note-signatures");
  return { text: utf8(decoded.slice(0, split + 1)), signatures: lines.map(parseSignature) };
}

function parseSignature(line) {
  const space = line.indexOf(" ", LINE_START.length);
  if (!line.startsWith(LINE_START) || space < 0) throw new NoteError("note-form");
  const name = line.slice(LINE_START.length, space);
  checkName(name);
  const data = decodeBase64(line.slice(space + 1));
  if (data.length < 5) throw new NoteError("note-form");
  return { name, id: toHex(data.slice(0, 4)), signature: data.slice(4) };
}

/**
 * Verify a note with the keys that are known: {text, signers, unchecked, others}. `signers` maps a
 * vkey to {verifier, time} (null, or a cosigner's seconds since 1970 as a BigInt); `unchecked` has
 * the same of ML-DSA-44 lines; `others` counts the lines of unknown keys. A known key that does not
 * verify spoils the whole note.
 */
export async function openNote(data, verifiers) {
  const { text, signatures } = parseNote(data);
  const signers = new Map(), unchecked = new Map();
  let others = 0;
  for (const line of signatures) {
    const verifier = verifiers.find((key) => key.name === line.name && key.id === line.id);
    if (!verifier) others += 1;
    else if (verifier.kind === ML_DSA_44) unchecked.set(verifier.vkey, claimed(verifier, line));
    else signers.set(verifier.vkey, await verifyLine(verifier, text, line.signature));
  }
  if (!signers.size) throw new NoteError("unknown-keys");
  return { text, signers, unchecked, others };
}

async function verifyLine(verifier, text, signature) {
  if (verifier.kind === ED25519) {
    await requireGood(verifier, text, signature);
    return { verifier, time: null };
  }
  const time = timestamp(verifier, signature);
  const message = concat(utf8(`cosignature/v1\ntime ${time}\n`), text);
  await requireGood(verifier, message, signature.slice(8));
  return { verifier, time };
}

async function requireGood(verifier, message, signature) {
  if (!(await verifyEd25519(verifier.publicKey, message, signature))) {
    throw new NoteError("signature", { name: verifier.name });
  }
}

function claimed(verifier, { signature }) {
  if (signature.length !== ML_DSA_LINE_BYTES) {
    throw new NoteError("signature", { name: verifier.name });
  }
  return { verifier, time: timestamp(verifier, signature) };
}

function timestamp(verifier, signature) {
  const seconds = signature.slice(0, 8).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  if (seconds > MAX_TIMESTAMP) throw new NoteError("signature", { name: verifier.name });
  return seconds;
}

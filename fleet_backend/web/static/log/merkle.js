// Merkle tree hashes and proofs of RFC 6962 section 2.1 and RFC 9162 section 2.1. Pure but for
// WebCrypto's SHA-256. Refuses a proof that is a hash too long or too short.

import { concat, equal, fromHex, sha256 } from "../ui/bytes.js";
import { ProofError } from "./errors.js";

export const HASH_SIZE = 32;
export const MAX_PROOF_HASHES = 64; // more than any tree below 2^63 leaves needs
export const EMPTY_ROOT =
  fromHex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

export const leafHash = (entry) => sha256(concat(Uint8Array.of(0), entry));
export const nodeHash = (left, right) => sha256(concat(Uint8Array.of(1), left, right));

/** Root over sibling subtrees of one height; the last may be an incomplete one. */
export async function rootOf(hashes) {
  let level = hashes;
  if (!level.length) return EMPTY_ROOT;
  while (level.length > 1) {
    const above = [];
    for (let i = 0; i + 1 < level.length; i += 2) above.push(nodeHash(level[i], level[i + 1]));
    if (level.length % 2) above.push(level.at(-1));
    level = await Promise.all(above);
  }
  return level[0];
}

/** Largest power of two smaller than `width` (at least 2n). */
export const splitPoint = (width) => 1n << BigInt((width - 1n).toString(2).length - 1);

/** Refuse unless the leaf hash `leaf` is at `index` of the tree with `size` and `root`. */
export async function verifyInclusion(index, size, leaf, proof, root) {
  if (index < 0n || index >= size) throw new ProofError("no-leaf", { index, size });
  requireHashes([leaf, ...proof]);
  let node = index, last = size - 1n, result = leaf;
  for (const sibling of proof) {
    if (last === 0n) throw new ProofError("proof-length");
    if (node & 1n || node === last) {
      result = await nodeHash(sibling, result);
      while (node && !(node & 1n)) [node, last] = [node >> 1n, last >> 1n];
    } else {
      result = await nodeHash(result, sibling);
    }
    [node, last] = [node >> 1n, last >> 1n];
  }
  if (last) throw new ProofError("proof-length");
  if (!equal(result, root)) throw new ProofError("proof-root");
}

/** Ranges [low, high) of leaves whose hashes prove that the tree of `newSize` continues `oldSize`. */
export function consistencyRanges(oldSize, newSize) {
  if (oldSize > newSize) throw new ProofError("shrunk", { from: oldSize, to: newSize });
  if (oldSize === 0n || oldSize === newSize) return [];
  const ranges = [];
  let low = 0n, high = newSize;
  while (high !== oldSize) {
    const middle = low + splitPoint(high - low);
    if (oldSize <= middle) {
      ranges.push([middle, high]);
      high = middle;
    } else {
      ranges.push([low, middle]);
      low = middle;
    }
  }
  // Where the old tree is itself a complete left subtree, the verifier knows its root.
  if (low) ranges.push([low, high]);
  return ranges.reverse();
}

/** Refuse unless the new tree continues the old one (RFC 9162 section 2.1.4.2). */
export async function verifyConsistency(oldSize, newSize, oldRoot, newRoot, proof) {
  if (oldSize < 0n || oldSize > newSize) {
    throw new ProofError("shrunk", { from: oldSize, to: newSize });
  }
  if (oldSize === 0n && (proof.length || !equal(oldRoot, EMPTY_ROOT))) {
    throw new ProofError("proof-root");
  }
  if (oldSize === newSize) {
    if (proof.length || !equal(oldRoot, newRoot)) throw new ProofError("proof-root");
    return;
  }
  requireHashes([oldRoot, newRoot, ...proof]);
  if (oldSize === 0n) return;
  if (!proof.length) throw new ProofError("proof-length");
  const [first, second] = await climb(oldSize - 1n, newSize - 1n, oldRoot, proof);
  if (!equal(first, oldRoot) || !equal(second, newRoot)) throw new ProofError("proof-root");
}

async function climb(node, last, oldRoot, proof) {
  while (node & 1n) [node, last] = [node >> 1n, last >> 1n];
  let hashes = proof, older = oldRoot;
  if (node) [older, ...hashes] = proof;
  let newer = older;
  for (const sibling of hashes) {
    if (last === 0n) throw new ProofError("proof-length");
    if (node & 1n || node === last) {
      older = await nodeHash(sibling, older);
      newer = await nodeHash(sibling, newer);
      while (node && !(node & 1n)) [node, last] = [node >> 1n, last >> 1n];
    } else {
      newer = await nodeHash(newer, sibling);
    }
    [node, last] = [node >> 1n, last >> 1n];
  }
  if (last) throw new ProofError("proof-length");
  return [older, newer];
}

function requireHashes(hashes) {
  if (hashes.some((hash) => hash.length !== HASH_SIZE)) throw new ProofError("hash");
}

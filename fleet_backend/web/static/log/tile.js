// Coordinates and paths of C2SP tlog-tiles, and the tiles' bytes. Sizes and indices are BigInts.

import { TileError } from "./errors.js";
import { HASH_SIZE } from "./merkle.js";

export const HEIGHT = 8;
export const WIDTH = 256;
export const ENTRIES = "entries"; // level under which bundles are addressed beside the tiles

/** `tile/<L>/<N>[.p/<W>]`. */
export function tilePath(level, index, width = WIDTH) {
  const digits = index.toString();
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, "0").match(/\d{3}/g);
  const place = groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join("/");
  return `tile/${level}/${place}${width === WIDTH ? "" : `.p/${width}`}`;
}

/** Complete subtrees of 256^level leaves in a tree of `size`. */
export const completeAt = (level, size) => size >> BigInt(HEIGHT * level);

/** Hashes that tile `index` of `level` holds in a tree of `size`; 0 where it does not exist. */
export function widthAt(level, index, size) {
  const left = completeAt(level, size) - index * BigInt(WIDTH);
  if (left <= 0n) return 0;
  return left < BigInt(WIDTH) ? Number(left) : WIDTH;
}

/** Hashes of a tile's bytes. Refuses another number than `width`. */
export function splitHashes(data, width, path) {
  if (data.length !== width * HASH_SIZE) throw new TileError("tile-size", { path });
  return Array.from({ length: width }, (_, i) => data.slice(i * HASH_SIZE, (i + 1) * HASH_SIZE));
}

/** The `count` entries of a bundle, each behind its length in two bytes. */
export function decodeBundle(data, count, path) {
  const entries = [];
  let at = 0;
  while (at + 2 <= data.length && entries.length < count) {
    const end = at + 2 + (data[at] << 8) + data[at + 1];
    if (end > data.length) break;
    entries.push(data.slice(at + 2, end));
    at = end;
  }
  if (entries.length !== count || at !== data.length) throw new TileError("tile-size", { path });
  return entries;
}

// A tree as its files tell it, each tile proved up to a signed root before a hash of it is used. A
// tile by itself proves nothing: the right edge must give the signed root, and every other tile
// must hash to its place in the tile above.

import { equal } from "../ui/bytes.js";
import { ProofError, TileError } from "./errors.js";
import { consistencyRanges, leafHash, nodeHash, rootOf, splitPoint, verifyConsistency, EMPTY_ROOT }
  from "./merkle.js";
import { ENTRIES, HEIGHT, WIDTH, completeAt, decodeBundle, splitHashes, tilePath, widthAt }
  from "./tile.js";

const MAX_CACHED_TILES = 64;
const wide = BigInt(WIDTH);

export class ProvedTree {
  /**
   * The tree that `checkpoint` signs. `fetchFile(path)` gives bytes, or null for what is not there.
   * Refuses a right edge that does not give the signed root.
   */
  static async open(fetchFile, checkpoint) {
    const tree = new ProvedTree(fetchFile, checkpoint);
    await tree.loadEdge();
    return tree;
  }

  constructor(fetchFile, checkpoint) {
    this.fetchFile = fetchFile;
    this.checkpoint = checkpoint;
    this.edge = [];
    this.tiles = new Map();
  }

  async loadEdge() {
    const { size, root } = this.checkpoint;
    let found = null;
    for (let level = 0; completeAt(level, size); level += 1) {
      const complete = completeAt(level, size);
      const width = Number(complete % wide);
      const hashes = width ? await this.fetchHashes(level, complete / wide, width) : [];
      this.edge.push(hashes);
      // An incomplete level hangs to the right of the next one.
      const siblings = found ? [...hashes, found] : hashes;
      if (siblings.length) found = await rootOf(siblings);
    }
    if (!equal(found ?? EMPTY_ROOT, root)) throw new TileError("tile-edge", { size });
  }

  /** A partial tile that is gone is the beginning of the full one. */
  async fetchPart(level, index, width, decode) {
    const path = tilePath(level, index, width);
    const data = await this.fetchFile(path);
    if (data) return decode(data, width, path);
    const whole = tilePath(level, index);
    const full = width < WIDTH ? await this.fetchFile(whole) : null;
    if (!full) throw new TileError("tile-missing", { path });
    return decode(full, WIDTH, whole).slice(0, width);
  }

  fetchHashes(level, index, width) {
    return this.fetchPart(level, index, width, splitHashes);
  }

  /** Hashes of tile `index` of `level`, proved. */
  async hashes(level, index) {
    const width = widthAt(level, index, this.checkpoint.size);
    if (!width) throw new TileError("tile-missing", { path: tilePath(level, index) });
    if (width < WIDTH) return this.edge[level];
    const path = tilePath(level, index);
    return this.tiles.get(path) ?? this.prove(level, index, path);
  }

  async prove(level, index, path) {
    const hashes = await this.fetchHashes(level, index, WIDTH);
    const above = await this.hashes(level + 1, index / wide);
    if (!equal(await rootOf(hashes), above[Number(index % wide)])) {
      throw new TileError("tile-place", { path });
    }
    if (this.tiles.size >= MAX_CACHED_TILES) this.tiles.delete(this.tiles.keys().next().value);
    this.tiles.set(path, hashes);
    return hashes;
  }

  /** Hash of the leaves [low, high) where RFC 6962 makes a subtree of them. */
  async rangeHash(low, high) {
    const width = high - low;
    if (width & (width - 1n)) {
      const middle = low + splitPoint(width);
      return nodeHash(await this.rangeHash(low, middle), await this.rangeHash(middle, high));
    }
    const bits = width.toString(2).length - 1;
    const level = Math.floor(bits / HEIGHT), height = bits % HEIGHT;
    const first = completeAt(level, low);
    const at = Number(first % wide);
    return rootOf((await this.hashes(level, first / wide)).slice(at, at + (1 << height)));
  }

  /** Refuse unless this tree continues the one of the `older` checkpoint. */
  async requireContinues(older) {
    const { size, root } = this.checkpoint;
    const proof = [];
    for (const [low, high] of consistencyRanges(older.size, size)) {
      proof.push(await this.rangeHash(low, high));
    }
    await verifyConsistency(older.size, size, older.root, root, proof);
  }

  /** Entry `index`; its whole bundle must hash to the tile. */
  async entry(index) {
    const { size } = this.checkpoint;
    if (index < 0n || index >= size) throw new ProofError("no-leaf", { index, size });
    const number = index / wide;
    const width = widthAt(0, number, size);
    const entries = await this.fetchPart(ENTRIES, number, width, decodeBundle);
    const hashes = await this.hashes(0, number);
    const leaves = await Promise.all(entries.map(leafHash));
    if (!leaves.every((leaf, i) => equal(leaf, hashes[i]))) {
      throw new TileError("tile-place", { path: tilePath(ENTRIES, number, width) });
    }
    return entries[Number(index % wide)];
  }
}

// Deterministic CBOR (RFC 8949 section 4.2.1) in the protocol's narrow form (docs/protocol.md
// section 1). Maps are Map objects with unsigned integer keys; integers beyond 2^53 are BigInt.
// Whatever has another encoding than the one that `encode` writes is refused by name.

import { utf8 } from "./bytes.js";

const MAX_BYTES = 65535;
const MAX_DEPTH = 8;
const MAX_ITEMS = 2048;
const MAX_TEXT = 1024;
const MAX_ARGUMENT = 0xffffffffffffffffn;
const UINT = 0, NEGATIVE = 1, BYTES = 2, TEXT = 3, ARRAY = 4, MAP = 5, TAG = 6;

export class DecodeError extends Error {
  constructor(name, where = "") {
    super(where ? `${name}: ${where}` : name);
    this.name = name;
    this.where = where;
  }
}

export class EncodeError extends Error {
  name = "EncodeError";
}

export function encode(value) {
  const out = [];
  write(out, value, 1);
  if (out.length > MAX_BYTES) throw new EncodeError("more than 65,535 bytes");
  return Uint8Array.from(out);
}

function write(out, value, depth) {
  if (value === false) out.push(0xf4);
  else if (value === true) out.push(0xf5);
  else if (value === null) out.push(0xf6);
  else if (typeof value === "bigint" || Number.isSafeInteger(value)) writeInteger(out, BigInt(value));
  else if (value instanceof Uint8Array) writeString(out, BYTES, value);
  else if (typeof value === "string") writeText(out, value);
  else if (depth > MAX_DEPTH) throw new EncodeError("deeper than 8");
  else if (Array.isArray(value)) writeArray(out, value, depth);
  else if (value instanceof Map) writeMap(out, value, depth);
  else throw new EncodeError(`no encoding for ${typeof value}`);
}

function writeInteger(out, value) {
  if (value >= 0n) writeHead(out, UINT, value);
  else writeHead(out, NEGATIVE, -1n - value);
}

function writeString(out, major, bytes) {
  writeHead(out, major, BigInt(bytes.length));
  for (const byte of bytes) out.push(byte);
}

function writeText(out, text) {
  // A lone surrogate has no UTF-8: TextEncoder would replace it silently.
  if (/[\ud800-\udfff]/u.test(text)) throw new EncodeError("not Unicode text");
  const bytes = utf8(text);
  if (bytes.length > MAX_TEXT) throw new EncodeError("a text of more than 1,024 bytes");
  writeString(out, TEXT, bytes);
}

function writeArray(out, value, depth) {
  writeHead(out, ARRAY, BigInt(value.length));
  for (const item of value) write(out, item, depth + 1);
}

function writeMap(out, value, depth) {
  const keys = [...value.keys()];
  const unsigned = (key) => (typeof key === "bigint" || Number.isSafeInteger(key)) && key >= 0;
  if (!keys.every(unsigned)) {
    throw new EncodeError("map keys are unsigned integers");
  }
  writeHead(out, MAP, BigInt(keys.length));
  for (const key of keys.sort((a, b) => (a < b ? -1 : 1))) {
    writeHead(out, UINT, BigInt(key));
    write(out, value.get(key), depth + 1);
  }
}

function writeHead(out, major, argument) {
  if (argument > MAX_ARGUMENT) throw new EncodeError("more than 64 bits");
  if (argument < 24n) {
    out.push((major << 5) | Number(argument));
    return;
  }
  let info = 24, size = 1;
  while (argument >= 1n << BigInt(8 * size)) {
    info += 1;
    size *= 2;
  }
  out.push((major << 5) | info);
  for (let i = size - 1; i >= 0; i -= 1) out.push(Number((argument >> BigInt(8 * i)) & 255n));
}

export function decode(data) {
  if (data.length > MAX_BYTES) throw new DecodeError("too-large", String(data.length));
  const reader = new Reader(data);
  const value = reader.read(1);
  if (reader.at !== data.length) throw new DecodeError("trailing-bytes", `at ${reader.at}`);
  return value;
}

const narrow = (value) =>
  value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= BigInt(Number.MIN_SAFE_INTEGER)
    ? Number(value)
    : value;

class Reader {
  constructor(data) {
    this.data = data;
    this.at = 0;
    this.items = 0;
  }

  take(size) {
    if (size > this.data.length - this.at) throw new DecodeError("truncated", `at ${this.at}`);
    this.at += Number(size);
    return this.data.slice(this.at - Number(size), this.at);
  }

  head() {
    const start = this.at;
    const first = this.take(1)[0];
    const major = first >> 5, info = first & 31;
    if (info < 24) return [major, BigInt(info)];
    if (info === 31) throw new DecodeError("indefinite-length", `at ${start}`);
    if (info > 27) throw new DecodeError("reserved", `at ${start}`);
    if (major === 7) throw new DecodeError("float-or-simple", `at ${start}`);
    const size = 1 << (info - 24);
    const argument = this.take(size).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    if (argument < 24n || (size > 1 && argument < 1n << BigInt(4 * size))) {
      throw new DecodeError("longer-form", `at ${start}`);
    }
    return [major, argument];
  }

  read(depth) {
    this.items += 1;
    if (this.items > MAX_ITEMS) throw new DecodeError("too-many-items", `at ${this.at}`);
    const [major, argument] = this.head();
    if (major === UINT) return narrow(argument);
    if (major === NEGATIVE) return narrow(-1n - argument);
    if (major === BYTES) return this.take(argument);
    if (major === TEXT) return this.text(argument);
    if (major === TAG) throw new DecodeError("tag", `at ${this.at}`);
    if (major === 7) return this.simple(argument);
    if (depth > MAX_DEPTH) throw new DecodeError("too-deep", `at ${this.at}`);
    if (argument > this.data.length - this.at) throw new DecodeError("truncated", `at ${this.at}`);
    return major === ARRAY ? this.array(Number(argument), depth) : this.map(Number(argument), depth);
  }

  text(size) {
    const start = this.at;
    if (size > MAX_TEXT) throw new DecodeError("text-too-long", `at ${start}`);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.take(size));
    } catch (error) {
      if (error instanceof DecodeError) throw error;
      throw new DecodeError("utf8", `at ${start}`);
    }
  }

  simple(argument) {
    if (argument === 20n || argument === 21n) return argument === 21n;
    if (argument === 22n) return null;
    throw new DecodeError("float-or-simple", `at ${this.at - 1}`);
  }

  array(size, depth) {
    return Array.from({ length: size }, () => this.read(depth + 1));
  }

  map(size, depth) {
    const out = new Map();
    let last = -1n;
    for (let i = 0; i < size; i += 1) {
      const [major, key] = this.head();
      if (major !== UINT) throw new DecodeError("map-key", `at ${this.at}`);
      if (key === last) throw new DecodeError("duplicate-key", String(key));
      if (key < last) throw new DecodeError("unsorted-key", String(key));
      out.set(narrow(key), this.read(depth + 1));
      last = key;
    }
    return out;
  }
}

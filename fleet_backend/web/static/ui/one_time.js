// One-time codes as this phone draws them (docs/protocol.md section 12). The digits stay here; the
// salt and a stretched hash of each code go into the grant.

import { concat, randomBytes, sha256, utf8 } from "./bytes.js";
import { encode } from "./cbor.js";

export const DIGITS = 16;
export const MOST = 4;
const ITEM_BYTES = 16;
const ROUNDS = 2_048;
const PIECE = 32;
const PIECES = 16;
const GROUP = 4;
// The least power of two that is not below 10^16: draws beyond the codes are thrown away, because
// folding them back would make some codes likelier than others.
const BITS = 54;
const CODES = 10n ** BigInt(DIGITS);

/** `count` different codes as {codes: [digits], wire: [salt, hash, ...]}; `holder` is in bytes. */
export async function drawCodes(vehicle, holder, count) {
  if (!(count >= 1 && count <= MOST)) throw new Error(`a grant carries 1 to ${MOST} codes`);
  const drawn = randomBytes(ITEM_BYTES);
  const salt = await saltFor(vehicle, holder, drawn);
  const found = new Set();
  while (found.size < count) found.add(drawDigits());
  const codes = [...found];
  const hashes = await Promise.all(codes.map((digits) => stretch(salt, digits)));
  return { codes, wire: [drawn, ...hashes] };
}

function drawDigits() {
  for (;;) {
    const [word] = crypto.getRandomValues(new BigUint64Array(1));
    const number = BigInt.asUintN(BITS, word);
    if (number < CODES) return number.toString().padStart(DIGITS, "0");
  }
}

export async function saltFor(vehicle, holder, drawn) {
  const digest = await sha256(encode(["trifleet/code/v1", vehicle, holder, drawn]));
  return digest.slice(0, ITEM_BYTES);
}

/** The hash of a code: a ring of 512 bytes, hashed whole and replaced piece by piece. */
export async function stretch(salt, digits) {
  const ring = new Uint8Array(PIECE * PIECES);
  for (let i = 0; i < PIECES; i += 1) {
    ring.set(await sha256(concat(salt, Uint8Array.of(i), utf8(digits))), i * PIECE);
  }
  for (let i = 0; i < ROUNDS; i += 1) ring.set(await sha256(ring), (i % PIECES) * PIECE);
  return (await sha256(ring)).slice(0, ITEM_BYTES);
}

/** As people read it to a keypad: four digits at a time. */
export const grouped = (digits) => digits.match(new RegExp(`.{1,${GROUP}}`, "g")).join(" ");

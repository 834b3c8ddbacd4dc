// COSE_Sign1 (RFC 9052), untagged, as docs/protocol.md section 2 narrows it. The algorithm is the
// caller's, never the message's: a message that names another is refused.

import { equal, utf8 } from "./bytes.js";
import { DecodeError, decode, encode } from "./cbor.js";

export const PS256 = -37;
export const EDDSA = -8;
export const HMAC_256 = 5;

const header = (alg) => encode(new Map([[1, alg]]));

/** What a signature covers: Sig_structure, RFC 9052 section 4.4. `aad` is ASCII text. */
export const sign1Message = (alg, aad, payload) =>
  encode(["Signature1", header(alg), utf8(aad), payload]);

export const assemble = (alg, payload, seal) => encode([header(alg), new Map(), payload, seal]);

/** {payload, seal}, both unverified. */
export function split(data, alg, where) {
  const parts = decode(data);
  if (!Array.isArray(parts) || parts.length !== 4) throw new DecodeError("cose", where);
  const [protectedHeader, unprotected, payload, seal] = parts;
  if (!(protectedHeader instanceof Uint8Array) || !equal(protectedHeader, header(alg))) {
    throw new DecodeError("cose-algorithm", where);
  }
  if (!(unprotected instanceof Map) || unprotected.size) {
    throw new DecodeError("cose-unprotected", where);
  }
  if (!(payload instanceof Uint8Array) || !(seal instanceof Uint8Array)) {
    throw new DecodeError("cose", where);
  }
  return { payload, seal };
}

/** Sign `payload`; `sign(message)` holds the key. */
export const sign1 = async (alg, aad, payload, sign) =>
  assemble(alg, payload, await sign(sign1Message(alg, aad, payload)));

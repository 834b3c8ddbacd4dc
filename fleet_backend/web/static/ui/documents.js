// The documents that a rider signs or shows (docs/protocol.md sections 3, 4, 5 and 11).

import { concat, sha256 } from "./bytes.js";
import { DecodeError, decode, encode } from "./cbor.js";
import { PS256, sign1, split } from "./cose.js";

export const UNLOCK = 1;
export const LOCK = 2;
export const DEPOSIT_CODES = 8;
export const ACTIONS = {
  1: "UNLOCK", 2: "LOCK", 3: "RAISE_GENERATION", 4: "REVOKE_GRANT", 5: "RAISE_TIME", 6: "TRANSFER",
  8: "DEPOSIT_CODES", 9: "LIMIT_SPEED", 11: "UPDATE", 12: "DIAGNOSE",
};
const CODES = 10; // the one key of a grant that may be missing
const MAX_PRESENTATION_BYTES = 4094;

const RSA_HEAD = "300d06092a864886f70d0101010500";

export const signRegistration = (time, sign) =>
  sign1(PS256, "trifleet/rider/v1", encode(new Map([[0, 1], [1, time]])), sign);

/** `request` is {vehicle, actions, duration_s, nonce, time} and, if wanted, `codes`: salt and hashes. */
export function signGrantRequest(request, sign) {
  const fields = [
    [0, 1], [1, request.vehicle], [2, request.actions], [3, request.duration_s],
    [4, request.nonce], [5, request.time],
  ];
  if (request.codes) fields.push([6, request.codes]);
  return sign1(PS256, "trifleet/grant-request/v1", encode(new Map(fields)), sign);
}

/** `command` is {vehicle, challenge, action, grantId}: UNLOCK, LOCK, DEPOSIT_CODES have no arguments. */
export function signCommand(command, sign) {
  const fields = [
    [0, 1], [1, command.vehicle], [2, command.challenge], [3, command.action],
    [4, new Map()], [5, command.grantId],
  ];
  return sign1(PS256, "trifleet/command/v1", encode(new Map(fields)), sign);
}

export function encodePresentation(grants, keys, command) {
  const out = encode([grants, keys, command]);
  if (out.length > MAX_PRESENTATION_BYTES) throw new Error("presentation-too-large");
  return out;
}

export const commandId = async (command) => (await sha256(command)).slice(0, 16);

/** What the phone needs of a grant. The vehicle verifies it; here it is a claim. */
export function decodeGrantUnverified(bytes) {
  const value = decode(split(bytes, PS256, "grant").payload);
  const whole = value instanceof Map && Array.from({ length: 9 }, (_, key) => key).every(
    (key) => value.has(key));
  if (!whole || value.get(0) !== 1) throw new DecodeError("field", "grant");
  if (value.size !== (value.has(CODES) ? 10 : 9)) throw new DecodeError("unknown-key", "grant");
  if (value.has(CODES) && !areCodes(value.get(CODES))) throw new DecodeError("field", "grant.codes");
  return {
    vehicle: value.get(1), holder: value.get(2), actions: value.get(3),
    notBefore: value.get(4), notAfter: value.get(5), grantId: value.get(7),
    codes: value.get(CODES) ?? null,
  };
}

/** A salt and one to four hashes, of 16 bytes each. */
const areCodes = (value) => Array.isArray(value) && value.length >= 2 && value.length <= 5
  && value.every((item) => item instanceof Uint8Array && item.length === 16);

/** The 256 bytes in the middle of a 2048-bit key's SubjectPublicKeyInfo. */
export function modulusOfSpki(spki) {
  const modulus = spki.slice(-261, -5);
  if (spki.length !== 294 || modulus[0] < 0x80) throw new Error("not a 2048-bit RSA key");
  return modulus;
}

export function spkiOfModulus(modulus) {
  const algorithm = Uint8Array.from(RSA_HEAD.match(/../g), (pair) => parseInt(pair, 16));
  const exponent = Uint8Array.of(2, 3, 1, 0, 1);
  const integer = der(2, concat(Uint8Array.of(0), modulus));
  const key = der(0x30, concat(integer, exponent));
  return der(0x30, concat(algorithm, der(3, concat(Uint8Array.of(0), key))));
}

function der(tag, body) {
  const size = body.length;
  if (size < 0x80) return concat(Uint8Array.of(tag, size), body);
  if (size < 0x100) return concat(Uint8Array.of(tag, 0x81, size), body);
  return concat(Uint8Array.of(tag, 0x82, size >> 8, size & 255), body);
}

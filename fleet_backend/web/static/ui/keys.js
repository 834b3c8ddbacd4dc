// The phone's own key: RSA-PSS 2048, made in the browser, not extractable, kept in IndexedDB.

import { sha256, toHex } from "./bytes.js";
import { modulusOfSpki } from "./documents.js";
import * as store from "./store.js";

const ALGORITHM = {
  name: "RSA-PSS",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: "SHA-256",
};

/** The stored key, or a new one: {spki, modulus, thumbprint, sign(message)}. */
export async function phoneKey() {
  let pair = await store.read("phone-key");
  if (!pair) {
    pair = await crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]);
    await store.write("phone-key", pair);
  }
  return describe(pair);
}

async function describe(pair) {
  const spki = new Uint8Array(await crypto.subtle.exportKey("spki", pair.publicKey));
  const sign = async (message) =>
    new Uint8Array(
      await crypto.subtle.sign({ name: "RSA-PSS", saltLength: 32 }, pair.privateKey, message),
    );
  return { spki, modulus: modulusOfSpki(spki), thumbprint: toHex(await sha256(spki)), sign };
}

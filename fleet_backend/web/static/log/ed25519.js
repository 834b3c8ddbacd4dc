// Ed25519 by the browser's own WebCrypto. A browser that lacks it, or gives wrong answers to a
// known signature, checks nothing: there is no other implementation to fall back on.

import { fromHex } from "../ui/bytes.js";

// RFC 8032, section 7.1, test 2.
const KNOWN_KEY = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
const KNOWN_SIGNATURE =
  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
  + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";

export async function verifyEd25519(publicKey, message, signature) {
  let key;
  try {
    key = await crypto.subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
  } catch (error) {
    // Bytes that are no point on the curve verify nothing; anything else is not the key's fault.
    if (error.name === "DataError") return false;
    throw error;
  }
  return crypto.subtle.verify("Ed25519", key, signature, message);
}

/** Does this browser tell a good signature from a bad one? */
export async function hasEd25519() {
  try {
    const key = fromHex(KNOWN_KEY), signature = fromHex(KNOWN_SIGNATURE);
    const good = await verifyEd25519(key, Uint8Array.of(0x72), signature);
    return good && !(await verifyEd25519(key, Uint8Array.of(0x73), signature));
  } catch {
    return false;
  }
}

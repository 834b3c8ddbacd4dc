// The rider's side of the HTTP API: register, grant, challenge, presentation. Every wait has a bound
// and every failure a name; nothing here touches the screen.

import { ApiError, get, postSurely } from "/static/ui/api.js";
import { equal, fromBase64url, randomBytes, toBase64url, toHex } from "/static/ui/bytes.js";
import * as documents from "/static/ui/documents.js";
import { phoneKey } from "/static/ui/keys.js";
import * as store from "/static/ui/store.js";
import { sleep } from "/static/ui/sse.js";
import { BOUNDS_S } from "./flow.js";

const GRANT_S = 3600;
const GRANT_LEFT_S = 300; // a grant that ends sooner is not begun with
const bit = (action) => 1 << (action - 1);
const UNLOCK_AND_LOCK = bit(documents.UNLOCK) | bit(documents.LOCK);
const POLL_MS = 500;

const seconds = () => Math.floor(Date.now() / 1000);
const path = (vehicle) => `/v1/vehicles/${encodeURIComponent(vehicle)}`;

/** Browsers refuse keys or storage in private windows and on pages without TLS. */
export async function ownKey() {
  try {
    return await phoneKey();
  } catch (error) {
    throw new ApiError("key", 0, error.message);
  }
}

export async function register(key) {
  if ((await store.read("registered")) === key.thumbprint) return;
  const proof = await documents.signRegistration(seconds(), key.sign);
  await postSurely("/v1/riders", { public_key: toBase64url(key.spki), proof: toBase64url(proof) });
  await store.write("registered", key.thumbprint);
}

/** A grant of this phone for the vehicle that is good for some minutes more, or null. */
export async function storedGrant(vehicle, key) {
  const grant = await store.read(`grant:${vehicle}`);
  const good = grant && grant.holder === key.thumbprint && grant.notAfter > seconds() + GRANT_LEFT_S;
  return good ? grant : null;
}

/** Returns what is forgotten. */
export async function forgetGrant(vehicle) {
  const grant = await store.read(`grant:${vehicle}`);
  await store.remove(`grant:${vehicle}`);
  return grant;
}

/** Ask for a grant of an hour, with `codes` (salt and hashes) if wanted; wait until it is issued. */
export async function requestGrant(vehicle, key, codes = null) {
  const actions = codes ? UNLOCK_AND_LOCK | bit(documents.DEPOSIT_CODES) : UNLOCK_AND_LOCK;
  const request = {
    vehicle, actions, duration_s: GRANT_S, nonce: randomBytes(16), time: seconds(), codes,
  };
  const signed = await documents.signGrantRequest(request, key.sign);
  const { id } = await postGrant(key, { rider: key.thumbprint, request: toBase64url(signed) });
  const answer = await poll(BOUNDS_S.request, "grant-timeout", () => grantOnce(id));
  const grant = readGrant(answer, vehicle, key, codes ?? []);
  await store.write(`grant:${vehicle}`, grant);
  return grant;
}

/** A server that was set up anew no longer knows this phone: it is registered once more. */
async function postGrant(key, body) {
  try {
    return await postSurely("/v1/grants", body);
  } catch (error) {
    if (error.name !== "unknown-rider") throw error;
    await store.remove("registered");
    await register(key);
    return postSurely("/v1/grants", body);
  }
}

async function grantOnce(id) {
  const answer = await get(`/v1/grants/${encodeURIComponent(id)}`);
  if (answer.state === "refused") throw new ApiError("grant-refused", 0, answer.reason ?? "");
  if (answer.state === "expired") throw new ApiError("grant-timeout");
  return answer.state === "issued" ? answer : null;
}

function readGrant(answer, vehicle, key, codes) {
  const grants = answer.grants.map(fromBase64url);
  const last = documents.decodeGrantUnverified(grants.at(-1));
  if (last.vehicle !== vehicle || toHex(last.holder) !== key.thumbprint) {
    throw new ApiError("grant-not-mine");
  }
  // Hashes of other codes in it would be somebody else's way in, and ours would open nothing.
  const given = last.codes ?? [];
  if (given.length !== codes.length || !codes.every((item, i) => equal(item, given[i]))) {
    throw new ApiError("grant-codes");
  }
  const keys = answer.keys.map(fromBase64url);
  return { grants, keys, grantId: last.grantId, notAfter: last.notAfter, holder: key.thumbprint };
}

/** The vehicle's open challenge: one that was not used before, as {challenge, expires}. */
export function freshChallenge(vehicle, used) {
  return poll(BOUNDS_S.wake, "vehicle-silent", async () => {
    try {
      const answer = await get(`${path(vehicle)}/challenge`);
      return used.includes(answer.challenge) ? null : answer;
    } catch (error) {
      if (error.name === "no-challenge") return null;
      throw error;
    }
  });
}

/** What is known of a command. */
export const commandNow = (id) => get(`/v1/commands/${encodeURIComponent(id)}`);

/** Sign and hand in: {id, expires} of the command. */
export async function present({ vehicle, action, grant, key, challenge }) {
  const command = await documents.signCommand(
    { vehicle, action, grantId: grant.grantId, challenge: fromBase64url(challenge) }, key.sign,
  );
  const bytes = documents.encodePresentation(grant.grants, [...grant.keys, key.modulus], command);
  const body = { presentation: toBase64url(bytes) };
  return postSurely(`${path(vehicle)}/commands`, body);
}

async function poll(boundS, name, once) {
  const end = Date.now() + boundS * 1000;
  for (;;) {
    const answer = await once();
    if (answer) return answer;
    if (Date.now() > end) throw new ApiError(name);
    await sleep(POLL_MS);
  }
}

// Whom this browser believes and what it remembers of the log. The server is asked for files only;
// whether they hold is found out here.

import { hasEd25519 } from "/static/log/ed25519.js";
import { PolicyError } from "/static/log/errors.js";
import { parsePolicy, policyOfKey } from "/static/log/policy.js";
import { ROLLBACK, compareWithLog, isSound, watchLog } from "/static/log/watch.js";
import { step } from "/static/log/steps.js";
import { ApiError, guarded, problem, request } from "/static/ui/api.js";
import { equal } from "/static/ui/bytes.js";
import { isFault } from "/static/ui/faults.js";
import { logTrust, trustNewKey } from "/static/ui/trust.js";
import * as memory from "./memory.js";
import { capable, look, looking, policyFault, policyFile, trust } from "./state.js";

const SEEN = "ledger-seen:";
const POLICY = "ledger-policy";
const TIMEOUT_MS = 10_000;
const AGAIN_MS = 2_000;
const MAX_ROUNDS = 5;

export async function start() {
  capable.value = await hasEd25519();
  if (!capable.value) return;
  await readPolicy();
  trust.value = await logTrust(memory);
  await refresh();
}

/** The reader's file decides; without one, the key that this browser saw first. */
export async function believed() {
  if (policyFile.value) return policyFile.value.policy;
  return trust.value?.vkey ? policyOfKey(trust.value.vkey) : null;
}

/** Look at the log once more. What was known stays known where the server cannot be reached. */
export async function refresh() {
  looking.value = "busy";
  try {
    const policy = await believed();
    if (policy) look.value = { ...(await lookTwice(policy)), at: Date.now() };
    looking.value = policy ? "done" : "no-key";
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    looking.value = error.name;
  }
}

/** A copy on its way may be older than what was seen: a roll-back is asked about a second time. */
async function lookTwice(policy) {
  const first = await lookAndKeep(policy);
  if (first.alarm !== ROLLBACK) return first;
  await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  return lookAndKeep(policy);
}

async function lookAndKeep(policy) {
  for (let round = 1; ; round += 1) {
    // Read before the log is asked, or another tab's newer look would pass for a roll-back.
    const remembered = await memory.readAll(SEEN);
    const seen = new Map(remembered.map((item) => [item.origin, item]));
    const found = await watchLog(fetchFile, policy, seen);
    if (!isSound(found) || (await keep(found)) || round === MAX_ROUNDS) return found;
  }
}

/** Remember what was seen, unless another tab was first: then all is to be compared again. */
async function keep({ checkpoint, seen }) {
  const { origin, size, root, note, log } = checkpoint;
  const when = Date.now();
  const next = { origin, size, root, note, vkey: log.vkey, when, first: seen?.first ?? when };
  const kept = await memory.update(`${SEEN}${origin}`, (now) => (isSame(now, seen) ? next : now));
  return kept === next;
}

const isSame = (left, right) =>
  left && right ? left.size === right.size && equal(left.root, right.root) : !left && !right;

async function fetchFile(path) {
  // Never from the browser's cache: files of two histories must not get mixed.
  const init = { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) };
  const response = await request(`/ledger/${path}`, init);
  if (response.status === 404) return null;
  if (!response.ok) throw await problem(response);
  return new Uint8Array(await guarded(() => response.arrayBuffer()));
}

/** Hold a receipt's checkpoint against the log; looks again where the receipt is the newer one. */
export async function compare(checkpoint) {
  try {
    if (!look.value) await refresh();
    if (!look.value) return step("away", "open");
    let made = await compareWithLog(look.value, checkpoint);
    if (made.id === "ahead") {
      await refresh();
      if (looking.value !== "done") return step("away", "open");
      made = await compareWithLog(look.value, checkpoint);
    }
    made.values.at = look.value.at;
    return made;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return step("away", "open");
  }
}

async function readPolicy() {
  const kept = await memory.read(POLICY);
  if (!kept) return;
  try {
    policyFile.value = { policy: await parsePolicy(kept.data), since: kept.since };
  } catch (error) {
    if (!isFault(error)) throw error;
    policyFault.value = error; // an older page took it; it is not believed any more
  }
}

/** The policy of a file, of which something can be believed. */
export async function readUsable(data) {
  const policy = await parsePolicy(data);
  if (!policy.logs.length) throw new PolicyError("policy-no-log");
  return policy;
}

/** Believe a policy file from now on. Returns what is wrong with it, or null. */
export async function usePolicy(data) {
  try {
    const policy = await readUsable(data);
    const since = Date.now();
    await memory.write(POLICY, { data, since });
    policyFile.value = { policy, since };
  } catch (error) {
    if (!isFault(error)) throw error;
    return error;
  }
  look.value = null;
  await refresh();
  return null;
}

export async function forgetPolicy() {
  await memory.remove(POLICY);
  policyFile.value = null;
  look.value = null;
  await refresh();
}

/** Only ever called by a press of a button, as is the next one. */
export async function believeNewKey() {
  trust.value = await trustNewKey(memory);
  look.value = null;
  await refresh();
}

/** Forget what was seen of this log: the alarm ends, and so does what it rests on. */
export async function forgetSeen() {
  await memory.remove(`${SEEN}${look.value.checkpoint.origin}`);
  await refresh();
}

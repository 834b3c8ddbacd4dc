// Trust policies (C2SP tlog-policy): which logs, which witnesses, and how many of them. A line that
// is not understood is refused, never ignored. Witnesses with ML-DSA-44 keys are read, so that they
// can be shown as not checked; they never meet a quorum here.

import { equal } from "../ui/bytes.js";
import { LedgerError, PolicyError } from "./errors.js";
import { COSIGNATURE, ED25519, ML_DSA_44, parseVkey } from "./note.js";

export const MAX_POLICY_BYTES = 262_144; // an ML-DSA-44 witness takes 1,800 characters and more
const NO_QUORUM = "none";
const READERS = { log: readLog, witness: readWitness, group: readGroup, quorum: readQuorum };

/** {logs, witnesses: Map(name -> key), groups: Map(name -> {threshold, members}), quorum}. */
export async function parsePolicy(data) {
  if (data.length > MAX_POLICY_BYTES) throw new PolicyError("too-large");
  if (!data.every(isAllowed)) throw new PolicyError("control");
  if (data.at(-1) !== 0x0a) throw new PolicyError("policy-newline");
  const draft = {
    logs: [], witnesses: new Map(), groups: new Map(), members: new Set(), quorum: null,
  };
  const lines = Array.from(data, (byte) => String.fromCharCode(byte)).join("").split("\n");
  for (const [place, line] of lines.entries()) await readLine(draft, line, place + 1);
  if (draft.quorum === null) throw new PolicyError("policy-no-quorum");
  const { logs, witnesses, groups, quorum } = draft;
  return { logs, witnesses, groups, quorum };
}

/** The policy of somebody who knows a log's key and no witness. */
export const policyOfKey = async (vkey) =>
  ({ logs: [await parseVkey(vkey)], witnesses: new Map(), groups: new Map(), quorum: NO_QUORUM });

export const asksForWitnesses = (policy) => policy.quorum !== NO_QUORUM;

/** Whether the witnesses with these vkeys (a Set) are a quorum. */
export function isMetBy(policy, vkeys) {
  if (!asksForWitnesses(policy)) return true;
  const met = new Set();
  for (const [name, key] of policy.witnesses) if (vkeys.has(key.vkey)) met.add(name);
  // Members are defined before their group, so one pass does and nothing recurses.
  for (const [name, { threshold, members }] of policy.groups) {
    if (members.filter((member) => met.has(member)).length >= threshold) met.add(name);
  }
  return met.has(policy.quorum);
}

/** Whether two histories can both reach the quorum only if a witness lies (policysafety.py). */
export function takesALie(policy) {
  const liars = new Map([...policy.witnesses.keys()].map((name) => [name, 1]));
  for (const [name, { threshold, members }] of policy.groups) {
    const owners = new Set(members.map((member) => policy.witnesses.get(member)?.name));
    const isOne = owners.size === 1 && !owners.has(undefined); // the keys of one witness
    // Two histories need `threshold` members each: so many of them have to vote twice.
    const twice = Math.max(0, 2 * threshold - members.length);
    const costs = members.map((member) => liars.get(member)).sort((one, other) => one - other);
    liars.set(name, isOne ? 1 : costs.slice(0, twice).reduce((sum, cost) => sum + cost, 0));
  }
  return liars.get(policy.quorum) > 0;
}

/**
 * The witnesses on an opened checkpoint: {met, perhaps, n, seen, unchecked, total, count}. `perhaps` is
 * whether it would be a quorum if the signatures that cannot be checked here were good; `seen` and
 * `unchecked` are [{name, time}] by the policy's names; `count` is how many nobody here knows.
 */
export function weighWitnesses(policy, checkpoint) {
  const good = new Set(checkpoint.cosigners.keys());
  const perhaps = new Set([...good, ...checkpoint.unchecked.keys()]);
  const named = (lines) => [...policy.witnesses]
    .filter(([, key]) => lines.has(key.vkey))
    .map(([name, key]) => ({ name, time: lines.get(key.vkey).time }));
  const seen = named(checkpoint.cosigners);
  return {
    met: isMetBy(policy, good),
    perhaps: isMetBy(policy, perhaps),
    n: seen.length,
    seen,
    unchecked: named(checkpoint.unchecked),
    total: policy.witnesses.size,
    count: checkpoint.others,
  };
}

const isAllowed = (byte) =>
  byte === 0x09 || byte === 0x0a || (byte >= 0x20 && byte !== 0x7f);

async function readLine(draft, line, number) {
  const trimmed = line.replace(/^[ \t]+|[ \t]+$/g, "");
  if (!trimmed || trimmed.startsWith("#")) return;
  const [keyword, ...items] = trimmed.split(/[ \t]+/).map(decodeItem);
  try {
    if (!Object.hasOwn(READERS, keyword)) throw new PolicyError("policy-keyword");
    await READERS[keyword](draft, items);
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    throw new PolicyError("policy-line", { line: number, fault: error });
  }
}

/** UTF-8 where it is that; else octets that stay apart from every text and from one another. */
function decodeItem(item) {
  const bytes = Uint8Array.from(item, (letter) => letter.charCodeAt(0));
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return Array.from(bytes, (byte) => String.fromCharCode(byte < 0x80 ? byte : 0xdc00 + byte)).join("");
  }
}

async function readLog(draft, items) {
  if (items.length !== 1 && items.length !== 2) throw new PolicyError("policy-log");
  draft.logs.push(await readKey(items[0], [ED25519], draft.logs));
}

async function readWitness(draft, items) {
  if (items.length !== 2 && items.length !== 3) throw new PolicyError("policy-witness");
  define(draft, items[0]);
  const known = [...draft.witnesses.values()];
  draft.witnesses.set(items[0], await readKey(items[1], [COSIGNATURE, ML_DSA_44], known));
}

async function readKey(vkey, kinds, known) {
  const key = await parseVkey(vkey);
  if (!kinds.includes(key.kind)) throw new PolicyError("policy-kind");
  if (known.some((other) => equal(other.publicKey, key.publicKey))) {
    throw new PolicyError("policy-key-twice");
  }
  return key;
}

function define(draft, name) {
  if (name === NO_QUORUM || isDefined(draft, name)) throw new PolicyError("policy-name-taken");
}

const isDefined = (draft, name) => draft.witnesses.has(name) || draft.groups.has(name);

function readGroup(draft, items) {
  if (items.length < 3) throw new PolicyError("policy-group");
  const [name, rule, ...members] = items;
  define(draft, name);
  for (const member of members) {
    if (!isDefined(draft, member)) throw new PolicyError("policy-name-unknown");
    if (draft.members.has(member)) throw new PolicyError("policy-member-twice");
    draft.members.add(member);
  }
  draft.groups.set(name, { threshold: readThreshold(rule, members.length), members });
}

function readThreshold(rule, members) {
  if (rule === "all") return members;
  if (rule === "any") return 1;
  if (!/^[1-9][0-9]{0,4}$/.test(rule) || Number(rule) > members) {
    throw new PolicyError("policy-threshold");
  }
  return Number(rule);
}

function readQuorum(draft, items) {
  if (items.length !== 1 || draft.quorum !== null) throw new PolicyError("policy-quorum");
  const [name] = items;
  if (name !== NO_QUORUM && !isDefined(draft, name)) throw new PolicyError("policy-name-unknown");
  draft.quorum = name;
}

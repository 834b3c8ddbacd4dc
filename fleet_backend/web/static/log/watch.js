// Looks at a served log: is it signed, do its files give what was signed, does it continue what was
// seen before? Whoever calls keeps what was seen. Errors of the network pass through.

import { equal } from "../ui/bytes.js";
import { openCheckpoint } from "./checkpoint.js";
import { CheckpointError, LedgerError, ProofError } from "./errors.js";
import { step, witnessStep } from "./steps.js";
import { ProvedTree } from "./tree.js";

export const ROLLBACK = "rollback";
export const FORK = "fork";

/**
 * {steps, checkpoint, tree, seen, alarm}. `fetchFile(path)` gives bytes or null; `remembered` maps
 * an origin to what was seen of it: {size, root, note, when}. `alarm` is null, "rollback" (a shorter
 * log than before) or "fork" (two histories).
 */
export async function watchLog(fetchFile, policy, remembered) {
  const look = { steps: [], checkpoint: null, tree: null, seen: null, alarm: null };
  try {
    const note = await fetchFile("checkpoint");
    if (!note) throw new CheckpointError("no-checkpoint");
    look.checkpoint = await openCheckpoint(note, policy);
  } catch (error) {
    look.steps.push(blame("signature", error));
    return look;
  }
  const { origin, size } = look.checkpoint;
  look.steps.push(step("signature", "proved", { origin, size }));
  look.steps.push(witnessStep(policy, look.checkpoint));
  look.seen = remembered.get(origin) ?? null;
  look.steps.push(await openTree(look, fetchFile), await compareWithSeen(look));
  return look;
}

/** Whether what this look saw may be remembered. */
export const isSound = ({ tree, alarm, steps }) =>
  Boolean(tree) && !alarm && !steps.some(({ id, result }) => id === "continues" && result === "failed");

const blame = (id, error, values) => {
  if (!(error instanceof LedgerError)) throw error;
  return step(id, "failed", values, error);
};

async function openTree(look, fetchFile) {
  const { size } = look.checkpoint;
  try {
    look.tree = await ProvedTree.open(fetchFile, look.checkpoint);
    return step("tree", "proved", { size });
  } catch (error) {
    return blame("tree", error, { size });
  }
}

async function compareWithSeen(look) {
  const { checkpoint, seen, tree } = look;
  if (!seen) return step("first", "open", { size: checkpoint.size });
  const values = { from: seen.size, to: checkpoint.size, when: seen.when };
  if (seen.size > checkpoint.size) {
    look.alarm = ROLLBACK;
    return step(ROLLBACK, "failed", values);
  }
  try {
    const sameSize = seen.size === checkpoint.size;
    const other = sameSize ? !equal(seen.root, checkpoint.root) : tree && (await departs(tree, seen));
    if (!other) return step("continues", tree ? "proved" : "open", values);
  } catch (error) {
    return blame("continues", error, values);
  }
  look.alarm = FORK;
  return step(FORK, "failed", values);
}

/** Does the tree, proved up to its signed root, not continue the older checkpoint? */
async function departs(tree, older) {
  try {
    await tree.requireContinues(older);
    return false;
  } catch (error) {
    // Every hash of the proof was tied to the signed root before: what is left to differ is history.
    if (error instanceof ProofError) return true;
    throw error;
  }
}

/** The step that holds a receipt's checkpoint against the log as it was looked at. */
export async function compareWithLog(look, checkpoint) {
  const { checkpoint: shown, tree, alarm } = look;
  if (!shown || shown.origin !== checkpoint.origin) return step("elsewhere", "open");
  const values = { from: checkpoint.size, to: shown.size };
  if (alarm) return step("alarm", "failed", values);
  if (checkpoint.size > shown.size) return step("ahead", "failed", values);
  if (!tree) return step("unproved", "open", values);
  try {
    const other = await departs(tree, checkpoint);
    return other ? step("departs", "failed", values) : step("belongs", "proved", values);
  } catch (error) {
    return blame("unproved", error, values);
  }
}

// One check and what came of it: "proved", "failed" or "open" (not checked), with what a sentence
// about it needs.

import { asksForWitnesses, weighWitnesses } from "./policy.js";

export const step = (id, result, values = {}, fault = null) => ({ id, result, values, fault });

/** What the policy's witnesses say of an opened checkpoint. */
export function witnessStep(policy, checkpoint) {
  const { met, perhaps, ...values } = weighWitnesses(policy, checkpoint);
  if (!asksForWitnesses(policy)) return step("witnesses", "open", values);
  if (met) return step("witnesses", "proved", values);
  // Not a quorum by what was checked, but one if those that cannot be checked here are good.
  return perhaps ? step("quorum", "open", values) : step("witnesses", "failed", values);
}

// Files that are dropped or chosen, and receipts that the operator fetched: which is which, and the
// check. A file never leaves the browser.

import { ApiError, get } from "/static/ui/api.js";
import { utf8 } from "/static/ui/bytes.js";
import { announcement } from "/static/ui/components.js";
import { isFault } from "/static/ui/faults.js";
import { t } from "/static/ui/i18n.js";
import { MAX_PROOF_BYTES } from "/static/log/proof.js";
import { checkReceipt } from "/static/ui/receipt.js";
import { believed, compare, readUsable, usePolicy } from "./session.js";
import { offered, policyFault, receipt, token } from "./state.js";

const POLICY_BEGINS = /^[ \t\n]*(#|log[ \t]|witness[ \t]|group[ \t]|quorum[ \t])/;

/**
 * A file in the place of a receipt. A policy among them is offered, not taken: whoever sends a
 * "receipt" must not be able to say whose signatures count.
 */
export async function takeFile(file) {
  const data = await read(file);
  const start = new TextDecoder("latin1").decode(data.slice(0, 4096));
  offered.value = null;
  if (POLICY_BEGINS.test(start)) return offerPolicy(data, file.name);
  return takeReceipt(data, file.name);
}

async function offerPolicy(data, name) {
  receipt.value = null;
  try {
    offered.value = { policy: await readUsable(data), data, name };
    announcement.value = t("ledger.offered");
  } catch (error) {
    if (!isFault(error)) throw error;
    policyFault.value = error;
  }
}

export const refuseOffered = () => {
  offered.value = null;
};

export const believeOffered = () => takePolicy(offered.value.data);

/** One byte more than is allowed is enough to refuse the rest. */
const read = async (file) =>
  new Uint8Array(await file.slice(0, MAX_PROOF_BYTES + 1).arrayBuffer());

export const takePolicyFile = async (file) => takePolicy(await read(file));

async function takePolicy(data) {
  offered.value = null;
  policyFault.value = await usePolicy(data);
  if (!policyFault.value) await checkAgain();
}

export async function takeReceipt(data, name) {
  receipt.value = { name, data, busy: true };
  const report = await checkReceipt(data, { policy: await believed(), compare });
  receipt.value = { name, data, report };
  announcement.value = t(`ledger.verdict-${report.verdict}`);
}

/** Whoever is believed now, the same receipt is judged anew. */
export async function checkAgain() {
  if (receipt.value?.data) await takeReceipt(receipt.value.data, receipt.value.name);
}

/** The operator's way to a receipt: by the number of the entry. */
export async function fetchReceipt(index) {
  const name = `trifleet-receipt-${index}.txt`;
  receipt.value = { name, busy: true };
  try {
    const text = await get(`/v1/fleet/receipts/${index}`, { token: token.value });
    await takeReceipt(utf8(text), name);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    receipt.value = { name, problem: error.name };
  }
}

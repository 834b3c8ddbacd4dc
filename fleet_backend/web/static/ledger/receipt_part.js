// A receipt: take the file, say what holds, and what nobody can prove.

import { Notice, Skeleton } from "/static/ui/components.js";
import { html } from "/static/ui/dom.js";
import { t } from "/static/ui/i18n.js";
import { Statement } from "/static/ui/receipt_view.js";
import { parseProof } from "/static/log/proof.js";
import { takesALie } from "/static/log/policy.js";
import { problemText } from "/static/ui/problems.js";
import * as check from "./check.js";
import { OfferedPolicy } from "./log_part.js";
import { Checks, ChooseFile, DropZone, Save } from "./parts.js";
import { look, policyFile, receipt } from "./state.js";

const VERDICTS = { good: "good", partial: "warn", bad: "bad" };
const TWO_HISTORIES = ["departs", "ahead"];

export function ReceiptPart() {
  return html`<section class="panel stack" aria-labelledby="receipt-title">
    <h2 id="receipt-title" tabindex="-1">${t("ledger.receipt-title")}</h2>
    <${DropZone} onFile=${check.takeFile}>
      <p>${t("ledger.receipt-text")}</p>
      <${ChooseFile} kind="primary" testid="receipt-file" onFile=${check.takeFile}>${t("receipt.choose-file")}<//>
    <//>
    <${OfferedPolicy} />
    <${Checked} />
  </section>`;
}

function Checked() {
  const { value } = receipt;
  if (!value) return html`<p class="hint" data-testid="no-receipt">${t("ledger.no-receipt")}</p>`;
  const { name, busy, problem, report } = value;
  if (busy) return html`<${Skeleton} rows=${2} label=${t("ledger.checking", { name })} />`;
  if (problem) return html`<${Notice} kind="bad" testid="receipt-problem" title=${t("ledger.not-fetched")}>
    ${problemText(problem)}<//>`;
  return html`<div class="report" data-testid="report" data-verdict=${report.verdict}>
    <p class="hint file-name">${t("ledger.file", { name })}</p>
    <${Notice} kind=${VERDICTS[report.verdict]} title=${t(`ledger.verdict-${report.verdict}`)} />
    <h3>${t("ledger.checks")}</h3>
    <${Checks} family="check" steps=${report.steps} />
    <${Evidence} />
    ${report.statement && html`<${Statement} statement=${report.statement} records=${report.records} />`}
    <${Limits} />
  </div>`;
}

/** Two states that the log signed and that do not go together, for others to see. */
function Evidence() {
  const { data, report } = receipt.value;
  if (!report.steps.some(({ id }) => TWO_HISTORIES.includes(id))) return null;
  return html`<div class="row">
    <${Save} testid="save-receipt-note" name="checkpoint-of-receipt.txt" data=${parseProof(data).note}>
      ${t("ledger.evidence-receipt")}<//>
    <${Save} testid="save-log-note" name="checkpoint-of-log.txt" data=${look.value.checkpoint.note}>
      ${t("ledger.evidence-log")}<//>
  </div>`;
}

function Limits() {
  const witnessed = receipt.value.report.steps.some(
    ({ id, result }) => id === "witnesses" && result === "proved");
  const names = ["seal", "gateway", "whole", "true"];
  if (!policyFile.value) names.push("key");
  if (!witnessed) names.push("split");
  else if (!takesALie(policyFile.value.policy)) names.push("split-small");
  return html`<details class="statement" data-testid="limits" open><summary>${t("limits.title")}</summary>
    <ul class="plain-list">${names.map((name) => html`<li key=${name}>${t(`limits.${name}`)}</li>`)}</ul>
  </details>`;
}

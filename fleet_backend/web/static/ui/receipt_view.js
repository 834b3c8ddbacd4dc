// "Check this receipt": what was proved, what failed and what nobody proved here, in words.

import { signal } from "@preact/signals";

import { policyOfKey } from "../log/policy.js";
import { get } from "./api.js";
import { utf8 } from "./bytes.js";
import { Button, Notice } from "./components.js";
import { html, useState } from "./dom.js";
import { faultText } from "./faults.js";
import { count, dateTime, number, t } from "./i18n.js";
import { Icon } from "./icons.js";
import { moment } from "./format.js";
import { checkReceipt } from "./receipt.js";
import { describe } from "./records.js";
import { recordText } from "./sentences.js";
import { clockText } from "./statement.js";
import { logTrust, trustNewKey } from "./trust.js";

const VERDICTS = { good: "good", partial: "warn", bad: "bad" };
const SHAPES = { proved: "check", failed: "cross", open: "open" };
const trust = signal(null);

async function check(data) {
  if (!trust.value) trust.value = await logTrust();
  const { vkey } = trust.value;
  return checkReceipt(data, { policy: vkey ? await policyOfKey(vkey) : null });
}

/** `path` answers with the receipt's text; `name` is the file name of the download. */
export function ReceiptCheck({ path, name, token }) {
  const [state, setState] = useState({ phase: "idle" });
  const load = async () => {
    setState({ phase: "busy" });
    try {
      const text = await get(path, { token });
      setState({ phase: "checked", text, report: await check(utf8(text)) });
    } catch (error) {
      setState({ phase: "failed", error: error.name });
    }
  };
  const trustAgain = async () => {
    trust.value = await trustNewKey();
    setState({ ...state, report: await check(utf8(state.text)) });
  };
  return html`<div class="receipt">
    <div class="row">
      <${Button} icon="shield" testid="check-receipt" onClick=${load} busy=${state.phase === "busy"}>
        ${t(state.phase === "busy" ? "receipt.checking" : "receipt.check")}
      <//>
      ${state.text && html`<${Download} text=${state.text} name=${name} />`}
    </div>
    ${state.phase === "failed" && html`<${Notice} kind=${EXPECTED.has(state.error) ? "info" : "bad"}
      testid="receipt-error" title=${errorText(state.error)} />`}
    ${state.report && html`<${Report} report=${state.report} onTrust=${trustAgain} />`}
  </div>`;
}

// What the server may answer that is no fault.
const EXPECTED = new Map([
  ["not-logged-yet", "receipt.not-yet"],
  ["erased", "receipt.erased"],
]);
const errorText = (name) => t(EXPECTED.get(name) ?? "receipt.unreachable");

function Download({ text, name }) {
  const save = () => {
    const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    const link = document.createElement("a");
    link.href = url;
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  };
  return html`<${Button} icon="download" testid="download-receipt" onClick=${save}>${t("receipt.download")}<//>`;
}

/** Somebody else's receipt, from a file: the same check, no server asked for it. */
export function ReceiptFile() {
  const [report, setReport] = useState(null);
  const open = async (event) => {
    const file = event.target.files[0];
    if (file) setReport(await check(new Uint8Array(await file.arrayBuffer())));
  };
  return html`<div class="receipt">
    <label class="button button-plain file">
      <${Icon} name="shield" /><span>${t("receipt.choose-file")}</span>
      <input type="file" class="visually-hidden" data-testid="receipt-file" onChange=${open} />
    </label>
    ${report && html`<${Report} report=${report} />`}
  </div>`;
}

function Report({ report, onTrust }) {
  const { verdict, steps, statement, records } = report;
  return html`<div class="report" data-testid="report" data-verdict=${verdict}>
    ${trust.value?.changed && html`<${KeyChanged} onTrust=${onTrust} />`}
    <${Notice} kind=${VERDICTS[verdict]} title=${t(`receipt.verdict-${verdict}`)} />
    <ul class="proofs">${steps.map((step) => html`<${Step} key=${step.id} step=${step} />`)}</ul>
    ${statement && html`<${Statement} statement=${statement} records=${records} />`}
  </div>`;
}

function KeyChanged({ onTrust }) {
  return html`<${Notice} kind="bad" title=${t("receipt.key-changed")} testid="key-changed"
    actions=${onTrust && html`<${Button} testid="trust-key" onClick=${onTrust}>${t("receipt.trust-new")}<//>`}>
    ${t("receipt.key-changed-text")}
  <//>`;
}

function Step({ step }) {
  const { id, result, values, fault } = step;
  const since = trust.value?.since ? new Date(trust.value.since) : null;
  const filled = {
    ...values,
    index: number(values.index ?? 0),
    size: number(values.size ?? 0),
    since: since ? dateTime(since) : "",
    detail: fault ? faultText(fault) : "",
  };
  return html`<li class=${`proof proof-${result}`} data-testid=${`proof-${id}`} data-result=${result}>
    <span class="proof-shape"><${Icon} name=${SHAPES[result]} /></span>
    <span><strong>${t(`proof-result.${result}`)}</strong> ${t(`proof.${id}-${result}`, filled)}</span>
  </li>`;
}

export function Statement({ statement, records }) {
  return html`<details class="statement" open>
    <summary>${t("receipt.says", { gateway: statement.gateway, time: moment(statement.time) })}</summary>
    <ul class="plain-list">
      ${records.filter((record) => record.kind !== "TELEMETRY").map((record, place) => html`<li
        key=${place}>${heading(record)}${recordText(...describe(record.kind, record.body))}</li>`)}
      ${telemetryLine(records)}
      ${clockText(statement) && html`<li>${clock(statement)}</li>`}
      ${statement.kind !== "RECORDS" && html`<li>${t(`receipt.kind-${statement.kind}`)}</li>`}
    </ul>
  </details>`;
}

function clock(statement) {
  const [key, { seconds }] = clockText(statement);
  return t(key, { seconds: number(seconds, seconds < 10 ? 2 : 0) });
}

const heading = (record) =>
  record.kind === "UNREADABLE" ? "" : `${record.vehicle}, ${moment(record.time)}: `;

function telemetryLine(records) {
  const n = records.filter((record) => record.kind === "TELEMETRY").length;
  return n ? html`<li>${count("receipt.telemetry", n)}</li>` : null;
}

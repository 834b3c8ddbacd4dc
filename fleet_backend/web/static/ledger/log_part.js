// The log itself: what this browser found when it looked, alarms first, and whom it believes.

import { Button, Notice, Skeleton } from "/static/ui/components.js";
import { html, useEffect, useState } from "/static/ui/dom.js";
import { sha256, toHex, utf8 } from "/static/ui/bytes.js";
import { faultText } from "/static/ui/faults.js";
import { fullDateTime, number, t } from "/static/ui/i18n.js";
import { problemText } from "/static/ui/problems.js";
import { ML_DSA_44 } from "/static/log/note.js";
import { asksForWitnesses } from "/static/log/policy.js";
import * as check from "./check.js";
import { Checks, ChooseFile, Save } from "./parts.js";
import * as session from "./session.js";
import { look, looking, memory, offered, policyFault, policyFile, trust } from "./state.js";

/** Above everything else: what must not be overlooked. */
export function Alarms() {
  return html`<${KeyAlarm} /><${HistoryAlarm} /><${MemoryAlarm} />`;
}

function MemoryAlarm() {
  const { value } = memory;
  return value && html`<${Notice} kind="warn" testid=${`memory-${value}`} title=${t(`ledger.memory-${value}`)}>
    ${t(`ledger.memory-${value}-text`)}<//>`;
}

/** A policy file where a receipt was asked for: its reader decides, knowing what it does. */
export function OfferedPolicy() {
  if (!offered.value) return null;
  const { policy, name } = offered.value;
  const actions = html`<${Button} testid="believe-offered" onClick=${check.believeOffered}>${t("ledger.offered-believe")}<//>
    <${Button} testid="refuse-offered" onClick=${check.refuseOffered}>${t("ledger.offered-refuse")}<//>`;
  return html`<${Notice} kind="warn" testid="offered" title=${t("ledger.offered")} actions=${actions}>
    <p class="file-name">${t("ledger.file", { name })}</p><p>${t("ledger.offered-text")}</p>
    ${policy.logs.map((key) => html`<p key=${key.vkey} class="file-name">${t("ledger.trust-log", { name: key.name })}</p>
      <${Key} vkey=${key.vkey} />`)}<//>`;
}

function KeyAlarm() {
  const { changed, vkey, offered, since } = trust.value ?? {};
  if (policyFile.value) {
    const known = policyFile.value.policy.logs.some((key) => key.vkey === offered);
    return offered && !known && html`<${Notice} kind="bad" testid="key-changed"
      title=${t("ledger.key-not-in-policy")}><${Key} vkey=${offered} /><//>`;
  }
  if (!changed) return null;
  const trustNew = html`<${Button} testid="trust-key" onClick=${anew(session.believeNewKey)}>
    ${t("ledger.trust-new")}<//>`;
  return html`<${Notice} kind="bad" testid="key-changed" title=${t("ledger.key-changed")} actions=${trustNew}>
    <p>${t("ledger.key-changed-text")}</p>
    <p>${t("ledger.key-known", { since: fullDateTime(new Date(since)) })}</p><${Key} vkey=${vkey} />
    <p>${t("ledger.key-offered")}</p><${Key} vkey=${offered} />
  <//>`;
}

/** Whatever changes what is believed makes the receipt be judged anew. */
const anew = (work) => async () => {
  await work();
  await check.checkAgain();
};

function HistoryAlarm() {
  const { alarm, seen, checkpoint } = look.value ?? {};
  if (!alarm) return null;
  const values = {
    from: number(seen.size), to: number(checkpoint.size), when: fullDateTime(new Date(seen.when)),
  };
  // Two keys of one name: neither has signed both, so nobody is convicted by the pair.
  const exchanged = seen.vkey && seen.vkey !== checkpoint.log.vkey;
  const actions = html`
    <${Save} testid="save-old" name="checkpoint-then.txt" data=${seen.note}>${t("ledger.evidence-old")}<//>
    <${Save} testid="save-new" name="checkpoint-now.txt" data=${checkpoint.note}>${t("ledger.evidence-new")}<//>`;
  return html`<${Notice} kind="bad" testid=${`alarm-${alarm}`} title=${t(`ledger.alarm-${alarm}`)} actions=${actions}>
    <p>${t(exchanged ? "ledger.alarm-key-text" : `ledger.alarm-${alarm}-text`, values)}</p>
  <//>`;
}

export function LogPart() {
  return html`<section class="panel stack" aria-labelledby="log-title">
    <div><h2 id="log-title">${t("ledger.log-title")}</h2><p class="hint">${t("ledger.log-hint")}</p></div>
    <${Looked} />
    <div class="row">
      <${Button} testid="look-again" busy=${looking.value === "busy"} onClick=${anew(session.refresh)}>
        ${t("ledger.look-again")}<//>
      ${look.value && html`<span class="hint">${t("ledger.looked", { at: fullDateTime(new Date(look.value.at)) })}</span>`}
    </div>
    ${look.value?.alarm && html`<div class="row">
      <${Button} testid="forget-seen" onClick=${anew(session.forgetSeen)}>${t("ledger.forget-seen")}<//>
      <p class="hint">${t("ledger.forget-seen-text")}</p></div>`}
  </section>`;
}

function Looked() {
  const { value } = looking;
  if (value === "busy" && !look.value) return html`<${Skeleton} rows=${2} label=${t("ledger.looking")} />`;
  if (value === "no-key") return html`<${Notice} kind="warn" testid="no-key" title=${t("ledger.no-key")}>
    ${t("ledger.no-key-text")}<//>`;
  return html`
    ${!["busy", "done"].includes(value) && html`<${Notice} kind="warn" testid="away" title=${t("ledger.away")}>
      <p>${problemText(value)}</p><p>${t("ledger.away-text")}</p><//>`}
    ${look.value && html`<div data-testid="look" data-size=${String(look.value.checkpoint?.size ?? "")}>
      <${Checks} family="look" steps=${look.value.steps} /></div>`}`;
}

export function TrustPart() {
  const file = policyFile.value;
  return html`<section class="panel stack" aria-labelledby="trust-title">
    <h2 id="trust-title">${t("ledger.trust-title")}</h2>
    ${policyFault.value && html`<${Notice} kind="bad" testid="policy-fault" title=${t("ledger.policy-refused")}>
      ${faultText(policyFault.value)}<//>`}
    ${file ? html`<${PolicyKeys} file=${file} />` : html`<${FirstUse} />`}
    <div class="row">
      <${ChooseFile} icon="key" testid="policy-file" onFile=${check.takePolicyFile}>${t("ledger.choose-policy")}<//>
      ${file && html`<${Button} testid="forget-policy" onClick=${anew(session.forgetPolicy)}>
        ${t("ledger.forget-policy")}<//>`}
    </div>
  </section>`;
}

function FirstUse() {
  const { vkey, since } = trust.value ?? {};
  if (!vkey) return null;
  return html`<p>${t("ledger.trust-first")}</p>
    <p class="hint">${t("ledger.key-known", { since: fullDateTime(new Date(since)) })}</p>
    <${Key} vkey=${vkey} />`;
}

function PolicyKeys({ file }) {
  const { logs, witnesses } = file.policy;
  return html`<div class="stack" data-testid="policy">
    <p>${t("ledger.trust-policy", { since: fullDateTime(new Date(file.since)) })}</p>
    ${logs.map((key) => html`<div key=${key.vkey}><h3>${t("ledger.trust-log", { name: key.name })}</h3>
      <${Key} vkey=${key.vkey} /></div>`)}
    <p data-testid="quorum">${quorumWords(file.policy)}</p>
    ${[...witnesses].map(([name, key]) => html`<div key=${key.vkey}><h3>${t("ledger.trust-witness", { name })}</h3>
      ${key.kind === ML_DSA_44 && html`<p class="hint">${t("ledger.trust-witness-open")}</p>`}
      <${Key} vkey=${key.vkey} /></div>`)}
  </div>`;
}

function quorumWords(policy) {
  if (!asksForWitnesses(policy)) return t("ledger.quorum-none");
  const rules = new Map(); // members stand before their group: one pass, nothing recurses
  const rule = (name) => rules.get(name) ?? name;
  for (const [name, { threshold, members }] of policy.groups) {
    rules.set(name, t("ledger.quorum-of", { n: threshold, members: members.map(rule).join(", ") }));
  }
  return t("ledger.quorum", { rule: rule(policy.quorum) });
}

/** A key by its fingerprint, for people to compare; the whole line behind it. */
function Key({ vkey }) {
  const [print, setPrint] = useState("");
  useEffect(() => {
    sha256(utf8(vkey)).then((hash) => setPrint(toHex(hash.slice(0, 16)).match(/.{4}/g).join(" ")));
  }, [vkey]);
  return html`<dl class="key"><dt>${t("ledger.fingerprint")}</dt>
    <dd><code data-testid="fingerprint">${print}</code></dd></dl>
    <details class="key-line"><summary>${t("ledger.key-line")}</summary>
      <code>${vkey}</code><p class="hint">${t("ledger.fingerprint-hint")}</p></details>`;
}

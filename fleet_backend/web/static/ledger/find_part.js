// The search, with the operator's token; and an entry by its number, for anybody.

import { Button, Notice, Skeleton } from "/static/ui/components.js";
import { html, useRef } from "/static/ui/dom.js";
import { faultText } from "/static/ui/faults.js";
import { moment } from "/static/ui/format.js";
import { number, t } from "/static/ui/i18n.js";
import { Icon } from "/static/ui/icons.js";
import { problemText } from "/static/ui/problems.js";
import { describe } from "/static/ui/records.js";
import { recordText } from "/static/ui/sentences.js";
import { clockText } from "/static/ui/statement.js";
import { fetchReceipt } from "./check.js";
import * as find from "./find.js";
import { entry, found, look, token, vehicles } from "./state.js";

const field = (form, name) => form.elements.namedItem(name).value.trim();

export function FindPart() {
  return html`<section class="panel stack" aria-labelledby="find-title">
    <div><h2 id="find-title">${t("find.title")}</h2><p class="hint">${t("find.lead")}</p></div>
    ${token.value ? html`<${SearchForm} />` : html`<${TokenForm} />`}
    ${found.value && html`<${Results} />`}
    <${NumberForm} />
  </section>`;
}

function TokenForm() {
  const submit = (event) => {
    event.preventDefault();
    const text = field(event.target, "token");
    if (text) find.signIn(text);
  };
  return html`<form class="form" onSubmit=${submit}>
    <label for="token">${t("fleet.token")}</label>
    <input id="token" name="token" type="password" autocomplete="off" spellcheck="false" required
      aria-describedby="token-hint" data-testid="token" />
    <p id="token-hint" class="hint">${t("fleet.token-hint")}</p>
    <button type="submit" class="button button-plain" data-testid="sign-in"><span>${t("find.sign-in")}</span></button>
  </form>`;
}

function SearchForm() {
  const submit = (event) => {
    event.preventDefault();
    find.search({ vehicle: field(event.target, "vehicle"), day: field(event.target, "day") });
  };
  return html`<form class="form find-form" onSubmit=${submit}>
    <div class="form"><label for="vehicle">${t("find.vehicle")}</label>
      <input id="vehicle" name="vehicle" list="vehicles" maxlength="32" pattern="([a-z]|[0-9]|-)*"
        autocapitalize="none" autocomplete="off" spellcheck="false" aria-describedby="find-any" data-testid="vehicle" />
      <datalist id="vehicles">${vehicles.value.map((id) => html`<option key=${id} value=${id} />`)}</datalist></div>
    <div class="form"><label for="day">${t("find.day")}</label>
      <input id="day" name="day" type="date" min="1970-01-02" max="2105-12-31" aria-describedby="find-any" data-testid="day" /></div>
    <p id="find-any" class="hint">${t("find.any")}</p>
    <div class="row"><button type="submit" class="button button-primary" data-testid="search"><span>${t("find.search")}</span></button>
      <${Button} icon="out" testid="sign-out" onClick=${() => find.signOut()}>${t("fleet.sign-out")}<//></div>
  </form>`;
}

function Results() {
  const { items, next, busy, problem } = found.value;
  return html`<div class="stack" role="region" aria-label=${t("find.results")} data-testid="results">
    ${problem && html`<${Notice} kind="bad" testid="find-problem" title=${problemText(problem)} />`}
    ${busy && html`<${Skeleton} rows=${2} label=${t("find.searching")} />`}
    ${!busy && !problem && !items.length && html`<${Notice} testid="find-none" title=${t("find.none")}>
      ${t("find.none-day")}<//>`}
    <ol class="events">${items.map((item) => html`<${Found} key=${item.id} item=${item} />`)}</ol>
    ${next && !busy && html`<div><${Button} testid="older" onClick=${find.older}>${t("action.older")}<//></div>`}
  </div>`;
}

function Found({ item }) {
  const { leaf_index: index } = item;
  return html`<li class="event" data-testid=${`found-${item.id}`}>
    <div class="event-text">
      <p><strong>${index === null ? t("find.waiting") : t("find.entry", { index: number(index) })}</strong>
        ${" · "}${moment(item.time)}${" · "}${item.gateway}</p>
      <${Contents} item=${item} />
    </div>
    ${index !== null && item.has_body && html`<${Button} icon="shield" testid=${`check-${index}`}
      onClick=${() => open(index)}>${t("find.check")}<span class="visually-hidden">${" "}${t("find.entry",
        { index: number(index) })}</span><//>`}
  </li>`;
}

async function open(index) {
  const heading = document.getElementById("receipt-title");
  heading.scrollIntoView();
  heading.focus({ preventScroll: true });
  await fetchReceipt(index);
}

function Contents({ item }) {
  if (!item.has_body) return html`<p class="hint">${t("find.no-body")}</p>`;
  if (item.kind_name !== "RECORDS") return html`<p class="hint">${t(`find.kind-${item.kind_name}`)}</p>`;
  if (!item.records.length) return html`<p class="hint">${t("find.measurements")}</p>`;
  return html`<ul class="plain-list">${item.records.map((record) => html`<li
    key=${`${record.vehicle}-${record.boot}-${record.seq}`}>${record.vehicle}${": "}${recordText(...describe(
      record.kind_name, record.body))}</li>`)}</ul>`;
}

function NumberForm() {
  const input = useRef(null);
  const submit = (event) => {
    event.preventDefault();
    find.openEntry(input.current.value.trim());
  };
  return html`<form class="form number-form" onSubmit=${submit}>
    <h3>${t("find.number-title")}</h3>
    <p class="hint">${t("find.number-lead")}</p>
    <label for="number">${t("find.number")}</label>
    <div class="row"><input id="number" ref=${input} inputmode="numeric" maxlength="19" required
      autocomplete="off" data-testid="number" />
      <button type="submit" class="button button-plain" data-testid="open-entry"><span>${t("find.open")}</span></button></div>
    ${entry.value && html`<${Entry} />`}
  </form>`;
}

function Entry() {
  const { index, size, statement, fault, problem, busy } = entry.value;
  if (busy) return html`<p class="hint" role="status">${t("find.opening")}</p>`;
  if (problem) return html`<${Notice} kind="bad" testid="entry-fault" title=${problemText(problem)} />`;
  // A log with two histories has two entries of that number.
  if (look.value?.alarm) return html`<${Notice} kind="bad" testid="entry-fault" title=${t("check.alarm-failed")} />`;
  if (fault) return html`<${Notice} kind="bad" testid="entry-fault"
    title=${t("find.entry-failed", { detail: faultText(fault) })} />`;
  const { gateway, seq, time, kind } = statement;
  const values = { gateway, seq: number(seq), time: moment(time), kind: t(`kind.${kind}`) };
  return html`<div class="report" data-testid="entry"><ul class="proofs">
    <${Line} result="proved" icon="check">${t("find.entry-proved", { index: number(index), size: number(size) })}<//>
    <${Line} result="open" icon="open">${t("find.entry-open")}<//>
  </ul><p>${t("find.entry-says", values)} ${clockWords(statement)}</p></div>`;
}

function clockWords(statement) {
  const found = clockText(statement);
  if (!found) return "";
  const [key, { seconds }] = found;
  return t(key, { seconds: number(seconds, seconds < 10 ? 2 : 0) });
}

const Line = ({ result, icon, children }) => html`<li class=${`proof proof-${result}`} data-result=${result}>
  <span class="proof-shape"><${Icon} name=${icon} /></span>
  <span><strong>${t(`proof-result.${result}`)}</strong> ${children}</span></li>`;

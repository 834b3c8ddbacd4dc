// The codes' screen: get them, see whether the vehicle has them, read them to its keypad.

import { Button, Notice, ScreenTitle, Steps } from "/static/ui/components.js";
import { html, useEffect, useState } from "/static/ui/dom.js";
import { timeOfDay } from "/static/ui/format.js";
import { addWords, t } from "/static/ui/i18n.js";
import { Icon } from "/static/ui/icons.js";
import english from "/static/ui/lang/codes/en.js";
import french from "/static/ui/lang/codes/fr.js";
import { MOST } from "/static/ui/one_time.js";
import { entryOf, outdated } from "./codebook.js";
import { CodeList, Handling, Refusals } from "./codes_list.js";
import * as session from "./codes_session.js";
import { run } from "./codes_session.js";
import { stepState } from "./flow.js";
import { keepPage, offlinePage } from "./offline.js";
import { vehicles } from "./state.js";
import { Proof, grantReason, problemText, refusalText, stepHint } from "./views.js";

export { keepPage };

addWords({ en: english, fr: french });

const USUAL = 2;

export function CodesView({ vehicle }) {
  useEffect(() => {
    session.resume(vehicle);
  }, []);
  const mine = run.value?.vehicle === vehicle ? run.value : null;
  const entry = entryOf(vehicle);
  const busy = mine && session.isBusy();
  return html`<section class="stack" data-testid="codes" data-deposit=${entry?.deposit.state}>
    <a class="back" href=${`#/v/${vehicle}`} data-testid="codes-back"><${Icon} name="back" />
      ${t("codes.back", { vehicle })}</a>
    <${ScreenTitle} focus>${t(busy ? "codes.getting" : "codes.title", { vehicle })}<//>
    ${busy ? html`<${Progress} />` : html`<${Outcome} mine=${mine} entry=${entry} vehicle=${vehicle} />`}
  </section>`;
}

function Progress() {
  const { step, last, since, tries } = run.value;
  const items = session.CODES_STEPS.map((id) => ({
    id,
    label: t(id === "request" ? "codes.step-request" : `step.${id}`),
    state: stepState(session.CODES_STEPS, step, id, last),
    hint: id === step ? stepHint(id, since, tries) : null,
  }));
  return html`<${Steps} items=${items} /><p class="hint">${t("codes.wait")}</p>`;
}

function Outcome({ mine, entry, vehicle }) {
  if (!entry) return html`<${Failure} mine=${mine} /><${Request} vehicle=${vehicle} />`;
  const { state } = entry.deposit;
  const spent = entry.codes.every((code) => code.used);
  return html`
    <${Deposit} entry=${entry} mine=${mine} spent=${spent} />
    ${(state === "done" || state === "sent") && html`
      <${CodeList} entry=${entry} />
      <${Handling} /><${Refusals} />`}
    ${spent && html`<${Request} vehicle=${vehicle} />`}
    ${state === "done" && html`<${Proof} title=${t("codes.proof")}
      ids=${[["deposit", entry.deposit.id]]} />`}
    <${Removal} vehicle=${vehicle} />`;
}

/** Nothing is here: why the last try brought nothing. */
function Failure({ mine }) {
  if (!mine) return null;
  const { refusal, problem, detail } = mine;
  const title = refusal ? t("codes.refused") : problemText(problem);
  const why = refusal ? refusalText(refusal) : problem === "grant-refused" && detail && grantReason(detail);
  return html`<${Notice} kind="bad" testid="codes-failed" title=${title}>${why}<//>`;
}

/** The form, with what stands against it. */
function Request({ vehicle }) {
  const [count, setCount] = useState(USUAL);
  const other = session.isBusy() ? run.value.vehicle : null;
  const item = vehicles.value.items.find(({ id }) => id === vehicle);
  if (other) return html`<${Notice} title=${t("codes.busy", { vehicle: other })} />`;
  return html`<p class="lead">${t("codes.lead")}</p>
    ${outdated.value?.vehicle === vehicle && html`<${Notice} testid="codes-outdated"
      title=${t("codes.outdated", { time: timeOfDay(outdated.value.notAfter) })} />`}
    ${item && !item.online && html`<${Notice} kind="warn" testid="codes-offline"
      title=${t("codes.offline-vehicle")} />`}
    <div class="form">
      <label for="count">${t("codes.count")}</label>
      <select id="count" value=${count} aria-describedby="count-hint" data-testid="codes-count"
        onChange=${(event) => setCount(Number(event.currentTarget.value))}>
        ${Array.from({ length: MOST }, (_, i) => html`<option key=${i} value=${i + 1}>${i + 1}</option>`)}
      </select>
      <p class="hint" id="count-hint">${t("codes.count-hint")}</p>
    </div>
    <div class="primary-action">
      <${Button} kind="primary" icon="key" testid="codes-get"
        onClick=${() => session.prepare(vehicle, count)}>${t("codes.get")}<//>
      <p class="hint">${t("codes.get-hint")}</p>
    </div>`;
}

/** Does the vehicle have them? Said by its record alone. */
function Deposit({ entry, mine, spent }) {
  const { vehicle, grant, deposit } = entry;
  const until = timeOfDay(grant.notAfter);
  if (spent) return html`<${Notice} title=${t("codes.all-used")} testid="codes-spent">${t("codes.all-used-text")}<//>`;
  if (deposit.state === "done") {
    return html`<${Notice} kind="good" title=${t("codes.done")} testid="codes-done">
      <p>${t("codes.done-text", { vehicle, until, at: timeOfDay(deposit.at) })}</p>
      <${Keeping} /><//>`;
  }
  const again = html`<${Button} kind="primary" testid="codes-again"
    onClick=${() => session.depositAgain(vehicle)}>${t("codes.deposit-again")}<//>`;
  if (deposit.state === "refused") {
    return html`<${Notice} kind="bad" title=${t("codes.refused")} testid="codes-refused" actions=${again}>
      <p data-testid="codes-reason" data-code=${deposit.refusal.code}>${depositRefusal(deposit.refusal)}</p><//>`;
  }
  const key = deposit.state === "sent" ? "codes.maybe-there" : "codes.not-there";
  return html`<${Notice} kind="warn" title=${t(key)} testid="codes-open" actions=${again}>
    <p>${t(`${key}-text`)}</p>
    ${mine?.problem && html`<p data-testid="codes-problem" data-name=${mine.problem}>${problemText(mine.problem)}</p>`}<//>`;
}

const depositRefusal = (refusal) =>
  refusal.name === "STATE" ? t("codes.refused-STATE") : refusalText(refusal);

function Keeping() {
  if (offlinePage.value === "unknown") return null;
  return html`<p data-testid="codes-kept" data-kept=${offlinePage.value}>
    ${t(offlinePage.value === "kept" ? "codes.page-kept" : "codes.page-not-kept")}</p>`;
}

function Removal({ vehicle }) {
  const [asked, setAsked] = useState(false);
  if (!asked) {
    return html`<div><${Button} testid="codes-remove" onClick=${() => setAsked(true)}>${t("codes.remove")}<//></div>`;
  }
  return html`<${Notice} kind="warn" title=${t("codes.remove-sure")} actions=${html`
    <${Button} kind="primary" testid="codes-remove-yes" onClick=${() => session.remove(vehicle)}>
      ${t("codes.remove-yes")}<//>
    <${Button} testid="codes-remove-no" onClick=${() => setAsked(false)}>${t("codes.remove-no")}<//>`} />`;
}

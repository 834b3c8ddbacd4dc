// The rider's screens: choose a vehicle, see it, unlock it, ride, and what remains afterwards.

import { Battery, Button, Notice, OnlineChip, ScreenTitle, Skeleton, StateChip, Steps }
  from "/static/ui/components.js";
import { LOCK, UNLOCK } from "/static/ui/documents.js";
import { html, useEffect, useState } from "/static/ui/dom.js";
import { ago, distance, duration, kmh, now, percent, timeOfDay, toDate } from "/static/ui/format.js";
import { has, number, t } from "/static/ui/i18n.js";
import { Icon } from "/static/ui/icons.js";
import { CodesCards, CodesLink } from "./codes_door.js";
import { BOUNDS_S, LOCK_STEPS, UNLOCK_STEPS, stepState } from "./flow.js";
import * as session from "./session.js";
import { chosen, chosenItem, ended, line, live, ride, storageFault, task, vehicles } from "./state.js";
import { MapPanel } from "./map_panel.js";

export function ListScreen() {
  const { items, loading, error, at } = vehicles.value;
  return html`<section aria-labelledby="title">
    <${ScreenTitle}><span id="title">${t("ride.choose")}</span><//>
    <p class="lead">${t("ride.lead")}</p>
    ${storageFault.value && html`<${Notice} kind="bad" testid="storage-fault" title=${t("problem.key")} />`}
    <${CodesCards} />
    ${error && html`<${ListError} error=${error} at=${at} />`}
    ${loading && html`<${Skeleton} label=${t("ride.loading")} />`}
    ${!loading && !error && !items.length && html`<${Notice} title=${t("ride.none")} testid="empty">
      ${t("ride.none-text")}<//>`}
    <ul class="cards" data-testid="vehicle-list">
      ${items.map((item) => html`<${VehicleCard} key=${item.id} item=${item} />`)}
    </ul>
    ${items.length > 0 && html`<${MapPanel} items=${items} />`}
  </section>`;
}

function ListError({ error, at }) {
  return html`<${Notice} kind="bad" testid="api-error" title=${problemText(error)}
    actions=${html`<${Button} testid="retry" onClick=${session.loadVehicles}>${t("action.retry")}<//>`}>
    ${at && t("ride.list-age", { age: ago(at / 1000) })}
  <//>`;
}

function VehicleCard({ item }) {
  return html`<li class="card card-link" data-testid=${`vehicle-${item.id}`} data-available=${item.available}>
    <div class="card-head">
      <a class="card-title" href=${`#/v/${item.id}`}>${item.id}</a>
      <${Icon} name="next" className="card-arrow" />
    </div>
    <div class="row">
      <${StateChip} state=${item.state} />
      ${!item.online && html`<${OnlineChip} online=${false} />`}
      <span class="push"><${Battery} permille=${item.soc_permille} /></span>
    </div>
    ${!item.available && html`<p class="hint">${t("ride.unavailable")}</p>`}
  </li>`;
}

export function VehicleScreen() {
  const item = chosenItem.value;
  const { loading, error } = vehicles.value;
  if (!item && loading) return html`<${Skeleton} label=${t("ride.loading")} />`;
  if (!item) return html`<section>
    <${BackLink} /><${ScreenTitle} focus>${chosen.value}<//>
    <${Notice} kind="bad" testid="no-vehicle" title=${error ? problemText(error) : t("ride.no-such")} />
  </section>`;
  return html`<section class="stack">
    <${BackLink} />
    <div class="title-row"><${ScreenTitle} focus>${item.id}<//><${StateChip} state=${item.state} /></div>
    <dl class="facts">
      <div><dt>${t("label.battery")}</dt><dd><${Battery} permille=${item.soc_permille} /></dd></div>
      <div><dt>${t("label.connection")}</dt><dd><${OnlineChip} online=${item.online} /></dd></div>
      <div><dt>${t("label.reported")}</dt><dd>${ago(item.updated)}</dd></div>
    </dl>
    ${!item.online && html`<${Notice} kind="warn" title=${t("ride.offline-vehicle")} testid="vehicle-offline" />`}
    ${item.available
      ? html`<div class="primary-action">
          <${Button} kind="primary" icon="unlocked" testid="unlock"
            onClick=${() => session.unlock(item.id)}>${t("action.unlock")}<//>
          <p class="hint">${t("ride.unlock-hint")}</p></div>`
      : html`<${Notice} kind="warn" title=${t("ride.unavailable")} testid="unavailable" />`}
    <${CodesLink} vehicle=${item.id} />
  </section>`;
}

const BackLink = () => html`<a class="back" href="#" data-testid="back"><${Icon} name="back" />${t("ride.back")}</a>`;

export function UnlockScreen() {
  const { vehicle, step } = task.value;
  const failed = step === "stopped" || step === "refused";
  return html`<section class="stack">
    <${ScreenTitle} focus>${t(failed ? "ride.not-unlocked" : "ride.unlocking", { vehicle })}<//>
    <${TaskSteps} steps=${UNLOCK_STEPS} />
    <${TaskEnd} again=${() => session.unlock(vehicle)} />
    ${!failed && html`<p class="hint">${t("ride.unlock-wait")}</p>`}
  </section>`;
}

function TaskSteps({ steps }) {
  const { step, last, since, tries, action } = task.value;
  const shown = action === LOCK && step !== "standstill" ? steps.slice(0, -1) : steps;
  const items = shown.map((id) => ({
    id,
    label: t(`step.${id}`),
    state: stepState(shown, step, id, last),
    hint: id === step ? stepHint(id, since, tries) : null,
  }));
  return html`<${Steps} items=${items} />`;
}

export function stepHint(id, since, tries) {
  const again = tries > 1 && id === "wake" ? `${t("ride.second-try")} ` : "";
  if (!BOUNDS_S[id]) return `${again}${t(`step-hint.${id}`)}`;
  const spent = Math.max(0, Math.floor((now.value - since) / 1000));
  const left = Math.max(0, BOUNDS_S[id] - spent);
  return `${again}${t("step.bound", { n: left })}`;
}

/** Why a task did not end well, in words, and what can be done. */
function TaskEnd({ again }) {
  const { step, refusal, problem, detail, commandId, expires, action } = task.value;
  if (step !== "refused" && step !== "stopped") return null;
  const actions = html`
    <${Button} kind="primary" testid="try-again" onClick=${again}>${t("action.try-again")}<//>
    <${Button} testid="dismiss" onClick=${session.dismissTask}>
      ${t(action === LOCK ? "action.back-to-ride" : "action.back")}<//>`;
  if (step === "refused") {
    return html`<${Notice} kind="bad" testid="refusal" actions=${actions}
      title=${t(action === UNLOCK ? "ride.refused" : "ride.lock-refused")}>
      <p data-testid="refusal-text" data-code=${refusal.code}>${refusalText(refusal)}</p><//>`;
  }
  const until = toDate(expires);
  const open = commandId && until && until > now.value;
  return html`<${Notice} kind="bad" testid="problem" title=${problemText(problem)} actions=${actions}>
    ${problem === "grant-refused" && detail && html`<p>${grantReason(detail)}</p>`}
    ${open && html`<p data-testid="still-open">${t("ride.still-open", { time: timeOfDay(expires) })}</p>`}
  <//>`;
}

export function refusalText(refusal) {
  const key = `refusal.${refusal.name}`;
  return has(key) ? t(key) : t("refusal.UNKNOWN", { code: refusal.code });
}

export function grantReason(name) {
  const key = name.startsWith("delegation-") ? "grant-reason.delegation" : `grant-reason.${name}`;
  return has(key) ? t(key) : t("problem.reason", { reason: name });
}

export function problemText(name) {
  const key = `problem.${name}`;
  return has(key) ? t(key) : t("problem.other", { name });
}

export function RideScreen() {
  const report = live.value ?? {};
  const state = report.state ?? "UNKNOWN";
  return html`<section class="stack">
    <div class="title-row"><${ScreenTitle} focus>${ride.value.vehicle}<//>
      <${StateChip} state=${state} testid="ride-state" /></div>
    ${line.value === "waiting" && html`<${Notice} kind="warn" title=${t("ride.line-broken")} testid="line-broken" />`}
    <${StateAdvice} state=${state} />
    <${Gauges} report=${report} />
    <${LockArea} state=${state} />
    <${RideFacts} report=${report} />
    <${CodesLink} vehicle=${ride.value.vehicle} />
    <${Proof} ids=${[["unlock", ride.value.unlockId]]} />
  </section>`;
}

function StateAdvice({ state }) {
  if (state === "READY") {
    return html`<${Notice} kind="good" title=${t("ride.ready")} testid="ready">${t("ride.ready-text")}<//>`;
  }
  return null;
}

function Gauges({ report }) {
  const known = report.speed_mmps !== undefined && report.speed_mmps !== null;
  return html`<div class="gauges">
    <div class="gauge"><span class="gauge-label">${t("label.speed")}</span>
      <span class="gauge-value" data-testid="speed">${known ? number(kmh(report.speed_mmps)) : "–"}</span>
      <span class="gauge-unit">km/h</span></div>
    <div class="gauge"><span class="gauge-label">${t("label.battery")}</span>
      <span class="gauge-value" data-testid="soc">${percent(report.soc_permille)}</span>
      <${BatteryBar} permille=${report.soc_permille} /></div>
  </div>`;
}

function BatteryBar({ permille }) {
  return html`<progress class="bar" max="1000" value=${permille ?? 0} aria-label=${t("label.battery")}></progress>`;
}

function LockArea({ state }) {
  const locking = task.value?.action === LOCK;
  const failed = locking && (task.value.step === "stopped" || task.value.step === "refused");
  const waits = locking && task.value.step === "standstill";
  return html`<div class="primary-action" data-testid="lock-area">
    ${waits && html`<${Notice} kind="warn" title=${t("ride.stop-to-lock")} testid="stop-to-lock">
      ${t("ride.stop-to-lock-text")}<//>`}
    ${locking && !failed && !waits && html`<${TaskSteps} steps=${LOCK_STEPS} />`}
    ${failed && html`<${TaskEnd} again=${session.lock} />`}
    ${!locking && html`<${Button} kind="primary" icon="locked" testid="lock" onClick=${session.lock}>
      ${t("action.lock")}<//>
      <p class="hint">${t(state === "DRIVE" ? "ride.lock-moving" : "ride.lock-hint")}</p>`}
  </div>`;
}

function RideFacts({ report }) {
  const { startOdometer, unlockedAt, grantEnds } = ride.value;
  const metres = startOdometer === null || report.odometer_m === undefined
    ? null : report.odometer_m - startOdometer;
  return html`<dl class="facts">
    <div><dt>${t("label.duration")}</dt><dd>${duration(now.value - unlockedAt)}</dd></div>
    <div><dt>${t("label.distance")}</dt><dd>${distance(metres)}</dd></div>
    <div><dt>${t("label.permission")}</dt><dd>${t("time.until", { time: timeOfDay(grantEnds) })}</dd></div>
    <div><dt>${t("label.reported")}</dt><dd data-testid="reported">${ago(report.time)}</dd></div>
  </dl>`;
}

export function EndedScreen() {
  const { vehicle, unlockId, lockId, how, duration: ms, metres, soc } = ended.value;
  return html`<section class="stack" data-testid="ended" data-how=${how}>
    <div class="seal"><${Icon} name="locked" /></div>
    <${ScreenTitle} focus>${t("ride.ended", { vehicle })}<//>
    <p class="lead">${t(how === "lock" ? "ride.locked-text" : "ride.locked-itself")}</p>
    <dl class="facts">
      <div><dt>${t("label.duration")}</dt><dd>${duration(ms)}</dd></div>
      <div><dt>${t("label.distance")}</dt><dd>${distance(metres)}</dd></div>
      <div><dt>${t("label.battery")}</dt><dd>${percent(soc)}</dd></div>
    </dl>
    <${Proof} ids=${[["unlock", unlockId], ["lock", lockId]]} open />
    <div><${Button} kind="primary" testid="another" onClick=${session.startOver}>${t("action.another")}<//></div>
  </section>`;
}

export function Proof({ ids, open = false, title = t("receipt.title") }) {
  const [shown, setShown] = useState(open);
  const [view, setView] = useState(null);
  useEffect(() => {
    // Checking a receipt takes a third of this page's code: fetched by who wants to check one.
    if (shown) import("/static/ui/receipt_view.js").then(setView);
  }, [shown]);
  return html`<details class="panel" open=${open} data-testid="proof"
    onToggle=${(event) => setShown(event.currentTarget.open)}>
    <summary><${Icon} name="shield" />${title}</summary>
    ${shown && view && html`<p class="hint">${t("receipt.lead")}</p>
      ${ids.filter(([, id]) => id).map(([name, id]) => html`<div class="receipt-block" key=${name}
        data-testid=${`receipt-${name}`}>
        <h2>${t(`receipt.of-${name}`)}</h2>
        <${view.ReceiptCheck} path=${`/v1/commands/${id}/receipt`} name=${`trifleet-${name}-${id}.txt`} />
      </div>`)}`}
  </details>`;
}

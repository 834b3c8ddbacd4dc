// Releases: the roll-outs, and for every vehicle what it has, what it shall have and why it waits.
// Done is what the vehicle recorded; what its gateway says is on the way.

import { Notice, ScreenTitle, Skeleton } from "/static/ui/components.js";
import { html } from "/static/ui/dom.js";
import { number, t } from "/static/ui/i18n.js";
import { Icon } from "/static/ui/icons.js";
import { problemText } from "/static/ui/problems.js";
import { updates } from "./state.js";

const BAD = new Set(["rolled_back", "refused", "failed"]);
const MOVING = new Set(["fetching", "installing"]);

export function Updates() {
  const { rollouts, vehicles, loading, error } = updates.value;
  return html`<section class="stack">
    <${ScreenTitle} focus>${t("updates.title")}<//>
    <p class="lead">${t("updates.lead")}</p>
    ${error && html`<${Notice} kind="bad" testid="updates-error" title=${problemText(error)} />`}
    ${loading && html`<${Skeleton} label=${t("fleet.loading")} />`}
    ${!loading && !error && !rollouts.length && html`<${Notice} title=${t("updates.none")} testid="empty" />`}
    ${rollouts.length > 0 && html`<h2>${t("updates.rollouts")}</h2>
      <ul class="rows" data-testid="rollouts">
        ${rollouts.map((item) => html`<${Rollout} key=${item.id} item=${item} />`)}
      </ul>`}
    ${vehicles.length > 0 && html`<h2>${t("fleet.vehicles")}</h2>
      <ul class="rows" data-testid="update-list">
        ${vehicles.map((item) => html`<${Vehicle} key=${item.vehicle} item=${item} />`)}
      </ul>`}
  </section>`;
}

function Rollout({ item }) {
  const wave = item.wave
    ? t("updates.wave", { wave: number(item.wave), waves: number(item.waves) })
    : t("updates.wave-none");
  return html`<li class=${`card ${item.state === "stopped" ? "event-refusal" : ""}`}
    data-testid=${`rollout-${item.id}`} data-state=${item.state}>
    <div class="card-head"><h3 class="card-title">${item.version}</h3>
      <span class="hint">${t("updates.number", { number: item.number })}</span></div>
    <p>${item.state === "stopped" && html`<${Icon} name="cross" />`}
      ${t(`updates.state.${item.state}`)} · ${wave}</p>
    ${item.reason && html`<p class="hint">${item.reason}</p>`}
    <p class="hint">${item.id} · ${item.board} · ${item.target}</p>
  </li>`;
}

function Vehicle({ item }) {
  const bad = BAD.has(item.shown);
  return html`<li class=${`card ${bad ? "event-refusal" : ""}`} data-testid=${`update-${item.vehicle}`}
    data-shown=${item.shown ?? "none"}>
    <div class="card-head"><a class="card-title" href=${`#/vehicle/${item.vehicle}`}>${item.vehicle}</a></div>
    <p>${bad && html`<${Icon} name="cross" />`}${stage(item)}</p>
    ${item.reason && html`<p class="hint" data-testid=${`why-${item.vehicle}`}>${why(item.reason)}</p>`}
    <dl class="row-facts">
      <div><dt>${t("updates.has")}</dt><dd>${item.number === null ? t("updates.unknown") : number(item.number)}</dd></div>
      <div><dt>${t("updates.wanted")}</dt><dd>${wanted(item)}</dd></div>
    </dl>
  </li>`;
}

function stage(item) {
  if (!item.shown) return t("updates.shown.none");
  const words = t(`updates.shown.${item.shown}`);
  if (!MOVING.has(item.shown) || item.permille === null) return words;
  return `${words} ${number(Math.floor(item.permille / 10))}\u00a0%`;
}

function wanted(item) {
  if (item.wanted_version === null) return "–";
  return `${item.wanted_version} (${number(item.wanted_number)})`;
}

/** A code that this page does not know is shown as it is. */
function why(name) {
  const key = `updates.why.${name}`;
  const words = t(key);
  return words === key ? name : words;
}

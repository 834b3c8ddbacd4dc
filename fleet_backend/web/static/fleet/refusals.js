// Everything that was refused: by a vehicle, or by the server before it was believed.

import { Button, Notice, ScreenTitle, Skeleton } from "/static/ui/components.js";
import { html } from "/static/ui/dom.js";
import { moment } from "/static/ui/format.js";
import { has, t } from "/static/ui/i18n.js";
import { Icon } from "/static/ui/icons.js";
import { REFUSALS, named } from "/static/ui/records.js";
import { Gaps } from "./gaps.js";
import * as live from "./live.js";
import { refusals } from "./state.js";
import { problemText } from "/static/ui/problems.js";

export function Refusals() {
  const { items, next, loading, error } = refusals.value;
  return html`<section class="stack">
    <${ScreenTitle}>${t("fleet.refusals")}<//>
    <p class="lead">${t("refusals.lead")}</p>
    <${Gaps} />
    ${error && html`<${Notice} kind="bad" testid="api-error" title=${problemText(error)}
      actions=${html`<${Button} testid="retry" onClick=${() => live.loadRefusals()}>${t("action.retry")}<//>`} />`}
    ${loading && html`<${Skeleton} label=${t("fleet.loading")} />`}
    ${!loading && !error && !items.length && html`<${Notice} kind="good" title=${t("refusals.none")} testid="empty" />`}
    <ol class="events" data-testid="refusals">
      ${items.map((item) => html`<${Refusal} key=${live.refusalKey(item)} item=${item} />`)}
    </ol>
    ${next && html`<div><${Button} testid="older" onClick=${() => live.loadRefusals(true)}>${t("action.older")}<//></div>`}
  </section>`;
}

const fromServer = (item) => item.source !== "vehicle";

function Refusal({ item }) {
  const server = fromServer(item);
  return html`<li class="event event-refusal" data-testid="refusal" data-code=${item.code ?? ""}
    data-name=${item.name ?? item.reason ?? ""} data-source=${server ? "quarantine" : "vehicle"}>
    <div class="event-text">
      <p class="row"><span class="chip chip-plain"><${Icon} name=${server ? "shield" : "locked"} />
        ${whose(item)}</span>
        ${codeText(item) && html`<code>${codeText(item)}</code>`}</p>
      <p>${reasonText(item, server)}</p>
      <p class="hint">${[moment(item.server_time ?? item.time), where(item)].filter(Boolean).join(" · ")}</p>
    </div>
  </li>`;
}

function whose(item) {
  if (item.source === "gateway") return t("refusals.by-gateway", { gateway: item.gateway });
  if (fromServer(item)) return t("refusals.by-server");
  return t("refusals.by-vehicle", { vehicle: item.vehicle ?? item.where ?? "?" });
}

function codeText(item) {
  const name = item.name ?? named(REFUSALS, item.code ?? 0) ?? item.reason ?? "";
  return item.code === undefined || item.code === null ? name : `${item.code} ${name}`;
}

function reasonText(item, server) {
  const name = item.name ?? named(REFUSALS, item.code ?? 0) ?? item.reason;
  if (item.source === "gateway") return t("quarantine.by-gateway", { text: item.text });
  if (server) {
    return has(`quarantine.${name}`) ? t(`quarantine.${name}`) : t("quarantine.other", { name });
  }
  return has(`refusal.${name}`) ? t(`refusal.${name}`) : t("refusal.UNKNOWN", { code: item.code });
}

const where = (item) => [item.source === "gateway" ? null : item.gateway, item.where ?? item.detail].filter(Boolean).join(", ");

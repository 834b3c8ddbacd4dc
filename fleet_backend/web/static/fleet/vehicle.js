// One vehicle: where it stands, its last quarter of an hour as charts, and everything it recorded.

import { Battery, Button, Notice, OnlineChip, RestChip, ScreenTitle, Skeleton, StateChip }
  from "/static/ui/components.js";
import { html, useEffect, useRef } from "/static/ui/dom.js";
import { ago, distance, moment, speed, volts } from "/static/ui/format.js";
import { language, number, t } from "/static/ui/i18n.js";
import { Icon } from "/static/ui/icons.js";
import { problemText } from "/static/ui/problems.js";
import { ReceiptCheck } from "/static/ui/receipt_view.js";
import { KINDS, describe, named } from "/static/ui/records.js";
import { recordText } from "/static/ui/sentences.js";
import * as live from "./live.js";
import { events, loading, series, token, vehicles } from "./state.js";
import { WorkOrders } from "./workorders.js";

export function VehiclePage({ id }) {
  const item = vehicles.value.get(id);
  return html`<section class="stack">
    <a class="back" href="#/" data-testid="back"><${Icon} name="back" />${t("fleet.back")}</a>
    <div class="title-row"><${ScreenTitle} focus>${id}<//>
      ${item && html`<${StateChip} state=${item.state} testid="vehicle-state" />`}</div>
    ${!item && !loading.value && html`<${Notice} kind="bad" testid="no-vehicle" title=${t("fleet.no-such")} />`}
    ${item && html`<${Facts} item=${item} />`}
    <div class="charts">
      <${Chart} name="speed" unit="km/h" range=${[0, 30]} scale=${0.0036} column="speed_mmps" />
      <${Chart} name="battery" unit="%" range=${[0, 100]} scale=${0.1} column="soc_permille" />
    </div>
    <${WorkOrders} key=${`work-${id}`} id=${id} />
    <${Events} id=${id} />
  </section>`;
}

function Facts({ item }) {
  return html`<dl class="facts">
    <div><dt>${t("label.speed")}</dt><dd data-testid="speed">${speed(item.speed_mmps)}</dd></div>
    <div><dt>${t("label.battery")}</dt><dd><${Battery} permille=${item.soc_permille} /></dd></div>
    <div><dt>${t("label.pack")}</dt><dd>${volts(item.pack_mv)}</dd></div>
    <div><dt>${t("label.odometer")}</dt><dd>${distance(item.odometer_m)}</dd></div>
    <div><dt>${t("label.gateway")}</dt><dd>${item.gateway ?? "–"} <${OnlineChip} online=${item.online} /></dd></div>
    <div><dt>${t("label.seen")}</dt><dd>${ago(item.updated)} <${RestChip} rest=${item.rest} /></dd></div>
  </dl>`;
}

function Chart({ name, unit, range, scale, column }) {
  const element = useRef(null);
  const chart = useRef(null);
  const { time } = series.value;
  const values = series.value[column].map((value) => (value === null ? null : value * scale));
  const latest = useRef(null); // the drawing code may come after the data
  latest.current = [time, values];
  useEffect(() => {
    let closed = false;
    import("/static/ui/chart.js").then(({ openChart }) => {
      if (closed || !element.current) return; // the page was left meanwhile
      chart.current = openChart(element.current, { unit, range });
      chart.current.update(...latest.current);
    });
    return () => {
      closed = true;
      chart.current?.close();
      chart.current = null;
    };
  }, [language.value]);
  useEffect(() => chart.current?.update(time, values), [series.value]);
  const known = values.filter((value) => value !== null);
  return html`<figure class="panel chart" data-testid=${`chart-${name}`} data-points=${known.length}>
    <figcaption><h2>${t(`label.${name}`)}</h2><p class="hint">${reading(known, unit)}</p></figcaption>
    <div class="plot" ref=${element} aria-hidden="true"></div>
  </figure>`;
}

function reading(known, unit) {
  if (!known.length) return t("chart.none");
  const say = (value) => `${number(Math.round(value))}\u00a0${unit}`;
  return t("chart.reading", {
    now: say(known.at(-1)), low: say(Math.min(...known)), high: say(Math.max(...known)),
  });
}

function Events({ id }) {
  const { items, next, loading: busy, error } = events.value;
  const shown = items.filter((item) => kindOf(item) !== "TELEMETRY");
  return html`<section class="stack" aria-labelledby="events-title">
    <h2 id="events-title">${t("fleet.events")}</h2>
    <p class="hint">${t("fleet.events-lead")}</p>
    ${error && html`<${Notice} kind="bad" title=${problemText(error)} testid="events-error" />`}
    ${busy && html`<${Skeleton} label=${t("fleet.loading")} />`}
    ${!busy && !error && !shown.length && html`<${Notice} title=${t("fleet.no-events")} testid="empty" />`}
    <ol class="events" data-testid="events">
      ${shown.map((item) => html`<${Event} key=${`${item.boot}-${item.seq}`} item=${item} />`)}
    </ol>
    ${next && html`<div><${Button} testid="older" onClick=${() => live.loadEvents(id, true)}>${t("action.older")}<//></div>`}
  </section>`;
}

const kindOf = (item) => item.kind_name ?? named(KINDS, item.kind);

function Event({ item }) {
  const kind = kindOf(item);
  const [key, values] = describe(kind, item.body);
  const refused = kind === "REFUSAL";
  return html`<li class=${`event ${refused ? "event-refusal" : ""}`} data-testid=${`event-${item.boot}-${item.seq}`}
    data-kind=${kind}>
    <div class="event-text">
      <p>${refused && html`<${Icon} name="cross" />`}${recordText(key, values)}</p>
      <p class="hint">${moment(item.time || item.server_time)} ·${" "}
        ${t("fleet.record", { boot: item.boot, seq: item.seq })}</p>
    </div>
    ${!live.isLogged(item)
      ? html`<p class="hint">${t("receipt.not-yet")}</p>`
      : html`<${ReceiptCheck} path=${`/v1/fleet/receipts/${item.leaf_index}`} token=${token.value}
          name=${`trifleet-receipt-${item.leaf_index}.txt`} />`}
  </li>`;
}

// The operator's frame, sign-in and overview: the map, and the list that says the same.

import { Battery, Button, Header, Notice, OnlineChip, RestChip, ScreenTitle, Skeleton, StateChip }
  from "/static/ui/components.js";
import { html, useEffect, useRef, useState } from "/static/ui/dom.js";
import { ago, speed } from "/static/ui/format.js";
import { count, number, t } from "/static/ui/i18n.js";
import { Icon } from "/static/ui/icons.js";
import { problemText } from "/static/ui/problems.js";
import * as live from "./live.js";
import { error, line, list, loading, route, token, tokenFault, unseen } from "./state.js";

export function FleetHeader() {
  const tab = (page, href, children) => html`<a href=${href} data-testid=${`tab-${page}`}
    aria-current=${route.value.page === page ? "page" : undefined}>${children}</a>`;
  return html`<${Header} here="fleet">
      ${token.value && html`<${Line} />
        <button type="button" class="icon-button" data-testid="sign-out" aria-label=${t("fleet.sign-out")}
          title=${t("fleet.sign-out")} onClick=${() => live.signOut()}><${Icon} name="out" /></button>`}
    <//>
    ${token.value && html`<nav class="tabs" aria-label=${t("fleet.sections")}>
      ${tab("overview", "#/", t("fleet.vehicles"))}
      ${tab("refusals", "#/refusals", html`${t("fleet.refusals")}
        ${unseen.value > 0 && html`<span class="badge" data-testid="unseen">
          ${number(unseen.value)}<span class="visually-hidden"> ${t("fleet.new")}</span></span>`}`)}
      ${tab("updates", "#/updates", t("updates.title"))}
    </nav>`}`;
}

function Line() {
  const icon = line.value === "open" ? "online" : "offline";
  return html`<span class=${`line line-${line.value}`} role="status" data-testid="line" data-state=${line.value}>
    <${Icon} name=${icon} /><span class="line-text">${t(`line.${line.value}`)}</span></span>`;
}

export function TokenForm() {
  const input = useRef(null);
  const submit = (event) => {
    event.preventDefault();
    const value = input.current.value.trim();
    if (value) live.signIn(value);
  };
  return html`<section class="stack">
    <${ScreenTitle}>${t("fleet.sign-in")}<//>
    <p class="lead">${t("fleet.sign-in-lead")}</p>
    ${tokenFault.value && html`<${Notice} kind="bad" testid="token-fault" title=${problemText(tokenFault.value)} />`}
    <form onSubmit=${submit} class="form">
      <label for="token">${t("fleet.token")}</label>
      <input id="token" ref=${input} type="password" autocomplete="off" spellcheck="false"
        required aria-describedby="token-hint" data-testid="token" />
      <p id="token-hint" class="hint">${t("fleet.token-hint")}</p>
      <button type="submit" class="button button-primary" data-testid="sign-in"><span>${t("fleet.enter")}</span></button>
    </form>
  </section>`;
}

export function Overview() {
  const items = list.value;
  return html`<section class="overview">
    <div class="overview-head">
      <${ScreenTitle}>${t("fleet.title")}<//>
      <${Totals} items=${items} />
    </div>
    ${error.value && html`<${Notice} kind="bad" testid="api-error" title=${problemText(error.value)}
      actions=${html`<${Button} testid="retry" onClick=${live.start}>${t("action.retry")}<//>`} />`}
    <div class="split">
      <${FleetMap} items=${items} />
      <div class="split-list">
        ${loading.value && html`<${Skeleton} label=${t("fleet.loading")} />`}
        ${!loading.value && !error.value && !items.length && html`<${Notice} title=${t("fleet.none")} testid="empty">
          ${t("fleet.none-text")}<//>`}
        <ul class="rows" data-testid="vehicle-list" aria-label=${t("fleet.vehicles")}>
          ${items.map((item) => html`<${VehicleRow} key=${item.id} item=${item} />`)}
        </ul>
      </div>
    </div>
  </section>`;
}

function Totals({ items }) {
  if (!items.length) return null;
  const of = (test) => items.filter(test).length;
  const parts = [
    count("fleet.total", items.length),
    count("fleet.total-open", of((item) => item.state !== "LOCKED" && item.state !== "UNKNOWN")),
  ];
  const offline = of((item) => !item.online);
  if (offline) parts.push(count("fleet.total-offline", offline));
  return html`<p class="totals" data-testid="totals">${parts.join(" · ")}</p>`;
}

function VehicleRow({ item }) {
  return html`<li class="card card-link" data-testid=${`vehicle-${item.id}`} data-state=${item.state}>
    <div class="card-head"><a class="card-title" href=${`#/vehicle/${item.id}`}>${item.id}</a>
      <${StateChip} state=${item.state} /></div>
    <dl class="row-facts">
      <div><dt>${t("label.speed")}</dt><dd data-testid=${`speed-${item.id}`}>${speed(item.speed_mmps)}</dd></div>
      <div><dt>${t("label.battery")}</dt><dd><${Battery} permille=${item.soc_permille} /></dd></div>
      <div><dt>${t("label.seen")}</dt><dd>${ago(item.updated)}</dd></div>
    </dl>
    <div class="row"><${OnlineChip} online=${item.online} /><${RestChip} rest=${item.rest} />
      ${item.gateway && html`<span class="hint">${t("label.gateway")} ${item.gateway}</span>`}</div>
  </li>`;
}

function FleetMap({ items }) {
  const element = useRef(null);
  const map = useRef(null);
  const shown = useRef(items);
  const [failed, setFailed] = useState(false);
  shown.current = items;
  useEffect(() => {
    let closed = false;
    import("/static/ui/map.js")
      .then(({ openMap }) => openMap(element.current, {
        onPress: (id) => {
          location.hash = `#/vehicle/${id}`;
        },
      }))
      .then((opened) => {
        if (closed) return opened.close();
        map.current = opened;
        return opened.show(shown.current);
      })
      .catch(() => setFailed(true));
    return () => {
      closed = true;
      map.current?.close();
    };
  }, []);
  useEffect(() => map.current?.show(items), [items]);
  if (failed) return html`<div class="map-failed"><${Notice} kind="warn" title=${t("map.failed")} /></div>`;
  return html`<div class="map-hold"><div class="map map-large" ref=${element} role="region"
    aria-label=${t("map.label")} data-testid="map"></div></div>`;
}

// What every page shares: header, state chips, notices, battery, steps. State is told by words and
// shape; colour only repeats it.

import { signal } from "@preact/signals";

import { html, useEffect, useRef } from "./dom.js";
import { percent } from "./format.js";
import { LANGUAGES, has, language, setLanguage, t } from "./i18n.js";
import { Icon, Mark } from "./icons.js";

/** What a screen reader should hear now; short, and only for what the person waits for. */
export const announcement = signal("");

export function LiveRegion() {
  return html`<div class="visually-hidden" role="status" aria-live="polite" data-testid="announcement">
    ${announcement.value}
  </div>`;
}

export function Header({ here, children }) {
  const link = (page, path) => html`<a
    href=${path} aria-current=${here === page ? "page" : undefined}>${t(`nav.${page}`)}</a>`;
  return html`<header class="top">
    <a class="skip" href="#main">${t("nav.skip")}</a>
    <div class="top-row">
      <a class="brand" href="/" aria-label=${t("nav.home")}><${Mark} /><span>Trifleet</span></a>
      <nav aria-label=${t("nav.pages")}>${link("ride", "/ride")}${link("fleet", "/fleet")}${link("ledger", "/ledger")}</nav>
      <div class="top-tools">${children}<${LanguageChoice} /></div>
    </div>
  </header>`;
}

function LanguageChoice() {
  return html`<div class="languages" role="group" aria-label=${t("nav.language")}>
    ${Object.keys(LANGUAGES).map((tag) => html`<button
      type="button" key=${tag} lang=${tag} class="language" data-testid=${`language-${tag}`}
      aria-pressed=${language.value === tag} aria-label=${LANGUAGES[tag]["language.name"]}
      onClick=${() => setLanguage(tag)}>${tag.toUpperCase()}</button>`)}
  </div>`;
}

const STATE_ICONS = {
  LOCKED: "locked", READY: "unlocked", DRIVE: "drive", LOCK_PENDING: "pending", UNKNOWN: "unknown",
};

export function StateChip({ state, testid = "state" }) {
  const known = state in STATE_ICONS ? state : "UNKNOWN";
  return html`<span class=${`chip chip-${known.toLowerCase()}`} data-testid=${testid} data-state=${known}>
    <${Icon} name=${STATE_ICONS[known]} />${t(`state.${known}`)}
  </span>`;
}

export function OnlineChip({ online }) {
  return html`<span class=${`chip ${online ? "chip-plain" : "chip-warn"}`} data-testid="online"
    data-online=${Boolean(online)}>
    <${Icon} name=${online ? "online" : "offline"} />${t(online ? "online.yes" : "online.no")}
  </span>`;
}

/** Drowsy (1) or asleep (2; 3 and 4 to spare the 12 V battery): why a vehicle reports seldom. */
export function RestChip({ rest }) {
  if (!has(`rest.${rest}`)) return null;
  return html`<span class=${`chip ${rest > 2 ? "chip-warn" : "chip-plain"}`} data-testid="rest" data-rest=${rest}>
    <${Icon} name="rest" />${t(`rest.${rest}`)}</span>`;
}

export function Battery({ permille }) {
  const known = permille !== null && permille !== undefined;
  const width = known ? Math.round((Math.min(1000, Math.max(0, permille)) / 1000) * 24) : 0;
  return html`<span class="battery">
    <svg viewBox="0 0 34 16" aria-hidden="true" focusable="false" class=${known && permille < 200 ? "low" : ""}>
      <rect class="battery-case" x="1" y="1" width="28" height="14" rx="4" />
      <rect class="battery-fill" x="3" y="3" width=${width} height="10" rx="2.5" />
      <path class="battery-pole" d="M31.5 5.5v5" />
    </svg>
    <span class="visually-hidden">${t("label.battery")} </span>${percent(permille)}
  </span>`;
}

/** kind: info, good, warn, bad. A `bad` one is announced at once. */
export function Notice({ kind = "info", title, children, testid, actions }) {
  const icon = { info: "open", good: "check", warn: "alert", bad: "cross" }[kind];
  return html`<div class=${`notice notice-${kind}`} role=${kind === "bad" ? "alert" : undefined}
    data-testid=${testid}>
    <${Icon} name=${icon} />
    <div class="notice-text">
      ${title && html`<p class="notice-title">${title}</p>`}
      ${children && html`<div>${children}</div>`}
      ${actions && html`<div class="row">${actions}</div>`}
    </div>
  </div>`;
}

export function Button({ kind = "plain", icon, children, testid, busy, ...rest }) {
  return html`<button type="button" class=${`button button-${kind}`} data-testid=${testid}
    aria-busy=${busy ? "true" : undefined} ...${rest}>
    ${icon && html`<${Icon} name=${icon} />`}<span>${children}</span>
  </button>`;
}

export function Skeleton({ rows = 3, label }) {
  return html`<div class="skeleton" role="status" data-testid="loading">
    <span class="visually-hidden">${label}</span>
    ${Array.from({ length: rows }, (_, i) => html`<div class="skeleton-row" key=${i}></div>`)}
  </div>`;
}

/** A heading that takes the focus when its screen appears, so that readers start there. */
export function ScreenTitle({ children, focus = false }) {
  const element = useRef(null);
  useEffect(() => {
    if (focus) element.current?.focus({ preventScroll: true });
  }, []);
  return html`<h1 ref=${element} tabindex="-1">${children}</h1>`;
}

/** items: [{id, label, state: "done" | "now" | "next" | "failed", hint}] */
export function Steps({ items, testid = "steps" }) {
  const icons = { done: "check", now: "pending", next: "open", failed: "cross" };
  return html`<ol class="steps" data-testid=${testid}>
    ${items.map((item) => html`<li key=${item.id} class=${`step step-${item.state}`}
      data-testid=${`step-${item.id}`} data-state=${item.state}
      aria-current=${item.state === "now" ? "step" : undefined}>
      <span class="step-shape"><${Icon} name=${icons[item.state]} /></span>
      <span class="step-label">${item.label}<span class="visually-hidden"> – ${t(`step-state.${item.state}`)}</span>
        ${item.hint && html`<span class="step-hint">${item.hint}</span>`}</span>
    </li>`)}
  </ol>`;
}

// The codes themselves, and how they are typed. What the panel shows is quoted as it shows it.

import { Button, announcement } from "/static/ui/components.js";
import { html, useState } from "/static/ui/dom.js";
import { timeOfDay } from "/static/ui/format.js";
import { number, t } from "/static/ui/i18n.js";
import { Icon } from "/static/ui/icons.js";
import { DIGITS, grouped } from "/static/ui/one_time.js";
import * as session from "./codes_session.js";

export function CodeList({ entry }) {
  const { vehicle, codes, grant } = entry;
  const [told, setTold] = useState("");
  const next = codes.findIndex((code) => !code.used);
  const left = codes.filter((code) => !code.used).length;
  return html`<h2>${t("codes.list")}</h2>
    <dl class="facts">
      <div><dt>${t("codes.until")}</dt><dd data-testid="codes-until">${timeOfDay(grant.notAfter)}</dd></div>
      <div><dt>${t("codes.left")}</dt><dd data-testid="codes-left">${number(left)} / ${number(codes.length)}</dd></div>
    </dl>
    <ol class="cards">${codes.map((code, i) => html`<${Code} key=${i} code=${code} n=${i + 1}
      isNext=${i === next} vehicle=${vehicle} tell=${setTold} />`)}</ol>
    ${told && html`<p class="hint" data-testid="codes-told">${told}</p>`}
    <p class="hint">${t("codes.mark-hint")}</p>`;
}

function Code({ code, n, isNext, vehicle, tell }) {
  const { digits, used } = code;
  const state = used ? "used" : isNext ? "next" : "unused";
  const of = (key) => t("codes.of", { action: t(key), n: number(n) });
  const copy = async () => {
    const words = t(await copied(digits) ? "codes.copied" : "codes.copy-failed");
    announcement.value = words;
    tell(words);
  };
  const marking = used ? "codes.mark-unused" : "codes.mark-used";
  return html`<li class=${`card code code-${state}`} data-testid=${`code-${n}`} data-state=${state}>
    <div class="card-head"><h3>${t("codes.name", { n: number(n) })}</h3>
      <span class=${`chip ${isNext ? "chip-ready" : "chip-plain"}`}>
        <${Icon} name=${{ used: "check", next: "next", unused: "open" }[state]} />${t(`codes.${state}`)}</span></div>
    <p class="digits"><span aria-hidden="true" data-testid="digits">${grouped(digits)}</span>
      <span class="visually-hidden">${spoken(digits)}</span></p>
    <div class="row">
      ${!used && html`<${Button} testid="copy" aria-label=${of("codes.copy")} onClick=${copy}>${t("codes.copy")}<//>`}
      <${Button} testid="mark" aria-label=${of(marking)}
        onClick=${() => session.mark(vehicle, digits, !used)}>${t(marking)}<//>
    </div>
  </li>`;
}

/** Digit by digit, with a rest after four: else a screen reader says thousands. */
const spoken = (digits) => grouped(digits).split(" ").map((group) => [...group].join(" ")).join(", ");

async function copied(digits) {
  try {
    await navigator.clipboard.writeText(digits);
    return true;
  } catch {
    return false;
  }
}

export function Handling() {
  return html`<h2>${t("codes.how")}</h2>
    <ol class="handling" data-testid="handling">
      <li><p>${t("codes.how-type")}</p><${Display} screen="CODE_TYPING" n=${DIGITS} /></li>
      <li><p>${t("codes.how-enter")}</p><${Display} screen="CODE_CHECKING" /></li>
      <li><p>${t("codes.how-start")}</p><${Display} screen="START" /></li>
      <li><p>${t("codes.how-end")}</p></li>
    </ol>
    <p class="hint">${t("codes.how-clear")}</p>
    <p class="hint">${t("codes.how-light")}</p>`;
}

const REFUSALS = { code: "CODE_WRONG", wait: "CODE_WAIT", short: "CODE_SHORT", ended: "REFUSED_ENDED" };

export function Refusals() {
  return html`<details class="panel" data-testid="refusals">
    <summary><${Icon} name="alert" />${t("codes.wrong")}</summary>
    <ul class="handling">${Object.entries(REFUSALS).map(([name, screen]) => html`<li key=${name}>
      <${Display} screen=${screen} n=${1} /><p>${t(`codes.wrong-${name}`)}</p></li>`)}</ul>
    <p class="hint">${t("codes.wrong-seen")}</p>
  </details>`;
}

/** The two lines of the vehicle's display. */
function Display({ screen, n = 0 }) {
  const text = t(`codes.panel-${screen}`, { n: number(n) });
  return html`<p class="display"><span class="visually-hidden">${t("codes.shows", { text: text.replace("\n", ", ") })}</span>
    <span aria-hidden="true">${text}</span></p>`;
}

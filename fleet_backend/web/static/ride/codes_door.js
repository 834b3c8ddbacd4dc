// Ways to the codes' screen. The screen itself is fetched by who wants codes, or has some.

import { Button, Notice, Skeleton } from "/static/ui/components.js";
import { html, useEffect, useState } from "/static/ui/dom.js";
import { timeOfDay } from "/static/ui/format.js";
import { t } from "/static/ui/i18n.js";
import { Icon } from "/static/ui/icons.js";
import { codebook, entryOf } from "./codebook.js";
import { codesOf } from "./state.js";

export const openCodesView = () => import("./codes_view.js");

const address = (vehicle) => `#/v/${vehicle}/codes`;

export function CodesScreen() {
  const [view, setView] = useState(null);
  const [failed, setFailed] = useState(false);
  const open = () => {
    setFailed(false);
    openCodesView().then(setView, () => setFailed(true));
  };
  useEffect(open, []);
  if (view) return html`<${view.CodesView} key=${codesOf.value} vehicle=${codesOf.value} />`;
  if (!failed) return html`<${Skeleton} label=${t("ride.loading")} />`;
  return html`<${Notice} kind="bad" title=${t("problem.offline")}
    actions=${html`<${Button} onClick=${open}>${t("action.retry")}<//>`} />`;
}

/** On a vehicle's own screens. */
export function CodesLink({ vehicle }) {
  return html`<div class="primary-action">
    <a class="button" href=${address(vehicle)} data-testid="codes-link"><${Icon} name="key" />
      <span>${entryOf(vehicle) ? t("codes.title", { vehicle }) : t("codes.link")}</span></a>
    <p class="hint">${t("codes.link-hint")}</p>
  </div>`;
}

/** Above the list of vehicles, which is empty without a network. */
export function CodesCards() {
  return html`<ul class="cards">${codebook.value.map(({ vehicle, grant }) => html`<li key=${vehicle}
    class="card card-link" data-testid=${`codes-card-${vehicle}`}>
    <div class="card-head">
      <a class="card-title" href=${address(vehicle)}>${t("codes.title", { vehicle })}</a>
      <${Icon} name="next" className="card-arrow" />
    </div>
    <p class="hint">${t("time.until", { time: timeOfDay(grant.notAfter) })}</p>
  </li>`)}</ul>`;
}

// Statements that a gateway made and that did not come. Nothing is shown where none is missing.

import { html } from "/static/ui/dom.js";
import { moment } from "/static/ui/format.js";
import { t } from "/static/ui/i18n.js";
import { gaps } from "./state.js";

export function Gaps() {
  const { items, more } = gaps.value;
  if (!items.length) return null;
  return html`<section class="stack" data-testid="gaps">
    <h2>${t("gaps.title")}</h2>
    <p class="hint">${t("gaps.lead")}</p>
    <ul class="events">
      ${items.map((item) => html`<li key=${item.id} class="event event-refusal" data-testid="gap">
        <p>${text(item)}</p><p class="hint">${t("gaps.since", { time: moment(item.since) })}</p></li>`)}
    </ul>
    ${more && html`<p class="hint">${t("gaps.more")}</p>`}
  </section>`;
}

const text = ({ gateway, first, last }) =>
  first === last ? t("gaps.one", { gateway, first }) : t("gaps.range", { gateway, first, last });

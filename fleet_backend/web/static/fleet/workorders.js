// What workshops did to a vehicle. Asked for when somebody opens the list, not with every page: it
// names who did it.

import { get } from "/static/ui/api.js";
import { Button, Notice, Skeleton } from "/static/ui/components.js";
import { html, useState } from "/static/ui/dom.js";
import { moment } from "/static/ui/format.js";
import { t } from "/static/ui/i18n.js";
import { Icon } from "/static/ui/icons.js";
import { problemText } from "/static/ui/problems.js";
import { ReceiptCheck } from "/static/ui/receipt_view.js";
import * as live from "./live.js";
import { token } from "./state.js";

const NOTHING = { items: [], next: null, busy: false, error: null };

export function WorkOrders({ id }) {
  const [list, setList] = useState(null);
  const load = async (before) => {
    const { items, next } = before;
    setList({ ...before, busy: true, error: null });
    const older = next ? `?cursor=${encodeURIComponent(next)}` : "";
    try {
      const path = `/v1/vehicles/${encodeURIComponent(id)}/work-orders${older}`;
      const answer = await get(path, { token: token.value });
      setList({ ...NOTHING, items: [...items, ...answer.items], next: answer.next });
    } catch (error) {
      setList({ ...before, busy: false, error: error.name });
    }
  };
  const toggle = (event) => event.target.open && !list && load(NOTHING);
  return html`<details class="stack" data-testid="work-orders" onToggle=${toggle}>
    <summary>${t("work.title")}</summary>
    <p class="hint">${t("work.lead")}</p>
    ${list && html`<${List} list=${list} onMore=${() => load(list)} />`}
  </details>`;
}

function List({ list, onMore }) {
  const { items, next, busy, error } = list;
  return html`
    ${error && html`<${Notice} kind="bad" title=${problemText(error)} testid="work-error" />`}
    ${busy && html`<${Skeleton} label=${t("fleet.loading")} />`}
    ${!busy && !error && !items.length && html`<${Notice} title=${t("work.none")} testid="work-none" />`}
    <ol class="events">${items.map((item) => html`<${Order} key=${item.id} item=${item} />`)}</ol>
    ${next && !busy && html`<div><${Button} testid="work-older" onClick=${onMore}>${t("action.older")}<//></div>`}`;
}

function Order({ item }) {
  const done = item.outcome === 0;
  return html`<li class=${`event ${done ? "" : "event-refusal"}`} data-testid=${`work-${item.notary}-${item.seq}`}>
    <div class="event-text">
      <p>${!done && html`<${Icon} name="cross" />`}
        ${t(done ? "work.done" : "work.not-done", { code: item.outcome })} ${who(item)}</p>
      <p class="hint">${moment(item.ended || item.server_time)} · ${t("work.board", { board: item.board })}
        ${item.release && ` · ${t("work.release", { release: item.release.slice(0, 16) })}`}</p>
      ${item.tests && html`<p class="hint">${t("work.tests", counted(item.tests))}</p>`}
    </div>
    ${!live.isLogged(item)
      ? html`<p class="hint">${t("receipt.not-yet")}</p>`
      : html`<${ReceiptCheck} path=${`/v1/fleet/receipts/${item.leaf_index}`} token=${token.value}
          name=${`trifleet-receipt-${item.leaf_index}.txt`} />`}
  </li>`;
}

const who = ({ mechanic, notary }) =>
  mechanic === null ? t("work.by-erased", { notary }) : t("work.by", { mechanic, notary });

function counted(tests) {
  const of = (result) => tests.filter((one) => one.result === result).length;
  return { passed: of("PASS"), failed: of("FAIL"), all: tests.length };
}

// Entry of /ledger: a receipt, the search, the log itself and whom this browser believes.

import { Header, LiveRegion, Notice, ScreenTitle } from "/static/ui/components.js";
import { html, render } from "/static/ui/dom.js";
import { addWords, t } from "/static/ui/i18n.js";
import fleetEnglish from "/static/ui/lang/fleet/en.js";
import fleetFrench from "/static/ui/lang/fleet/fr.js";
import english from "/static/ui/lang/ledger/en.js";
import french from "/static/ui/lang/ledger/fr.js";
import * as find from "./find.js";
import { FindPart } from "./find_part.js";
import { Alarms, LogPart, TrustPart } from "./log_part.js";
import { ReceiptPart } from "./receipt_part.js";
import * as session from "./session.js";
import { capable } from "./state.js";

addWords({ en: { ...fleetEnglish, ...english }, fr: { ...fleetFrench, ...french } });

function Parts() {
  return html`<${Alarms} />
    <div class="columns">
      <div class="stack"><${ReceiptPart} /><${FindPart} /></div>
      <div class="stack"><${LogPart} /><${TrustPart} /></div>
    </div>`;
}

function App() {
  document.title = t("ledger.page-title");
  return html`<${Header} here="ledger" />
    <main id="main" class="ledger stack">
      <div class="stack intro"><${ScreenTitle}>${t("ledger.title")}<//>
        <p class="lead">${t("ledger.lead")}</p></div>
      ${capable.value === false
        ? html`<${Notice} kind="bad" testid="no-ed25519" title=${t("ledger.no-ed25519")}>
            ${t("ledger.no-ed25519-text")}<//>`
        : html`<${Parts} />`}
    </main><${LiveRegion} />`;
}

find.start();
render(html`<${App} />`, document.getElementById("app"));
await session.start();

// Entry of /: three doors, and a receipt's check for anybody.

import { Header, LiveRegion, ScreenTitle } from "/static/ui/components.js";
import { html, render } from "/static/ui/dom.js";
import { t } from "/static/ui/i18n.js";
import { Icon } from "/static/ui/icons.js";
import { ReceiptFile } from "/static/ui/receipt_view.js";

function Door({ name, icon }) {
  return html`<li class="card card-link door">
    <span class="door-icon"><${Icon} name=${icon} /></span>
    <h2><a class="card-title" href=${`/${name}`} data-testid=${`door-${name}`}>${t(`home.${name}`)}</a></h2>
    <p>${t(`home.${name}-text`)}</p>
    <${Icon} name="next" className="card-arrow" />
  </li>`;
}

function App() {
  document.title = "Trifleet";
  return html`<${Header} here="home" />
    <main id="main" class="narrow"><section class="stack">
      <${ScreenTitle}>${t("home.title")}<//>
      <p class="lead">${t("home.lead")}</p>
      <ul class="doors"><${Door} name="ride" icon="key" /><${Door} name="fleet" icon="map" /><${Door} name="ledger" icon="shield" /></ul>
      <section class="panel stack" aria-labelledby="receipt-title">
        <h2 id="receipt-title">${t("home.receipt")}</h2>
        <p>${t("home.receipt-text")}</p>
        <${ReceiptFile} />
      </section>
    </section></main><${LiveRegion} />`;
}

render(html`<${App} />`, document.getElementById("app"));

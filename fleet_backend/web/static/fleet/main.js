// Entry of /fleet.

import { LiveRegion } from "/static/ui/components.js";
import { html, render } from "/static/ui/dom.js";
import { addWords, t } from "/static/ui/i18n.js";
import english from "/static/ui/lang/fleet/en.js";
import french from "/static/ui/lang/fleet/fr.js";
import * as live from "./live.js";
import { FleetHeader, Overview, TokenForm } from "./views.js";
import { Refusals } from "./refusals.js";
import { route, token, unseen } from "./state.js";
import { Updates } from "./updates.js";
import { VehiclePage } from "./vehicle.js";

addWords({ en: english, fr: french });

function Page() {
  if (!token.value) return html`<${TokenForm} />`;
  if (route.value.page === "vehicle") return html`<${VehiclePage} key=${route.value.id} id=${route.value.id} />`;
  if (route.value.page === "refusals") return html`<${Refusals} />`;
  if (route.value.page === "updates") return html`<${Updates} />`;
  return html`<${Overview} />`;
}

function App() {
  document.title = t("fleet.page-title");
  return html`<${FleetHeader} /><main id="main" class=${token.value ? "wide" : "narrow"}
    data-screen=${token.value ? route.value.page : "token"}><${Page} /></main><${LiveRegion} />`;
}

const LISTS = { "#/refusals": "refusals", "#/updates": "updates" };

function readAddress() {
  if (location.hash.startsWith("#token=")) {
    live.takeToken();
    live.start();
    return;
  }
  const vehicle = /^#\/vehicle\/([a-z0-9-]{1,32})$/.exec(location.hash);
  const page = vehicle ? "vehicle" : LISTS[location.hash] ?? "overview";
  route.value = { page, id: vehicle ? vehicle[1] : null };
  if (page === "refusals") unseen.value = 0;
  if (page === "updates" && token.value) live.loadUpdates();
  if (vehicle && token.value) live.openVehicle(vehicle[1]);
}

const REFRESH_MS = 4000;
setInterval(live.refreshEvents, REFRESH_MS);
setInterval(live.refreshUpdates, REFRESH_MS);

live.takeToken();
addEventListener("hashchange", readAddress);
readAddress();
render(html`<${App} />`, document.getElementById("app"));
if (token.value) await live.start();

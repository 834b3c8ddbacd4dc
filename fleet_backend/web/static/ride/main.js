// Entry of /ride.

import { Header, LiveRegion } from "/static/ui/components.js";
import { html, render } from "/static/ui/dom.js";
import { t } from "/static/ui/i18n.js";
import { codebook, openCodebook, prune } from "./codebook.js";
import { CodesScreen, openCodesView } from "./codes_door.js";
import { loadVehicles, resume } from "./session.js";
import { chosen, codesOf, screen, storageFault } from "./state.js";
import { EndedScreen, ListScreen, RideScreen, UnlockScreen, VehicleScreen } from "./views.js";

const REFRESH_MS = 5000;
const SCREENS = {
  list: ListScreen, vehicle: VehicleScreen, unlocking: UnlockScreen, riding: RideScreen,
  ended: EndedScreen, codes: CodesScreen,
};

function App() {
  document.title = t("ride.page-title");
  const Screen = SCREENS[screen.value];
  return html`<${Header} here="ride" />
    <main id="main" class="narrow" data-screen=${screen.value}><${Screen} key=${screen.value} /></main>
    <${LiveRegion} />`;
}

function readAddress() {
  const found = /^#\/v\/([a-z0-9-]{1,32})(\/codes)?$/.exec(location.hash);
  chosen.value = found ? found[1] : null;
  codesOf.value = found?.[2] ? found[1] : null;
}

addEventListener("hashchange", readAddress);
readAddress();
setInterval(() => {
  prune();
  const waiting = screen.value === "list" || screen.value === "vehicle";
  if (waiting && document.visibilityState === "visible") loadVehicles();
}, REFRESH_MS);
await resume();
await openCodebook().catch(() => {
  storageFault.value = true;
});
if (codebook.value.length) {
  // Now, and not at a press: the line may be gone by then.
  openCodesView().then((view) => view.keepPage(), () => {});
}
render(html`<${App} />`, document.getElementById("app"));
await loadVehicles();

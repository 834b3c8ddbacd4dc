// The map of free vehicles, on request only: the list above says the same.

import { Button, Notice } from "/static/ui/components.js";
import { html, useEffect, useRef, useState } from "/static/ui/dom.js";
import { t } from "/static/ui/i18n.js";

export function MapPanel({ items }) {
  const [phase, setPhase] = useState("closed");
  const element = useRef(null);
  const map = useRef(null);
  useEffect(() => {
    if (phase === "opening") open();
  }, [phase]);
  useEffect(() => map.current?.show(items), [items]);
  useEffect(() => () => map.current?.close(), []);

  async function open() {
    try {
      const { openMap } = await import("/static/ui/map.js");
      map.current = await openMap(element.current, {
        onPress: (id) => {
          location.hash = `#/v/${id}`;
        },
      });
      map.current.show(items);
      setPhase("open");
    } catch {
      setPhase("failed");
    }
  }

  return html`<div class="map-panel">
    ${phase === "closed" && html`<${Button} icon="map" testid="show-map"
      onClick=${() => setPhase("opening")}>${t("map.show")}<//>`}
    ${phase === "failed" && html`<${Notice} kind="warn" title=${t("map.failed")} />`}
    ${phase !== "closed" && phase !== "failed" && html`<div class="map" ref=${element}
      role="region" aria-label=${t("map.label")} aria-busy=${phase === "opening"}></div>`}
  </div>`;
}

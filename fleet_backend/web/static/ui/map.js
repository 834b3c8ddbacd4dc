// The map: vehicles as buttons with their names, moving smoothly between two reports. Loaded only
// where a map is shown; the lists say the same without it.

import { effect } from "@preact/signals";
import { Map as MapView, Marker, NavigationControl, addProtocol } from "maplibre-gl";
import { Protocol } from "pmtiles";

import { speed } from "./format.js";
import { language, t } from "./i18n.js";
import { mapStyle } from "./map_style.js";

const CENTRE = [-56.17, -34.898];
const TILES = "pmtiles://" + location.origin + "/static/map/montevideo.pmtiles";
const STYLESHEET = "/static/vendor/maplibre-gl-6.17.0/maplibre-gl.css";
const GLIDE_MS = 1000;
const SHAPES = { LOCKED: "■", READY: "◇", DRIVE: "▲", LOCK_PENDING: "◐", UNKNOWN: "?" };

const dark = matchMedia("(prefers-color-scheme: dark)");
const still = matchMedia("(prefers-reduced-motion: reduce)");
let prepared = null;

function prepare() {
  prepared ??= new Promise((resolve, reject) => {
    addProtocol("pmtiles", new Protocol().tile);
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = STYLESHEET;
    link.onload = resolve;
    link.onerror = () => reject(new Error("no stylesheet"));
    document.head.append(link);
  });
  return prepared;
}

/** {show(items), close()}; items as the API gives them, those without a position are left out. */
export async function openMap(element, { onPress, zoom = 13 }) {
  await prepare();
  const map = new MapView({
    container: element, style: mapStyle(TILES, dark.matches), center: CENTRE, zoom,
    minZoom: 10, maxZoom: 18, maxBounds: [[-56.29, -34.975], [-56.02, -34.8]],
    attributionControl: { compact: false }, dragRotate: false, pitchWithRotate: false,
    fadeDuration: still.matches ? 0 : 200, cooperativeGestures: false,
    locale: words(),
  });
  map.touchZoomRotate.disableRotation();
  map.addControl(new NavigationControl({ showCompass: false }), "top-right");
  const restyle = () => map.setStyle(mapStyle(TILES, dark.matches));
  dark.addEventListener("change", restyle);
  const markers = new Markers(map, onPress);
  const stop = effect(() => markers.relabel(language.value));
  return {
    show: (items) => markers.show(items),
    close() {
      stop();
      markers.clear();
      dark.removeEventListener("change", restyle);
      map.remove();
    },
  };
}

const words = () => ({
  "Map.Title": t("map.label"),
  "NavigationControl.ZoomIn": t("map.zoom-in"),
  "NavigationControl.ZoomOut": t("map.zoom-out"),
  "AttributionControl.ToggleAttribution": t("map.attribution"),
});

class Markers {
  constructor(map, onPress) {
    this.map = map;
    this.onPress = onPress;
    this.all = new Map();
    this.framed = false;
  }

  show(items) {
    const placed = items.filter((item) => Number.isFinite(item.lat_e7) && Number.isFinite(item.lon_e7));
    const names = new Set(placed.map((item) => item.id));
    for (const id of [...this.all.keys()]) if (!names.has(id)) this.drop(id);
    for (const item of placed) this.place(item);
    if (!this.framed && placed.length) this.frame(placed);
  }

  /** Once, at the first vehicles: after that the view is the person's. */
  frame(placed) {
    this.framed = true;
    const lons = placed.map((item) => item.lon_e7 / 1e7), lats = placed.map((item) => item.lat_e7 / 1e7);
    const bounds = [[Math.min(...lons), Math.min(...lats)], [Math.max(...lons), Math.max(...lats)]];
    this.map.fitBounds(bounds, { padding: 70, maxZoom: 14.5, animate: false });
  }

  place(item) {
    const target = [item.lon_e7 / 1e7, item.lat_e7 / 1e7];
    const known = this.all.get(item.id) ?? this.add(item, target);
    known.item = item;
    label(known.button, item);
    const [lon, lat] = known.target;
    if (lon === target[0] && lat === target[1]) return;
    known.target = target;
    glide(known, target);
  }

  add(item, target) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "marker";
    button.dataset.testid = `marker-${item.id}`;
    button.addEventListener("click", (event) => {
      event.stopPropagation();
      this.onPress(item.id);
    });
    const marker = new Marker({ element: button, anchor: "bottom" }).setLngLat(target).addTo(this.map);
    const known = { marker, button, target, item, frame: 0 };
    this.all.set(item.id, known);
    return known;
  }

  drop(id) {
    const known = this.all.get(id);
    cancelAnimationFrame(known.frame);
    known.marker.remove();
    this.all.delete(id);
  }

  relabel() {
    for (const { button, item } of this.all.values()) label(button, item);
  }

  clear() {
    for (const id of [...this.all.keys()]) this.drop(id);
  }
}

function label(button, item) {
  const state = item.state in SHAPES ? item.state : "UNKNOWN";
  const moving = item.speed_mmps ? `, ${speed(item.speed_mmps)}` : "";
  button.dataset.state = state;
  button.setAttribute("aria-label", `${item.id}, ${t(`state.${state}`)}${moving}`);
  button.textContent = `${SHAPES[state]} ${item.id}`;
  button.dataset.lngLat = `${item.lon_e7},${item.lat_e7}`;
}

function glide(known, target) {
  cancelAnimationFrame(known.frame);
  if (still.matches) {
    known.marker.setLngLat(target);
    return;
  }
  const from = known.marker.getLngLat(), start = performance.now();
  const step = (time) => {
    const part = Math.min(1, Math.max(0, (time - start) / GLIDE_MS));
    known.marker.setLngLat([from.lng + (target[0] - from.lng) * part,
      from.lat + (target[1] - from.lat) * part]);
    if (part < 1) known.frame = requestAnimationFrame(step);
  };
  known.frame = requestAnimationFrame(step);
}

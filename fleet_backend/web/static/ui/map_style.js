// The demo city's style, light and dark: land, water, parks, streets, quarter names in local fonts.

const LIGHT = {
  land: "#e4e7de", water: "#b4d2e0", green: "#c8dfba", sand: "#f0e6c8", building: "#d5d8cd",
  minor: "#ffffff", medium: "#ffffff", major: "#f8d98c", casing: "#bcc2b5", rail: "#9ba295",
  path: "#f0f0ea", text: "#4c5a54", halo: "#f8f9f5",
};
const DARK = {
  land: "#161d1a", water: "#0d2a36", green: "#1b2c20", sand: "#2b2a1e", building: "#202824",
  minor: "#2c3733", medium: "#37443e", major: "#54543a", casing: "#101614", rail: "#46524c",
  path: "#29332f", text: "#b3c2ba", halo: "#121816",
};
const ATTRIBUTION =
  '<a href="https://www.openstreetmap.org/copyright" rel="noopener noreferrer">© OpenStreetMap</a>';

const width = (thin, thick) => ["interpolate", ["exponential", 1.6], ["zoom"], 11, thin, 17, thick];
const is = (...names) => ["in", ["get", "class"], ["literal", names]];

function area(name, color) {
  return { id: name, type: "fill", source: "city", "source-layer": "areas", filter: is(name),
    paint: { "fill-color": color } };
}

function road(name, color, thin, thick, extra = {}) {
  return { id: `road-${name}`, type: "line", source: "city", "source-layer": "roads",
    filter: is(name), layout: { "line-cap": "round", "line-join": "round" },
    paint: { "line-color": color, "line-width": width(thin, thick), ...extra } };
}

export function mapStyle(url, dark) {
  const color = dark ? DARK : LIGHT;
  return {
    version: 8,
    sources: { city: { type: "vector", url, attribution: ATTRIBUTION } },
    layers: [
      { id: "land", type: "background", paint: { "background-color": color.land } },
      { ...area("sea", color.water) },
      { ...area("green", color.green) },
      { ...area("sand", color.sand) },
      { ...area("water", color.water) },
      { id: "buildings", type: "fill", source: "city", "source-layer": "buildings", minzoom: 14,
        paint: { "fill-color": color.building } },
      road("pier", color.casing, 1, 5),
      road("path", color.path, 0.4, 3),
      road("rail", color.rail, 0.6, 2, { "line-dasharray": [3, 2] }),
      { ...road("minor", color.casing, 0.6, 12), id: "casing-minor", minzoom: 13 },
      { ...road("medium", color.casing, 1.4, 16), id: "casing-medium" },
      { ...road("major", color.casing, 2, 19), id: "casing-major" },
      road("minor", color.minor, 0.5, 10),
      road("medium", color.medium, 0.9, 13),
      road("major", color.major, 1.4, 16),
      { id: "places", type: "symbol", source: "city", "source-layer": "places", minzoom: 11,
        layout: { "text-field": ["get", "name"], "text-font": ["sans-serif"], "text-size": 12,
          "text-max-width": 7, "text-padding": 12 },
        paint: { "text-color": color.text, "text-halo-color": color.halo, "text-halo-width": 1.5 } },
    ],
  };
}

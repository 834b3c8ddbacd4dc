// One time series as a chart (uPlot) with its reading in words; colours from the page's tokens.

import uPlot from "uplot";

import { clock } from "./i18n.js";

const STYLESHEET = "/static/vendor/uplot-1.6.32/uPlot.min.css";
const HEIGHT = 190;
const GAP_S = 15;
const SHORTEST_S = 300; // a few seconds of data are not stretched over the whole width

function loadStyles() {
  if (document.querySelector(`link[href="${STYLESHEET}"]`)) return;
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = STYLESHEET;
  document.head.append(link);
}

const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** {update(times, values), close()}; `range` is [lowest, highest] at least, `unit` ends the axis. */
export function openChart(element, { unit, range }) {
  loadStyles();
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let data = [[], []];
  let plot = null;
  const draw = () => {
    plot?.destroy();
    plot = new uPlot(options(element.clientWidth, unit, range), data, element);
  };
  const resized = new ResizeObserver(() => plot?.setSize({ width: element.clientWidth, height: HEIGHT }));
  draw();
  resized.observe(element);
  dark.addEventListener("change", draw);
  return {
    update(times, values) {
      data = withGaps(times, values);
      plot.setData(data);
      element.dataset.drawn = values.filter((value) => value !== null).length;
    },
    close() {
      resized.disconnect();
      dark.removeEventListener("change", draw);
      plot.destroy();
    },
  };
}

/** Where nothing was measured there is no line. */
function withGaps(times, values) {
  const out = [[], []];
  times.forEach((time, i) => {
    if (i && time - times[i - 1] > GAP_S) {
      out[0].push(times[i - 1] + 1);
      out[1].push(null);
    }
    out[0].push(time);
    out[1].push(values[i]);
  });
  return out;
}

/** At least five minutes, which end now while there is nothing to show. */
function spanOf(low, high) {
  const end = high ?? Date.now() / 1000;
  return [Math.min(low ?? end, end - SHORTEST_S), end];
}

function options(width, unit, range) {
  const ink = token("--ink-2"), line = token("--line"), brand = token("--brand");
  const font = "12px system-ui, sans-serif";
  const axis = { stroke: ink, font, grid: { stroke: line, width: 1 }, ticks: { show: false } };
  return {
    width: Math.max(width, 120), height: HEIGHT, legend: { show: false },
    padding: [10, 14, 0, 0], cursor: { y: false, points: { size: 8 } },
    scales: { x: { range: (_, low, high) => spanOf(low, high) }, y: { range: (_, low, high) => [
      Math.min(range[0], low ?? range[0]), Math.max(range[1], Math.ceil((high ?? 0) * 1.1)),
    ] } },
    axes: [
      { ...axis, size: 32, space: 80, values: (_, ticks) => ticks.map((tick) => clock(new Date(tick * 1000))) },
      { ...axis, size: 58, values: (_, ticks) => ticks.map((tick) => `${tick} ${unit}`) },
    ],
    series: [{}, { stroke: brand, width: 2, fill: `${brand}22`, points: { show: false } }],
  };
}

// Line icons, drawn here. They repeat what the text beside them says and are hidden from readers.

import { html } from "./dom.js";

const PATHS = {
  locked: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3M12 14.5v2",
  unlocked: "M6 11h12v9H6zM8.5 11V7.5a3.5 3.5 0 0 1 6.7-1.4M12 14.5v2",
  drive: "M5 19 12 4l7 15-7-4z",
  pending: "M7 4h10M7 20h10M8 4c0 4 8 5 8 8s-8 4-8 8M16 4c0 4-8 5-8 8s8 4 8 8",
  unknown: "M9 9.2a3 3 0 1 1 4.3 2.7c-.9.5-1.3 1-1.3 2.1M12 17.4v.2M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18",
  check: "m5 12.5 4.5 4.5L19 7.5",
  cross: "m6.5 6.5 11 11m0-11-11 11",
  open: "M12 19a7 7 0 1 0 0-14 7 7 0 0 0 0 14",
  back: "m14.5 5-7 7 7 7",
  next: "m9.5 5 7 7-7 7",
  alert: "M12 4 2.8 20h18.4zM12 10v4.5M12 17.2v.2",
  shield: "M12 3 5 6v5.5c0 4.5 3 7.6 7 9.5 4-1.9 7-5 7-9.5V6zM9 12l2.2 2.2L15.2 10",
  download: "M12 4v11m-4.5-4.5L12 15l4.5-4.5M5 20h14",
  rest: "M20 14.5A8 8 0 1 1 9.5 4 6.5 6.5 0 0 0 20 14.5z",
  key: "M14.5 13.5a5 5 0 1 0-4-4L4 16v4h4v-2.5h2.5V15h1.8zM16 8v.1",
  map: "m3.5 6.5 5.5-2.5 6 2.5 5.5-2.5v13.5L15 20l-6-2.5L3.5 20zM9 4v13.5M15 6.5V20",
  online: "M5 18v-2M9.7 18v-5M14.3 18V9.5M19 18V5",
  offline: "M5 18v-2M9.7 18v-5M15 8l5 5m0-5-5 5",
  globe: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M3.5 12h17M12 3.2c5 5 5 12.6 0 17.6-5-5-5-12.6 0-17.6",
  out: "M10 5H5v14h5M14 8l4 4-4 4M18 12H9.5",
};

export function Icon({ name, className = "" }) {
  return html`<svg class=${`icon ${className}`} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
    <path d=${PATHS[name]} />
  </svg>`;
}

/** Three wheels, one frame: the mark of the project. */
export function Mark() {
  return html`<svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <path class="mark-frame" d="M16 8 7 23h18z" />
    <circle cx="16" cy="7.5" r="4" /><circle cx="7" cy="23.5" r="4" /><circle cx="25" cy="23.5" r="4" />
  </svg>`;
}

// Units for people. Input is the wire's scaled integers; a missing value is said to be missing.

import { signal } from "@preact/signals";

import { clock, count, dateTime, number, t } from "./i18n.js";

/** Ticks every second, so that ages and countdowns on screen stay true. */
export const now = signal(Date.now());
setInterval(() => {
  now.value = Date.now();
}, 1000);

const missing = (value) => value === null || value === undefined;

/** The API's times: seconds since 1970, or ISO text; 0 and nonsense are "not known" (null). */
export function toDate(time) {
  if (missing(time) || time === 0) return null;
  const date = new Date(typeof time === "number" ? time * 1000 : time);
  return Number.isNaN(date.getTime()) ? null : date;
}

export const kmh = (mmps) => Math.round(Math.abs(mmps) * 0.0036);
export const speed = (mmps) => (missing(mmps) ? t("unit.none") : t("unit.kmh", { n: kmh(mmps) }));
export const percent = (permille) =>
  missing(permille) ? t("unit.none") : t("unit.percent", { n: number(Math.round(permille / 10)) });
export const volts = (mv) => (missing(mv) ? t("unit.none") : t("unit.volt", { n: number(mv / 1000, 1) }));
export function distance(m) {
  if (missing(m)) return t("unit.none");
  return m < 1000 ? t("unit.m", { n: number(m) }) : t("unit.km", { n: number(m / 1000, 1) });
}

export function moment(time) {
  const date = toDate(time);
  return date ? dateTime(date) : t("time.unknown");
}

export function timeOfDay(time) {
  const date = toDate(time);
  return date ? clock(date) : t("time.unknown");
}

/** "12 s ago", for what should be recent. */
export function ago(time) {
  const date = toDate(time);
  if (!date) return t("time.never");
  const seconds = Math.max(0, Math.round((now.value - date.getTime()) / 1000));
  if (seconds < 5) return t("time.now");
  if (seconds < 60) return t("time.seconds-ago", { n: seconds });
  if (seconds < 3600) return t("time.minutes-ago", { n: Math.floor(seconds / 60) });
  return dateTime(date);
}

export function duration(ms) {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return count("time.second", Math.max(0, Math.floor(ms / 1000)));
  if (minutes < 60) return count("time.minute", minutes);
  return t("time.hours", { h: Math.floor(minutes / 60), m: minutes % 60 });
}

// Words in the reader's language. A key without words shows itself, and a test keeps that from
// happening; {name} in the words is filled from the values.

import { signal } from "@preact/signals";

import en from "./lang/en.js";
import fr from "./lang/fr.js";

export const LANGUAGES = { en, fr };
const STORED = "trifleet-language";

function preferred() {
  const wanted = [localStorage.getItem(STORED), ...navigator.languages.map((tag) => tag.slice(0, 2))];
  return wanted.find((tag) => tag in LANGUAGES) ?? "en";
}

export const language = signal(preferred());
document.documentElement.lang = language.value;

export function setLanguage(tag) {
  localStorage.setItem(STORED, tag);
  document.documentElement.lang = tag;
  language.value = tag;
}

export function t(key, values = {}) {
  const words = LANGUAGES[language.value][key] ?? en[key] ?? key;
  return words.replace(/\{(\w+)\}/g, (mark, name) => (name in values ? String(values[name]) : mark));
}

/** The form of a key for a count: `key.one` or `key.other`. */
export function count(key, n, values = {}) {
  const form = new Intl.PluralRules(language.value).select(n) === "one" ? "one" : "other";
  return t(`${key}.${form}`, { n: number(n), ...values });
}

/** Words that a page or a screen brings along: {tag: words}, the same keys in each language. */
export function addWords(words) {
  for (const [tag, more] of Object.entries(words)) Object.assign(LANGUAGES[tag], more);
}

export const has = (key) => key in en;

/** The reader's own region where it speaks the chosen language: 24 hours or 12, and the like. */
const locale = () =>
  navigator.languages.find((tag) => tag.slice(0, 2) === language.value) ?? language.value;

export const number = (value, digits = 0) =>
  new Intl.NumberFormat(locale(), {
    minimumFractionDigits: digits, maximumFractionDigits: digits,
  }).format(value);

export const clock = (date, seconds = false) =>
  new Intl.DateTimeFormat(locale(), {
    hour: "2-digit", minute: "2-digit", second: seconds ? "2-digit" : undefined,
  }).format(date);

export const fullDateTime = (date) =>
  new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "medium" }).format(date);

/** Of today only the time. */
export function dateTime(date) {
  const today = new Date().toDateString() === date.toDateString();
  return today ? clock(date, true) : fullDateTime(date);
}

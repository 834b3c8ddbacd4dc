// One record as one sentence: the words around what `describe` found.

import { duration, percent, speed } from "./format.js";
import { has, number, t } from "./i18n.js";

/** `key` and `values` as records.describe gives them. */
export function recordText(key, values) {
  const words = { ...values };
  if (values.state && ["event.lock", "event.egress"].includes(key)) words.state = t(`state.${values.state}`);
  if (values.reason) words.reason = t(`reason.${values.reason}`);
  if (values.action) words.action = t(`action.${values.action}`);
  if (values.refusal) words.refusal = t(`refusal.${values.refusal}`);
  if (key === "event.telemetry") {
    words.speed = speed(values.speed_mmps);
    words.battery = percent(values.soc_permille);
  }
  if (key.startsWith("event.fault")) {
    words.node = has(`node.${values.node}`) ? t(`node.${values.node}`) : t("node.other", values);
    if (values.fault) words.fault = t(`fault.${values.fault}`);
  }
  if (key === "event.health") Object.assign(words, healthWords(values));
  const more = values.unrecorded ? ` ${t("event.unrecorded", { n: values.unrecorded })}` : "";
  return t(key, words) + more;
}

function healthWords(values) {
  const parts = values.troubles.map(([name, n]) => t(`health.${name}`, { n: number(Number(n)) }));
  if (!parts.length) parts.push(t("health.fine"));
  if (values.heap_free !== undefined) {
    parts.push(t("health.memory", { n: number(Math.round(Number(values.heap_free) / 1024)) }));
  }
  const known = values.uptime_s !== undefined;
  return {
    uptime: known ? duration(Number(values.uptime_s) * 1000) : t("unit.none"),
    details: parts.join(", "),
  };
}

// One record as one sentence: the words around what `describe` found.

import { percent, speed } from "./format.js";
import { t } from "./i18n.js";

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
  const more = values.unrecorded ? ` ${t("event.unrecorded", { n: values.unrecorded })}` : "";
  return t(key, words) + more;
}

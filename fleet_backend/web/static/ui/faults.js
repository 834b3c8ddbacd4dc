// What is wrong with a file, in words.

import { LedgerError } from "../log/errors.js";
import { DecodeError } from "./cbor.js";
import { addWords, number, t } from "./i18n.js";
import english from "./lang/log/en.js";
import french from "./lang/log/fr.js";

addWords({ en: english, fr: french });

/** Does the file (or the log) deserve the blame? Anything else is a fault of the page. */
export const isFault = (error) => error instanceof LedgerError || error instanceof DecodeError;

/** Half a sentence, to be put behind a colon. */
export function faultText(error) {
  if (error instanceof DecodeError) return t("log-fault.cbor", { detail: error.name });
  const values = {};
  for (const [name, value] of Object.entries(error.values)) {
    if (value instanceof LedgerError) values[name] = faultText(value);
    else values[name] = typeof value === "bigint" ? number(value) : value;
  }
  return t(`log-fault.${error.code}`, values);
}

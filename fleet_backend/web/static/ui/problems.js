// Why the server did not do it, in words.

import { has, t } from "./i18n.js";

export const problemText = (name) =>
  has(`problem.${name}`) ? t(`problem.${name}`) : t("problem.other", { name });

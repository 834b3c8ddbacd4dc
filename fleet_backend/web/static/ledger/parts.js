// What the parts of this page share: a list of checks, files to save, files to take.

import { Button } from "/static/ui/components.js";
import { html, useState } from "/static/ui/dom.js";
import { faultText } from "/static/ui/faults.js";
import { moment } from "/static/ui/format.js";
import { fullDateTime, number, t } from "/static/ui/i18n.js";
import { Icon } from "/static/ui/icons.js";
import { memory, policyFile, trust } from "./state.js";

const SHAPES = { proved: "check", failed: "cross", open: "open" };

/** `family` is that of the sentences: "check" or "look". */
export function Checks({ family, steps }) {
  return html`<ul class="proofs">${steps.map((step) => html`<${Check} key=${step.id}
    family=${family} step=${step} />`)}</ul>`;
}

function Check({ family, step }) {
  const { id, result, values } = step;
  const known = ["witnesses", "quorum"].includes(id) ? "check" : family;
  const name = id === "first" && memory.value === "none" ? "first-here" : id;
  return html`<li class=${`proof proof-${result}`} data-testid=${`${family}-${id}`} data-result=${result}>
    <span class="proof-shape"><${Icon} name=${SHAPES[result]} /></span>
    <span><strong>${t(`proof-result.${result}`)}</strong> ${t(`${known}.${name}-${result}`, words(step))}
      <${Witnesses} seen=${values.seen} unchecked=${values.unchecked} /></span>
  </li>`;
}

function words({ values, fault }) {
  const filled = { how: trustWords(), detail: fault ? faultText(fault) : "" };
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === "bigint" || name === "count") filled[name] = number(value);
    else if (name === "when" || name === "at") filled[name] = fullDateTime(new Date(value));
    else filled[name] = value;
  }
  return filled;
}

function trustWords() {
  if (policyFile.value) return t("check.by-policy");
  return t("check.by-first-use", { since: fullDateTime(new Date(trust.value?.since ?? 0)) });
}

/** When each witness signed; those that cannot be checked here are named as such. */
function Witnesses({ seen = [], unchecked = [] }) {
  if (!seen.length && !unchecked.length) return null;
  const told = (key) => ({ name, time }) => html`<li key=${`${key}-${name}`}>${t(key,
    { name, time: moment(Number(time)) })}</li>`;
  return html`<ul class="witnesses">${seen.map(told("check.witness"))}
    ${unchecked.map(told("check.witness-open"))}</ul>`;
}

export function Save({ data, name, children, testid }) {
  const save = () => {
    const url = URL.createObjectURL(new Blob([data], { type: "text/plain" }));
    const link = document.createElement("a");
    link.href = url;
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  };
  return html`<${Button} icon="download" testid=${testid} onClick=${save}>${children}<//>`;
}

export function ChooseFile({ onFile, testid, children, icon = "shield", kind = "plain" }) {
  const choose = (event) => {
    const [file] = event.target.files;
    event.target.value = ""; // the same file may be chosen again
    if (file) onFile(file);
  };
  return html`<label class=${`button button-${kind} file`}>
    <${Icon} name=${icon} /><span>${children}</span>
    <input type="file" class="visually-hidden" data-testid=${testid} onChange=${choose} />
  </label>`;
}

/** Files may be dropped on it; who cannot drag has the buttons inside. */
export function DropZone({ onFile, children }) {
  const [over, setOver] = useState(false);
  const drop = (event) => {
    event.preventDefault();
    setOver(false);
    const [file] = event.dataTransfer.files;
    if (file) onFile(file);
  };
  const hover = (event) => {
    event.preventDefault();
    setOver(true);
  };
  return html`<div class=${`drop ${over ? "drop-over" : ""}`} data-testid="drop"
    onDragOver=${hover} onDragLeave=${() => setOver(false)} onDrop=${drop}>${children}</div>`;
}

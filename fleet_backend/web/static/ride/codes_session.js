// Gets one-time codes onto a vehicle: draws them, asks for a grant that carries their hashes, leaves
// it with the vehicle. Codes count as deposited only by the vehicle's own record.

import { signal } from "@preact/signals";

import { ApiError } from "/static/ui/api.js";
import { fromHex } from "/static/ui/bytes.js";
import { announcement } from "/static/ui/components.js";
import { DEPOSIT_CODES } from "/static/ui/documents.js";
import { t } from "/static/ui/i18n.js";
import { drawCodes } from "/static/ui/one_time.js";
import { sleep } from "/static/ui/sse.js";
import { drop, entryOf, keep, outdated } from "./codebook.js";
import * as courier from "./courier.js";
import { BOUNDS_S, GRANT_OVER, UNLOCK_STEPS, allows, eventOf, mayRetry, next } from "./flow.js";
import { keepPage } from "./offline.js";

export const CODES_STEPS = UNLOCK_STEPS;
const POLL_MS = 400;
const IDLE_POLL_MS = 2_000; // nobody waits any more, but a late answer still counts
const FINAL = ["done", "refused", "stopped"];
const ENDED = ["executed", "refused", "expired"];

/** {vehicle, step, last, since, tries, problem, detail, refusal} of what is under way, or null. */
export const run = signal(null);

// Who is put away, or begins anew, is followed no longer.
let turn = 0;

export const isBusy = () => Boolean(run.value) && !FINAL.includes(run.value.step);

/** Draw `count` codes and bring them to the vehicle. */
export function prepare(vehicle, count) {
  outdated.value = null;
  keepPage();
  return perform(vehicle, "key", async (key) => {
    move("made");
    await courier.register(key);
    move("registered");
    const { codes, wire } = await drawCodes(vehicle, fromHex(key.thumbprint), count);
    const grant = await courier.requestGrant(vehicle, key, wire);
    const unused = codes.map((digits) => ({ digits, used: false }));
    await keep({ vehicle, grant, codes: unused, deposit: { state: "open" } });
    move("issued");
  });
}

/** Once more, with the codes that are here: the vehicle takes the same ones only once. */
export const depositAgain = (vehicle) => perform(vehicle, "wake", async () => {});

async function perform(vehicle, step, before) {
  if (isBusy()) return;
  turn += 1;
  run.value = { vehicle, step, last: step, since: Date.now(), tries: 1 };
  try {
    const key = await courier.ownKey();
    await before(key);
    await bring(vehicle, key, []);
  } catch (error) {
    stop(error);
    if (!(error instanceof ApiError)) throw error; // a fault of this page: also to the console
  }
}

function move(event, more = {}) {
  const step = next(run.value.step, event);
  const last = FINAL.includes(step) ? run.value.last : step;
  run.value = { ...run.value, ...more, step, last, since: Date.now() };
  announcement.value = words(step);
}

function words(step) {
  if (step === "done") return t("codes.done");
  if (step === "refused") return t("codes.refused");
  if (step !== "stopped") return t(`step.${step}`);
  const sent = entryOf(run.value.vehicle)?.deposit.state === "sent";
  return t(sent ? "codes.maybe-there" : "codes.not-there");
}

function stop({ name, detail }) {
  if (allows(run.value.step, "stopped")) move("stopped", { problem: name, detail });
}

async function bring(vehicle, key, used) {
  const { challenge } = await courier.freshChallenge(vehicle, used);
  move("challenge");
  const { grant } = entryOf(vehicle);
  const sent = await courier.present({ vehicle, action: DEPOSIT_CODES, grant, key, challenge });
  await note(vehicle, { state: "sent", id: sent.id, expires: sent.expires });
  move("accepted");
  const end = await follow(sent.id);
  if (end?.state === "refused" && mayRetry(end.refusal, run.value.tries)) {
    move("stale", { tries: run.value.tries + 1 });
    return bring(vehicle, key, [...used, challenge]);
  }
  return settle(vehicle, end);
}

const note = (vehicle, deposit) => keep({ ...entryOf(vehicle), deposit });

/** Until the vehicle has answered or the command ran out; each wait has its bound on the screen. */
async function follow(id) {
  const mine = turn;
  for (;;) {
    const command = await known(id, mine);
    if (mine !== turn) return null;
    if (command && ENDED.includes(command.state)) return command;
    const event = command && eventOf(command.state);
    const { step, since } = run.value;
    if (event === "delivered" && step === "deliver") move(event);
    const bound = BOUNDS_S[step];
    if (bound && Date.now() - since > bound * 1000) {
      stop({ name: step === "deliver" ? "not-delivered" : "no-answer" });
    }
    await sleep(isBusy() ? POLL_MS : IDLE_POLL_MS);
  }
}

/** A broken line is no answer: what the vehicle did is known when it is back. */
async function known(id, mine) {
  try {
    return await courier.commandNow(id);
  } catch (error) {
    if (error.status === 404) return { state: "expired" };
    if (mine === turn) stop(error);
    return null;
  }
}

async function settle(vehicle, end) {
  if (!end) return undefined;
  const { id, state, refusal, updated } = end;
  if (state === "executed") {
    await note(vehicle, { state: "done", id, at: updated });
    return move("executed");
  }
  if (state === "refused") return refuse(vehicle, id, refusal ?? { code: 0, name: "UNKNOWN" });
  await note(vehicle, { state: "open" });
  return stop({ name: "command-expired" });
}

async function refuse(vehicle, id, refusal) {
  await note(vehicle, { state: "refused", id, refusal });
  move("refused", { refusal });
  if (!GRANT_OVER.includes(refusal.code)) return;
  await drop(vehicle);
  await courier.forgetGrant(vehicle);
}

/** After a reload: what became of a deposit that was on its way? */
export async function resume(vehicle) {
  const entry = entryOf(vehicle);
  if (isBusy() || entry?.deposit.state !== "sent") return;
  turn += 1;
  run.value = { vehicle, step: "deliver", last: "deliver", since: Date.now(), tries: 1 };
  await settle(vehicle, await follow(entry.deposit.id));
}

export function dismiss() {
  turn += 1;
  run.value = null;
}

export function mark(vehicle, digits, used) {
  const entry = entryOf(vehicle);
  const codes = entry.codes.map((code) => (code.digits === digits ? { ...code, used } : code));
  return keep({ ...entry, codes });
}

export async function remove(vehicle) {
  await drop(vehicle);
  dismiss();
}

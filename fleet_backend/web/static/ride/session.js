// Drives a ride: takes a task through its steps, follows the vehicle's reports, survives a reload.
// A lock state is shown only as the vehicle reported it.

import { ApiError, get } from "/static/ui/api.js";
import { announcement } from "/static/ui/components.js";
import { LOCK, UNLOCK } from "/static/ui/documents.js";
import { t } from "/static/ui/i18n.js";
import { follow } from "/static/ui/sse.js";
import * as store from "/static/ui/store.js";
import * as courier from "./courier.js";
import { dropWith } from "./codebook.js";
import { BOUNDS_S, GRANT_OVER, allows, eventOf, mayRetry, next } from "./flow.js";
import { chosen, ended, line, live, ride, storageFault, task, vehicles } from "./state.js";

// A report that says "locked" so long after the unlock is no older one that was still under way.
const SETTLED_MS = 10_000;
const ENDED_COMMANDS = ["executed", "refused", "expired"];
let stream = null;
let watchdog = null;

export async function loadVehicles() {
  try {
    const answer = await get("/v1/vehicles");
    vehicles.value = { items: answer.items, loading: false, error: null, at: Date.now() };
  } catch (error) {
    vehicles.value = { ...vehicles.value, loading: false, error: error.name };
  }
}

export const unlock = (vehicle) => perform(vehicle, UNLOCK);
export const lock = () => perform(ride.value.vehicle, LOCK);

function begin(vehicle, action) {
  const step = action === UNLOCK ? "key" : "wake";
  task.value = { vehicle, action, step, last: step, since: Date.now(), tries: 1, used: [] };
}

/** Take the task one event further; a step that begins gets its bound. */
function move(event, more = {}) {
  const step = next(task.value.step, event);
  const final = step === "stopped" || step === "refused" || step === "done";
  const last = final ? task.value.last : step;
  task.value = { ...task.value, ...more, step, last, since: Date.now() };
  announce(step, more);
  watch(step);
}

function announce(step, { refusal, problem }) {
  const { action } = task.value;
  if (step === "refused") announcement.value = t(`refusal.${refusal.name}`);
  else if (step === "stopped") announcement.value = t(`problem.${problem}`);
  else if (step === "done") announcement.value = t(action === UNLOCK ? "ride.unlocked" : "ride.locked");
  else announcement.value = t(`step.${step}`);
}

/** Only the waits for the vehicle end here; the others end in courier.js. */
function watch(step) {
  clearTimeout(watchdog);
  if (step !== "deliver" && step !== "answer") return;
  watchdog = setTimeout(() => stop(step === "deliver" ? "not-delivered" : "no-answer"),
    BOUNDS_S[step] * 1000);
}

function stop(problem, detail = "") {
  if (task.value && allows(task.value.step, "stopped")) move("stopped", { problem, detail });
}

async function perform(vehicle, action) {
  begin(vehicle, action);
  try {
    const key = await courier.ownKey();
    const grant = await obtainGrant(vehicle, action, key);
    await send(vehicle, action, key, grant);
  } catch (error) {
    stop(error.name, error.detail);
    if (!(error instanceof ApiError)) throw error; // a fault of this page: also to the console
  }
}

async function obtainGrant(vehicle, action, key) {
  const stored = await courier.storedGrant(vehicle, key);
  if (action === LOCK) return stored ?? courier.requestGrant(vehicle, key);
  if (stored) {
    move("granted");
    return stored;
  }
  move("made");
  await courier.register(key);
  move("registered");
  const grant = await courier.requestGrant(vehicle, key);
  move("issued");
  return grant;
}

async function send(vehicle, action, key, grant) {
  const { challenge, expires } = await courier.freshChallenge(vehicle, task.value.used);
  move("challenge", { used: [...task.value.used, challenge] });
  const command = await courier.present({ vehicle, action, grant, key, challenge });
  await remember(vehicle, action, command.id, grant);
  move("accepted", { commandId: command.id, expires });
  followCommand(command.id);
}

/** Written before anything can happen on the vehicle: a reload finds the open command again. */
async function remember(vehicle, action, commandId, grant) {
  const before = ride.value ?? { vehicle, unlockedAt: null, startOdometer: null, seenOpen: false };
  const ids = action === UNLOCK ? { unlockId: commandId } : { lockId: commandId };
  await saveRide({ ...before, ...ids, vehicle, grantEnds: grant.notAfter });
}

async function saveRide(value) {
  ride.value = value;
  await (value ? store.write("ride", value) : store.remove("ride"));
}

function followCommand(id) {
  stream?.abort();
  stream = new AbortController();
  const { signal } = stream;
  const onEvent = ({ type, data }) => {
    if (signal.aborted) return;
    if (type === "command" && data.id === id) onCommand(data);
    if (type === "vehicle") onVehicle(data);
  };
  const onState = (state) => {
    line.value = state;
  };
  follow(`/v1/commands/${encodeURIComponent(id)}/stream`, { signal, onEvent, onState })
    .catch((error) => stop(error.name));
}

async function onCommand(command) {
  const event = eventOf(command.state);
  if (!task.value || !event || command.id !== task.value.commandId) return;
  if (event === "refused" && mayRetry(command.refusal, task.value.tries)) return retry();
  if (!allows(task.value.step, event)) return;
  if (event === "refused") return refuse(command);
  if (event === "expired") return move("expired", { problem: "command-expired" });
  move(event);
  if (event === "executed") await done(command);
}

/** Somebody else's command took the challenge: once more, with a fresh one. */
async function retry() {
  const { vehicle, action, step, tries } = task.value;
  if (!allows(step, "stale")) return;
  move("stale", { tries: tries + 1 });
  try {
    const key = await courier.ownKey();
    await send(vehicle, action, key, await courier.storedGrant(vehicle, key) ??
      await courier.requestGrant(vehicle, key));
  } catch (error) {
    stop(error.name, error.detail);
  }
}

async function refuse({ refusal }) {
  const { vehicle, action } = task.value;
  move("refused", { refusal: refusal ?? { code: 0, name: "UNKNOWN" } });
  if (GRANT_OVER.includes(refusal?.code)) {
    const grant = await courier.forgetGrant(vehicle);
    if (grant) await dropWith(vehicle, grant.grantId);
  }
  if (action === LOCK) return saveRide({ ...ride.value, lockId: null });
  stream?.abort();
  return saveRide(null);
}

async function done(command) {
  if (task.value.action === LOCK) return finish("lock");
  task.value = null;
  await saveRide({ ...ride.value, unlockedAt: Date.now(), unlockedLeaf: command.leaf_index });
}

/** The vehicle's own report: speed, battery and the lock state that counts. */
async function onVehicle(report) {
  live.value = { ...live.value, ...report };
  const current = ride.value;
  if (!current?.unlockedAt) return;
  const open = report.state && report.state !== "LOCKED" && report.state !== "UNKNOWN";
  const begins = current.startOdometer === null && report.odometer_m !== undefined;
  if ((open && !current.seenOpen) || begins) {
    await saveRide({
      ...current,
      seenOpen: current.seenOpen || open,
      startOdometer: begins ? report.odometer_m : current.startOdometer,
    });
  }
  // Locked after it was seen open: a lock of ours took effect, or the vehicle locked itself.
  const late = Date.now() - current.unlockedAt > SETTLED_MS;
  if (report.state === "LOCKED" && (current.seenOpen || late)) {
    await finish(task.value ? "lock" : "itself");
  }
}

async function finish(how) {
  clearTimeout(watchdog);
  const { vehicle, unlockId, lockId, unlockedAt, startOdometer } = ride.value;
  const report = live.value ?? {};
  const known = typeof startOdometer === "number" && typeof report.odometer_m === "number";
  ended.value = {
    vehicle, unlockId, lockId, how,
    duration: Date.now() - unlockedAt,
    metres: known ? report.odometer_m - startOdometer : null,
    soc: report.soc_permille,
  };
  announcement.value = t(how === "lock" ? "ride.locked" : "ride.locked-itself");
  stream?.abort();
  task.value = null;
  live.value = null;
  await saveRide(null);
}

/** Put a failed task away: a lock goes back to the ride, an unlock back to the vehicle. */
export function dismissTask() {
  clearTimeout(watchdog);
  if (task.value?.action === UNLOCK) return giveUp();
  task.value = null;
  return undefined;
}

async function giveUp() {
  stream?.abort();
  task.value = null;
  await saveRide(null);
}

export function startOver() {
  ended.value = null;
  live.value = null;
  location.hash = "";
  loadVehicles();
}

/** After a reload: the ride or the command that was under way, as the server and vehicle have it. */
export async function resume() {
  let stored;
  try {
    stored = await store.read("ride");
  } catch {
    storageFault.value = true;
  }
  if (!stored) return;
  chosen.value = stored.vehicle;
  ride.value = stored;
  if (stored.unlockedAt) return resumeRide(stored);
  return resumeCommand(stored.vehicle, UNLOCK, stored.unlockId);
}

async function resumeRide(stored) {
  if (!stored.lockId) return followCommand(stored.unlockId);
  return resumeCommand(stored.vehicle, LOCK, stored.lockId);
}

async function resumeCommand(vehicle, action, id) {
  task.value = {
    vehicle, action, step: "deliver", last: "deliver", since: Date.now(), tries: 1, used: [],
    commandId: id,
  };
  watch("deliver");
  followCommand(id);
  try {
    const command = await courier.commandNow(id);
    if (ENDED_COMMANDS.includes(command.state)) await onCommand(command);
  } catch (error) {
    if (error.status === 404) await giveUp();
  }
}

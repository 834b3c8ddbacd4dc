// Fetches and follows the fleet: the first answers by GET, everything after by the event stream.

import { get } from "/static/ui/api.js";
import { toDate } from "/static/ui/format.js";
import { follow } from "/static/ui/sse.js";
import * as state from "./state.js";

const TOKEN = "trifleet-operator-token";
const WINDOW_S = 900;
const MAX_KEPT = 2000; // of a list that a page which stays open for days would otherwise grow
let running = null;

/** `#token=...` is taken out of the address bar before anything else happens. */
export function takeToken() {
  const found = /^#token=(.+)$/.exec(location.hash);
  if (found) {
    sessionStorage.setItem(TOKEN, decodeURIComponent(found[1]));
    history.replaceState(null, "", location.pathname);
  }
  state.token.value = sessionStorage.getItem(TOKEN);
}

export function signIn(token) {
  sessionStorage.setItem(TOKEN, token);
  state.tokenFault.value = null;
  state.token.value = token;
  start();
}

export function signOut(fault = null) {
  running?.abort();
  sessionStorage.removeItem(TOKEN);
  state.vehicles.value = new Map();
  state.tokenFault.value = fault;
  state.token.value = null;
}

const fetchFleet = (path) => get(`/v1/fleet/${path}`, { token: state.token.value });

/** Name of the failure; a token that is not accepted leads back to the form. */
function failed(error) {
  if (error.status === 401 || error.status === 403) signOut("not-allowed");
  return error.name;
}

export async function start() {
  running?.abort();
  running = new AbortController();
  const { signal } = running;
  await Promise.all([loadVehicles(), loadRefusals(), loadGaps(), refreshUpdates()]);
  if (!state.token.value || signal.aborted) return;
  follow("/v1/fleet/stream", {
    token: state.token.value, signal, onEvent,
    onState(line) {
      // Events only tell what is new: what happened before the line stood is fetched once it does.
      if (line === "open") reload();
      state.line.value = line;
    },
  }).catch(failed);
}

export async function loadVehicles() {
  try {
    const { items } = await fetchFleet("vehicles");
    state.vehicles.value = new Map(items.map((item) => [item.id, item]));
    state.error.value = null;
  } catch (error) {
    state.error.value = failed(error);
  }
  state.loading.value = false;
}

export async function loadRefusals(older = false) {
  const { items, next, loading } = state.refusals.value;
  try {
    const answer = await fetchFleet(`refusals${older ? cursor(next) : ""}`);
    if (!older && !loading) noteUnseen(answer.items, state.refusals.value.items);
    const all = mergedRefusals(answer.items, state.refusals.value.items);
    const goesOn = older || loading ? answer.next : next;
    state.refusals.value = { items: all, next: goesOn, loading: false, error: null };
  } catch (error) {
    state.refusals.value = { items, next, loading: false, error: failed(error) };
  }
}

async function loadGaps() {
  try {
    const { items, next } = await fetchFleet("gaps");
    state.gaps.value = { items, more: next !== null };
  } catch (error) {
    failed(error);
  }
}

/** Roll-outs and vehicles; what was shown stays while the server is away. */
export async function loadUpdates() {
  try {
    const [rollouts, vehicles] = await Promise.all([fetchFleet("rollouts"), fetchFleet("releases")]);
    const found = { rollouts: rollouts.items, vehicles: vehicles.items };
    state.updates.value = { ...found, loading: false, error: null };
  } catch (error) {
    state.updates.value = { ...state.updates.value, loading: false, error: failed(error) };
  }
}

export function refreshUpdates() {
  if (state.token.value && state.route.value.page === "updates") loadUpdates();
}

function noteUnseen(found, known) {
  const keys = new Set(known.map(refusalKey));
  const fresh = found.filter((item) => !keys.has(refusalKey(item))).length;
  if (state.route.value.page !== "refusals") state.unseen.value += fresh;
}

const cursor = (next) => `?cursor=${encodeURIComponent(next)}`;
const vehiclePath = (id, rest) => `vehicles/${encodeURIComponent(id)}/${rest}`;

export async function openVehicle(id) {
  state.events.value = { items: [], next: null, loading: true, error: null };
  state.series.value = { time: [], speed_mmps: [], soc_permille: [] };
  await Promise.all([loadEvents(id), loadSeries(id)]);
}

export async function loadEvents(id, older = false) {
  const { items, next } = state.events.value;
  try {
    const answer = await fetchFleet(vehiclePath(id, `events${older ? cursor(next) : ""}`));
    if (state.route.value.id !== id) return;
    const all = merged(answer.items, state.events.value.items);
    state.events.value = { items: all, next: answer.next, loading: false, error: null };
  } catch (error) {
    state.events.value = { items, next, loading: false, error: failed(error) };
  }
}

const sameRecord = (one) => (other) => one.boot === other.boot && one.seq === other.seq;

/** Answers and events overtake each other: what both tell is one list, newest first. */
function merged(first, second) {
  const all = [...first, ...second.filter((item) => !first.some(sameRecord(item)))];
  return all.sort((a, b) => b.boot - a.boot || b.seq - a.seq).slice(0, MAX_KEPT);
}

function mergedRefusals(first, second) {
  const known = new Set(first.map(refusalKey));
  const all = [...first, ...second.filter((item) => !known.has(refusalKey(item)))];
  return all.sort((a, b) => b.server_time - a.server_time).slice(0, MAX_KEPT);
}

/** A record is shown before it is in the log: ask again for those that are not in it yet. */
export async function refreshEvents(anyway = false) {
  const { id } = state.route.value;
  const { items, next, loading } = state.events.value;
  if (!id || loading || (!anyway && items.every(isLogged))) return;
  try {
    const answer = await fetchFleet(vehiclePath(id, "events"));
    if (state.route.value.id !== id) return;
    const all = merged(answer.items, state.events.value.items);
    state.events.value = { ...state.events.value, items: all, next };
  } catch (error) {
    failed(error);
  }
}

export const isLogged = (item) => item.leaf_index !== null && item.leaf_index !== undefined;

async function loadSeries(id) {
  const to = Math.floor(Date.now() / 1000);
  try {
    const answer = await fetchFleet(vehiclePath(id, `telemetry?from=${to - WINDOW_S}&to=${to + 60}`));
    const { time, speed_mmps, soc_permille } = answer;
    if (state.route.value.id === id) state.series.value = { time, speed_mmps, soc_permille };
  } catch (error) {
    failed(error);
  }
}

function onEvent({ type, data }) {
  if (type === "vehicle") onVehicle(data);
  if (type === "record") onRecord(data);
  if (type === "refusal") onRefusal(data);
  if (type === "gap") loadGaps();
  if (type === "reset") reload(); // too much was missed to be told event by event
}

function reload() {
  loadVehicles();
  loadRefusals();
  loadGaps();
  if (state.route.value.id) refreshEvents(true);
}

function onVehicle(report) {
  const id = report.id ?? report.vehicle;
  if (!id) return;
  const known = state.vehicles.value.get(id);
  if (!known) loadVehicles();
  const updated = report.updated ?? report.time ?? known?.updated;
  const merged = { ...known, ...report, id, updated };
  state.vehicles.value = new Map(state.vehicles.value).set(id, merged);
  if (state.route.value.id === id) extendSeries(report);
}

function extendSeries(report) {
  const time = toDate(report.time ?? report.updated)?.getTime() / 1000;
  const { time: times, speed_mmps, soc_permille } = state.series.value;
  if (!Number.isFinite(time) || (times.length && time <= times.at(-1))) return;
  const from = times.findIndex((at) => at >= time - WINDOW_S);
  const keep = (column, value) => [...(from < 0 ? [] : column.slice(from)), value ?? null];
  state.series.value = {
    time: keep(times, time),
    speed_mmps: keep(speed_mmps, report.speed_mmps),
    soc_permille: keep(soc_permille, report.soc_permille),
  };
}

function onRecord(record) {
  if (record.vehicle !== state.route.value.id || record.kind_name === "TELEMETRY") return;
  const { items } = state.events.value;
  if (items.some(sameRecord(record))) return;
  state.events.value = { ...state.events.value, items: merged([record], items) };
}

function onRefusal(refusal) {
  const { items } = state.refusals.value;
  const fresh = items.every((item) => refusalKey(item) !== refusalKey(refusal));
  if (!fresh) return;
  state.refusals.value = { ...state.refusals.value, items: mergedRefusals([refusal], items) };
  if (state.route.value.page !== "refusals") state.unseen.value += 1;
}

/** Ids of refusals and of quarantined messages are counted apart. */
export const refusalKey = (item) =>
  `${item.source ?? ""}/${item.id ?? `${item.server_time}${item.detail ?? item.text}`}`;

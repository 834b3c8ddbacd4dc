// Finding entries: by vehicle and day with the operator's token, by number for anybody (what the
// log holds is public; what it commits to is not in it).

import { ApiError, get } from "/static/ui/api.js";
import { isFault } from "/static/ui/faults.js";
import { parseNumber } from "/static/log/checkpoint.js";
import { decodeStatement } from "/static/ui/statement.js";
import { refresh } from "./session.js";
import { entry, found, look, token, vehicles } from "./state.js";

const TOKEN = "trifleet-operator-token"; // the same place as on /fleet: one tab, one sign-in
const PAGE = 25;

export function start() {
  token.value = sessionStorage.getItem(TOKEN);
  if (token.value) loadVehicles();
}

export function signIn(text) {
  sessionStorage.setItem(TOKEN, text);
  token.value = text;
  loadVehicles();
}

export function signOut(problem = null) {
  sessionStorage.removeItem(TOKEN);
  token.value = null;
  found.value = problem ? { items: [], next: null, problem } : null;
}

async function loadVehicles() {
  try {
    vehicles.value = (await get("/v1/vehicles?limit=500")).items.map((item) => item.id);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    vehicles.value = []; // the name can be typed all the same
  }
}

/** [from, to] in seconds of a day (YYYY-MM-DD) where the reader is; none for no day. */
export function secondsOf(day) {
  if (!day) return null;
  const [year, month, date] = day.split("-").map(Number);
  const begin = (plus) => new Date(year, month - 1, date + plus).getTime() / 1000;
  return [begin(0), begin(1) - 1];
}

/** `asked` is {vehicle, day}, either may be empty. */
export async function search(asked) {
  found.value = { items: [], next: null, busy: true, asked };
  await load(asked, []);
}

export async function older() {
  const { asked, items, next } = found.value;
  found.value = { ...found.value, busy: true };
  await load(asked, items, next);
}

async function load(asked, before, cursor = null) {
  const span = secondsOf(asked.day);
  const query = new URLSearchParams({
    limit: PAGE,
    ...(asked.vehicle && { vehicle: asked.vehicle }),
    ...(span && { from: Math.max(0, span[0]), to: Math.max(0, span[1]) }),
    ...(cursor && { cursor }),
  });
  try {
    const { items, next } = await get(`/v1/fleet/statements?${query}`, { token: token.value });
    if (found.value?.asked === asked) found.value = { items: [...before, ...items], next, asked };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401 || error.status === 403) return signOut("not-allowed");
    found.value = { items: before, next: cursor, asked, problem: error.name };
  }
}

/** The entry of that number as the log itself holds it, proved up to the signed root. */
export async function openEntry(text) {
  entry.value = { index: text, busy: true };
  try {
    const index = parseNumber(text);
    if (!look.value?.tree || index >= look.value.checkpoint.size) await refresh();
    if (!look.value?.tree) entry.value = { index: text, problem: "offline" };
    else await showEntry(index);
  } catch (error) {
    if (isFault(error)) entry.value = { index: text, fault: error };
    else if (error instanceof ApiError) entry.value = { index: text, problem: error.name };
    else throw error;
  }
}

async function showEntry(index) {
  const { tree, checkpoint } = look.value;
  const bytes = await tree.entry(index);
  entry.value = { index, size: checkpoint.size, statement: decodeStatement(bytes) };
}

// The steps of an unlock and of a lock as a table: (step, event) -> step, everything else an error.
// Pure. Nothing here says "done" but the vehicle's own record (`executed`, or its lock state).

export const UNLOCK_STEPS = ["key", "register", "request", "wake", "send", "deliver", "answer"];
export const LOCK_STEPS = ["wake", "send", "deliver", "answer", "standstill"];

/** The longest each step may take, in seconds; the screen names step and bound. */
export const BOUNDS_S = {
  key: 15, register: 15, request: 25, wake: 45, send: 15, deliver: 30, answer: 20,
  standstill: null, // Bounded by the rider, who has to stop: no time is promised.
};

const ANSWERS = {
  delivered: "answer", executed: "done", pending: "standstill", refused: "refused",
  expired: "stopped", stopped: "stopped", stale: "wake",
};
export const TABLE = {
  key: { made: "register", granted: "wake", stopped: "stopped" },
  register: { registered: "request", stopped: "stopped" },
  request: { issued: "wake", stopped: "stopped" },
  wake: { challenge: "send", stopped: "stopped" },
  send: { accepted: "deliver", stopped: "stopped", stale: "wake", refused: "refused" },
  deliver: { ...ANSWERS, queued: "deliver" },
  answer: { ...ANSWERS, delivered: "answer" },
  standstill: { executed: "done", refused: "refused", stopped: "stopped", pending: "standstill" },
  // A late answer still counts: the vehicle's record is the truth, whatever the clock said.
  stopped: { executed: "done", pending: "standstill", refused: "refused" },
  done: {},
  refused: {},
};

export function next(step, event) {
  const target = TABLE[step]?.[event];
  if (!target) throw new Error(`no way from ${step} by ${event}`);
  return target;
}

export const allows = (step, event) => Boolean(TABLE[step]?.[event]);

const EVENTS = {
  queued: "queued", sent: "queued", delivered: "delivered", executed: "executed",
  pending: "pending", refused: "refused", expired: "expired",
};

/** The event that a command's state (docs of the API) is for the table. */
export const eventOf = (state) => EVENTS[state] ?? null;

/** EXPIRED, CLOCK, GENERATION, REVOKED: refused so, a grant opens no more. */
export const GRANT_OVER = [9, 10, 11, 12];

const MISSED = 3; // refusal code CHALLENGE: somebody else's command took it

/** One fresh try after a missed challenge, none after anything else. */
export const mayRetry = (refusal, tries) => refusal?.code === MISSED && tries < 2;

/** What a step shows as, beside the present one: done, now, next or failed. */
export function stepState(steps, present, step, last) {
  const at = steps.indexOf(step);
  if (present === "done") return "done";
  if (present === "refused" || present === "stopped") {
    const failed = steps.indexOf(last);
    return at < failed ? "done" : at === failed ? "failed" : "next";
  }
  const here = steps.indexOf(present);
  return at < here ? "done" : at === here ? "now" : "next";
}

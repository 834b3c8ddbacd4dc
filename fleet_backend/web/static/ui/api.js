// The HTTP API as named answers: every failure is an ApiError with a stable name, never a bare
// status. `offline` and `timeout` are names too.

const TIMEOUT_MS = 10_000;

export class ApiError extends Error {
  /** `name` is the problem's own name where the server gives one (RFC 9457). */
  constructor(name, status = 0, detail = "") {
    super(detail ? `${name}: ${detail}` : name);
    this.name = name;
    this.status = status;
    this.detail = detail;
  }
}

export async function call(path, { method = "GET", body, token, key, timeoutMs = TIMEOUT_MS } = {}) {
  const headers = { Accept: "application/json, text/plain" };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method === "POST") headers["Idempotency-Key"] = key ?? crypto.randomUUID();
  const init = { method, headers, cache: "no-store", signal: AbortSignal.timeout(timeoutMs) };
  if (body !== undefined) init.body = JSON.stringify(body);
  const response = await request(path, init);
  if (!response.ok) throw await problem(response);
  const type = response.headers.get("content-type") ?? "";
  return guarded(() => (type.includes("json") ? response.json() : response.text()));
}

export const get = (path, options = {}) => call(path, options);
/** One key for all tries of one intention: a repeated POST then has no second effect. */
export const post = (path, body, options = {}) => call(path, { ...options, method: "POST", body });

/** Repeat a POST under one Idempotency-Key while only the network fails. */
export async function postSurely(path, body, { tries = 3, ...options } = {}) {
  const key = crypto.randomUUID();
  for (let i = 1; ; i += 1) {
    try {
      return await post(path, body, { ...options, key });
    } catch (error) {
      const passing = error.name === "offline" || error.name === "timeout" || error.status >= 502;
      if (!passing || i >= tries) throw error;
      await new Promise((resolve) => setTimeout(resolve, 400 * i));
    }
  }
}

export async function request(path, init) {
  return guarded(() => fetch(path, init));
}

export async function guarded(work) {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ApiError || error.name === "AbortError") throw error;
    if (error instanceof SyntaxError) throw new ApiError("bad-answer", 0, error.message);
    throw new ApiError(error.name === "TimeoutError" ? "timeout" : "offline", 0, error.message);
  }
}

export async function problem(response) {
  let value = {};
  try {
    value = await response.json();
  } catch {
    // Not our API's words (a proxy's page): the status is all that is known.
  }
  const fromType = String(value.type ?? "").split(/[/:#]/).filter(Boolean).at(-1);
  const named = value.name ?? (fromType && fromType !== "blank" ? fromType : null);
  return new ApiError(named ?? fallbackName(response.status), response.status, value.detail ?? "");
}

function fallbackName(status) {
  if (status === 401 || status === 403) return "not-allowed";
  if (status === 404) return "not-found";
  if (status === 429) return "too-many-requests";
  return status >= 500 ? "server-error" : "bad-request";
}

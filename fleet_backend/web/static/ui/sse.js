// Server-sent events over fetch(), so that a header can carry the operator's token. Reconnects with
// a growing pause and Last-Event-ID; a silent line (no heartbeat) counts as broken.

import { problem, request } from "./api.js";

const SILENCE_MS = 25_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;

/**
 * Runs until `signal` aborts or the server answers 4xx (then it rejects with the ApiError).
 * `onEvent({type, data, id})`; `onState("open" | "waiting")`.
 */
export async function follow(path, { token, signal, onEvent, onState = () => {} }) {
  const position = { id: null };
  let pause = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    try {
      await connect(path, { token, signal, position, onEvent, opened: () => {
        pause = FIRST_PAUSE_MS;
        onState("open");
      } });
    } catch (error) {
      if (error.status >= 400 && error.status < 500 && error.status !== 429) throw error;
    }
    if (signal.aborted) return;
    onState("waiting");
    await sleep(pause * (0.75 + Math.random() / 2), signal);
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }
}

async function connect(path, { token, signal, position, onEvent, opened }) {
  const silence = new AbortController();
  const headers = { Accept: "text/event-stream" };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (position.id !== null) headers["Last-Event-ID"] = position.id;
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  try {
    const both = AbortSignal.any([signal, silence.signal]);
    const response = await request(path, { headers, signal: both, cache: "no-store" });
    if (!response.ok) throw await problem(response);
    opened();
    const parser = new EventParser(position, onEvent);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
      parser.push(value);
    }
  } finally {
    clearTimeout(timer);
  }
}

export class EventParser {
  constructor(position, onEvent) {
    this.position = position;
    this.onEvent = onEvent;
    this.rest = "";
    this.clear();
  }

  clear() {
    this.type = "message";
    this.data = [];
  }

  push(text) {
    const lines = (this.rest + text).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop();
    for (const line of lines) this.line(line);
  }

  line(line) {
    if (line === "") return this.dispatch();
    const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line);
    if (field === "event") this.type = value;
    else if (field === "data") this.data.push(value);
    else if (field === "id" && !value.includes("\0")) this.position.id = value;
  }

  dispatch() {
    const { type, data } = this;
    this.clear();
    if (!data.length) return;
    let value;
    try {
      value = JSON.parse(data.join("\n"));
    } catch {
      return; // Not an event of ours.
    }
    this.onEvent({ type, data: value, id: this.position.id });
  }
}

export function sleep(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}

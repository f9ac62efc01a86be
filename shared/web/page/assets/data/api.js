// Asks our endpoints. An answer is JSON, or an ApiError that says what the reader of the page can do.

import { credentialHeader } from "./session.js";

class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

// What was answered last, by address: a report that has not changed is not sent again.
const kept = new Map();
const MOST_KEPT = 60;

/** The address of an endpoint, as "usage/records", wherever the app is mounted. */
export const endpoint = (path) => new URL(`../${path}`, document.baseURI);

export function address(path, parameters = {}) {
  const url = endpoint(path);
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, value);
  }
  return url;
}

export async function get(path, parameters, signal) {
  const url = address(path, parameters).href;
  const held = kept.get(url);
  const response = await send(url, { signal, headers: held ? { "if-none-match": held.tag } : {} });
  if (response.status === 304 && held) return held.body;
  const body = await read(response);
  const tag = response.headers.get("etag");
  if (tag) keep(url, { tag, body });
  return body;
}

export async function post(path, body) {
  const headers = { "content-type": "application/json" };
  return read(await send(endpoint(path).href, { method: "POST", headers, body: JSON.stringify(body) }));
}

/** Forget what was answered: it was for who is no longer signed in. */
export const forgetAnswers = () => kept.clear();

export async function send(url, options) {
  const headers = { ...options.headers, ...credentialHeader(), "x-requested-with": "XMLHttpRequest" };
  let response;
  try {
    // A session of the platform's that has run out is answered with its sign-in page, which is another host's.
    response = await fetch(url, { ...options, headers, cache: "no-store", redirect: "manual" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "offline", "The ledger could not be reached.");
  }
  if (response.type === "opaqueredirect") throw new ApiError(401, "signed_out", "You are no longer signed in.");
  if (response.ok || response.status === 304) return response;
  throw await errorOf(response);
}

async function read(response) {
  try {
    return await response.json();
  } catch {
    throw new ApiError(response.status, "not_json", "The ledger's answer could not be read.");
  }
}

async function errorOf(response) {
  const error = (await response.json().catch(() => null))?.error;
  return new ApiError(response.status, error?.code ?? "", error?.message ?? `The ledger answered ${response.status}.`);
}

function keep(url, answer) {
  kept.delete(url);
  kept.set(url, answer);
  if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
}

// What stands where there is no report: not yet, nothing, or an error; and what a screen reader is told of it.

import { h, replace } from "./dom.js";
import { platformSignIn, hasPlatformSignIn } from "../data/session.js";

const WORDS = {
  0: ["No connection", "The ledger could not be reached. Check your network; nothing is lost."],
  403: ["Not yours to see", null],
  404: ["Not found", null],
  503: ["Storage is in trouble", "The ledger cannot be read at the moment. Nothing that was recorded is lost."],
};

/** Say something to who does not see the page change. */
export function say(text) {
  document.getElementById("status").textContent = text;
}

/** Grey where a report will be, as high as it will be about: nothing jumps when it comes. */
export const skeleton = (lines = 5) =>
  h(
    "div",
    { class: "skeleton", "aria-hidden": "true" },
    Array.from({ length: lines }, () => h("span")),
  );

export const empty = (title, text, ...more) =>
  h("div", { class: "empty" }, h("p", { class: "empty-title" }, title), text && h("p", {}, text), more);

/** An error where the report would be, with what can be done about it. */
export function trouble(error, again) {
  const [title, text] = WORDS[error.status] ?? ["Something went wrong", null];
  const signIn =
    error.status === 401 && hasPlatformSignIn() && h("a", { class: "button", href: platformSignIn() }, "Sign in");
  const retry =
    again &&
    error.status !== 403 &&
    h("button", { class: "button", type: "button", on: { click: again } }, "Try again");
  return h(
    "div",
    { class: "empty trouble" },
    h("p", { class: "empty-title" }, title),
    h("p", {}, text ?? error.message),
    signIn,
    retry,
  );
}

/**
 * Fill a place with what a promise brings: a skeleton meanwhile, the error where it fails.
 * `ask` gets a signal that is aborted when the view is left.
 */
export async function fill(place, ask, show, { lines = 5, signal } = {}) {
  const again = () => {
    // The button that was pressed is about to go: who is at the keyboard stays here.
    place.tabIndex = -1;
    place.focus();
    fill(place, ask, show, { lines, signal });
  };
  replace(place, skeleton(lines));
  place.setAttribute("aria-busy", "true");
  try {
    const answer = await ask();
    if (signal?.aborted) return;
    replace(place, show(answer));
  } catch (error) {
    if (error.name === "AbortError" || signal?.aborted) return;
    if (error.status === 401) dispatchEvent(new CustomEvent("signed-out", { detail: error.message }));
    // Not an answer's fault but ours: it must reach the console.
    if (error.status === undefined) reportError(error);
    replace(
      place,
      trouble(error, again),
    );
    say(error.message);
  } finally {
    place.removeAttribute("aria-busy");
  }
}

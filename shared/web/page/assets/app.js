// Who looks, at what: finds out the first, reads the second from the address, and shows the view.

import { forgetAnswers, get } from "./data/api.js";
import { asked, followLinks } from "./data/address.js";
import { credential, forgetCredential, viewer as viewerOf } from "./data/session.js";
import { h, replace } from "./parts/dom.js";
import { keepFocus, watchFocus } from "./parts/focus.js";
import { frame, showCounts } from "./parts/frame.js";
import { say, skeleton, trouble } from "./parts/states.js";
import { breakdown } from "./views/breakdown.js";
import { findings, openFindings } from "./views/findings.js";
import { latency } from "./views/latency.js";
import { overview } from "./views/overview.js";
import { reconciliation } from "./views/reconciliation.js";
import { record } from "./views/record.js";
import { records } from "./views/records.js";
import { signIn } from "./views/sign_in.js";

// A view that shows more than one's own calls is offered, and opened, only to who may see them.
const VIEWS = {
  overview: { name: "Overview", show: overview },
  breakdown: { name: "Breakdown", show: breakdown },
  latency: { name: "Latency", show: latency },
  records: { name: "Records", show: records },
  record: { show: record },
  findings: { name: "Findings", show: findings },
  reconciliation: { name: "Reconciliation", show: reconciliation, isOfAll: true },
};

const main = document.getElementById("main");
let viewer = null;
let leave = new AbortController();
let counts = {};
let shown = "";

async function start() {
  leave.abort();
  viewer = null;
  counts = {};
  frame(asked(), null, [], signOut, counts);
  replace(main, skeleton(8));
  const isTried = Boolean(credential());
  try {
    viewer = viewerOf(await get("usage/page/me"));
  } catch (error) {
    const isRefused = error.status === 403 || isTried;
    // No credential, or one that lets nobody in: another may be better.
    if (error.status === 401 || error.status === 403) return askWho(isRefused ? error.message : "");
    return replace(main, h("h1", { class: "unseen" }, "Usage"), trouble(error, start));
  }
  show({ isFirst: true });
  count();
}

function show({ isFirst = false, isBack = false } = {}) {
  if (!viewer) return;
  leave.abort();
  leave = new AbortController();
  const place = asked();
  const view = allowed()[place.view] ?? VIEWS.overview;
  const isKept = place.view === shown && keepFocus(main);
  shown = place.view;
  frame(place, viewer, ways(), signOut, counts);
  replace(main, view.show({ place, viewer, signal: leave.signal, changed: count }));
  const title = main.querySelector("h1");
  document.title = `${title.textContent} · aoai-ledger`;
  if (isFirst || isKept) return;
  // As after loading a page: a screen reader is told where it is, and the keyboard starts from there.
  title.focus({ preventScroll: true });
  if (!isBack) scrollTo(0, 0);
}

const allowed = () => Object.fromEntries(Object.entries(VIEWS).filter(([, view]) => viewer.seesAll || !view.isOfAll));
const ways = () =>
  Object.entries(allowed())
    .filter(([, view]) => view.name)
    .map(([key, view]) => [key, view.name]);

/** How many findings wait for somebody: shown wherever one is. */
async function count() {
  try {
    counts = { findings: await openFindings() };
    showCounts(counts);
  } catch {
    // The bar does without; the view of findings itself says what is wrong.
    counts = {};
  }
}

function signOut() {
  forgetCredential();
  start();
  say("Signed out.");
}

function askWho(message) {
  leave.abort();
  viewer = null;
  forgetCredential();
  forgetAnswers();
  frame(asked(), null, [], signOut, {});
  replace(main, signIn(message, start));
  document.title = "Sign in · aoai-ledger";
}

followLinks();
watchFocus(main);
addEventListener("asked", (event) => show({ isBack: event.detail === "back" }));
addEventListener("signed-out", (event) => viewer && askWho(event.detail));
// Paper is light whatever the screen is; what is drawn has to be drawn anew.
for (const light of ["(prefers-color-scheme: dark)", "print"]) {
  matchMedia(light).addEventListener("change", () => dispatchEvent(new CustomEvent("themed")));
}
start();

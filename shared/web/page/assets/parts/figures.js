// The numbers one looks at first: how much, and how that has changed.

import { h } from "./dom.js";
import { brief, changed, cost, count, counted, part } from "./format.js";

/** Calls, tokens, cost and what did not end well, of one period, as a row of a ledger. */
export function figures(title, note, totals, link) {
  return h(
    "section",
    { class: "figures", "aria-label": title },
    h(
      "div",
      { class: "figures-title" },
      h("h2", {}, link ? h("a", { href: link }, title) : title),
      h("p", { class: "note" }, note),
    ),
    h(
      "dl",
      {},
      figure("Calls", brief(totals.calls), count(totals.calls), [since(totals.calls, totals.previous_calls)]),
      figure("Tokens", brief(totals.total_tokens), count(totals.total_tokens), [
        since(totals.total_tokens, totals.previous_total_tokens),
      ]),
      figure("Cost, US dollars", cost(totals.cost_usd), null, [
        since(totals.cost_usd, totals.previous_cost_usd),
        unpriced(totals),
      ]),
      figure("Not completed", brief(totals.calls_failed), count(totals.calls_failed), [failedShare(totals)]),
    ),
  );
}

const figure = (name, value, whole, notes) =>
  h(
    "div",
    {},
    h("dt", {}, name),
    h("dd", { title: whole }, value),
    notes.filter(Boolean).map((note) => h("dd", { class: "note" }, note)),
  );

function since(value, before) {
  const change = changed(value, before);
  return change ? `${change} on the period before` : null;
}

/** A sum that leaves calls out must say so. */
const unpriced = (totals) =>
  totals.calls_unpriced > 0 ? `${counted(totals.calls_unpriced, "call")} without a price` : null;

const failedShare = (totals) => (totals.calls > 0 ? `${part(totals.calls_failed / totals.calls)} of calls` : null);

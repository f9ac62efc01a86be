// Whether the ledger is complete: our records against what Azure logged, hour by hour.

import { h } from "../parts/dom.js";
import { brief, count, counted, day, duration, hour, second } from "../parts/format.js";
import { head } from "../parts/head.js";
import { badge, panel } from "../parts/panel.js";
import { empty, fill } from "../parts/states.js";
import { table } from "../parts/table.js";
import { accountOf } from "../parts/words.js";
import { get } from "../data/api.js";
import { linkTo } from "../data/address.js";
import { bins, periodOf } from "../data/period.js";

const HOUR = 3_600_000;
const COUNTED = ["matched", "ours_only", "azure_only", "late"];
const STATES = {
  bad: "calls missing on one side",
  wait: "still waiting for Azure’s logs",
  good: "everything matched",
  none: "no calls",
};

export function reconciliation({ place, viewer, signal }) {
  const period = periodOf(place);
  const box = h("div", {});
  fill(
    box,
    () => get("reconciliation", { from: period.from, to: period.to, resource: place.resource }, signal),
    (report) => shown(report, place, period),
    { lines: 10, signal },
  );
  return [head("Reconciliation", { place, viewer, filters: [], period }), box];
}

function shown(report, place, period) {
  if (!report.rows.length) {
    return h(
      "div",
      { class: "panel" },
      empty(
        "Nothing to reconcile",
        "There are no calls in this time, or Azure’s logs are not exported to the ledger’s storage account.",
      ),
    );
  }
  return [
    sums(report),
    panel(
      period.bin === "hour" ? "Hour by hour" : "Day by day",
      {
        wide: true,
        note: `each mark is ${period.bin === "hour" ? "an hour" : "a day"} (UTC); the same in numbers below`,
      },
      h(
        "ul",
        { class: "strips" },
        [...Map.groupBy(report.rows, (row) => row.resource)].map(([resource, rows]) =>
          strip(resource, rows, place, period),
        ),
      ),
      h(
        "ul",
        { class: "legend" },
        ["good", "bad", "wait", "none"].map((state) =>
          h("li", {}, h("span", { class: `mark-${state}`, "aria-hidden": "true" }), STATES[state]),
        ),
      ),
    ),
    panel("Hours to look at", { wide: true, note: "where a side misses calls, newest first" }, missing(report.rows)),
    panel(
      "All hours",
      { wide: true },
      h(
        "details",
        { class: "numbers" },
        h("summary", {}, counted(report.rows.length, "row")),
        hours("Calls by resource and hour", report.rows),
      ),
    ),
  ];
}

function sums({ totals, lateness_seconds: lateness }) {
  const missing = totals.ours_only + totals.azure_only;
  const told = missing
    ? badge("bad", `${counted(missing, "call")} missing on one side`)
    : totals.late
      ? badge("soft", "Complete so far")
      : badge("good", "The ledger is complete");
  return h(
    "section",
    { class: "figures", "aria-label": "Totals" },
    h(
      "div",
      { class: "figures-title" },
      h("p", { class: "verdict" }, told),
      h(
        "p",
        { class: "note" },
        `Azure’s logs may come ${duration(lateness * 1000)} late; what is not there then is missing.`,
      ),
    ),
    h(
      "dl",
      {},
      sumOf("Matched", totals.matched),
      sumOf("Ours only", totals.ours_only, "Azure has no log of them"),
      sumOf("Azure’s only", totals.azure_only, "they went past the gateway"),
      sumOf("Late", totals.late, "Azure’s log is awaited"),
    ),
  );
}

const sumOf = (name, value, note) =>
  h(
    "div",
    {},
    h("dt", {}, name),
    h("dd", { title: count(value) }, brief(value)),
    note && h("dd", { class: "note" }, note),
  );

/** A resource as a strip of marks, an hour each; where these would be too many, a day each. */
function strip(resource, rows, place, period) {
  const step = period.bin === "hour" ? HOUR : 24 * HOUR;
  const held = Map.groupBy(rows, (row) => Math.floor(Date.parse(row.hour) / step) * step);
  const marks = bins(period).map((time) => [time, stateOf(held.get(time) ?? [])]);
  const bad = marks.filter(([, state]) => state === "bad").length;
  const unit = period.bin === "hour" ? "hours" : "days";
  const words = bad
    ? `${count(bad)} of ${count(marks.length)} ${unit} with calls missing`
    : `no ${unit} with calls missing`;
  const name = period.bin === "hour" ? hour : day;
  return h(
    "li",
    {},
    h(
      "p",
      {},
      h(
        "a",
        {
          href: linkTo(place, { resource: place.resource ? "" : resource }),
          title: `${resource}: show ${place.resource ? "all resources" : "this one alone"}`,
        },
        accountOf(resource),
      ),
      h("span", { class: "note" }, words),
    ),
    h(
      "div",
      { class: "strip", "aria-hidden": "true" },
      marks.map(([time, state]) => h("span", { class: `mark-${state}`, title: `${name(time)} UTC: ${STATES[state]}` })),
    ),
  );
}

function stateOf(rows) {
  if (!rows.length) return "none";
  if (rows.some((row) => row.ours_only || row.azure_only)) return "bad";
  return rows.some((row) => row.late || !row.settled) ? "wait" : "good";
}

function missing(rows) {
  const found = rows.filter((row) => row.ours_only || row.azure_only);
  return found.length
    ? hours("Hours in which a side misses calls", found)
    : empty("None", "In every hour that is settled, both sides have the same calls.");
}

const hours = (caption, rows) =>
  table(caption, columns(), newestFirst(rows), { sorted: { name: "Hour (UTC)", isDescending: true } });

const newestFirst = (rows) => rows.toSorted((a, b) => Date.parse(b.hour) - Date.parse(a.hour));

function columns() {
  const number = (name, field, group) => ({
    name,
    group,
    number: true,
    cell: (row) => count(row[field]),
    key: (row) => row[field] ?? null,
  });
  return [
    { name: "Hour (UTC)", cell: (row) => hour(row.hour), key: (row) => Date.parse(row.hour) },
    {
      name: "Resource",
      cell: (row) => h("span", { title: row.resource }, accountOf(row.resource)),
      key: (row) => accountOf(row.resource),
    },
    ...COUNTED.map((field, i) => number(["Matched", "Ours only", "Azure’s only", "Late"][i], field, "Calls")),
    number("Ours", "our_prompt_tokens", "Prompt tokens"),
    number("Azure’s", "azure_prompt_tokens", "Prompt tokens"),
    number("Ours ", "our_completion_tokens", "Completion tokens"),
    number("Azure’s ", "azure_completion_tokens", "Completion tokens"),
    {
      name: "State",
      cell: (row) => (row.settled ? badge("good", "settled") : badge("soft", "open")),
      key: (row) => String(row.settled),
    },
    { name: "Checked (UTC)", cell: (row) => second(row.reconciled_at) },
  ];
}

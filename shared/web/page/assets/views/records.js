// Calls one by one, newest first.

import { h } from "../parts/dom.js";
import { cost, count, duration, second } from "../parts/format.js";
import { segments } from "../parts/choices.js";
import { head } from "../parts/head.js";
import { badge, panel } from "../parts/panel.js";
import { empty, fill } from "../parts/states.js";
import { table } from "../parts/table.js";
import { outcome } from "../parts/words.js";
import { filtersOf, linkTo, viewLink } from "../data/address.js";
import { get } from "../data/api.js";
import { periodOf } from "../data/period.js";

const PAGE = 50;
// What single records are found by.
const FILTERS = ["principal", "deployment", "model", "operation", "outcome"];
const ORDERS = [
  ["newest", "Newest first"],
  ["oldest", "Oldest first"],
];

export function records({ place, viewer, signal }) {
  const period = periodOf(place);
  const order = place.order === "oldest" ? "oldest" : "newest";
  const narrowed = Object.fromEntries(Object.entries(filtersOf(place)).filter(([name]) => FILTERS.includes(name)));
  const query = { from: period.from, to: period.to, order, limit: PAGE, after: place.after, ...narrowed };
  const box = h("div", {});
  fill(
    box,
    () => get("usage/records", query, signal),
    (page) => shown(page, place, viewer),
    { lines: 12, signal },
  );
  return [
    head("Records", { place, viewer, filters: FILTERS }),
    panel("Calls", { wide: true, tools: [segments("Order", place, "order", ORDERS, order)] }, box),
  ];
}

function shown(page, place, viewer) {
  if (!page.records.length)
    return empty(
      "No calls",
      place.after ? "There is nothing further back." : "Choose another period, or take away a filter.",
    );
  return [table("Calls", columns(place, viewer), page.records), pager(page, place)];
}

/** The way on is an address like any other: the back button leads back. */
function pager(page, place) {
  const after = page.next && new URLSearchParams(page.next.slice(page.next.indexOf("?"))).get("after");
  return (
    (after || place.after) &&
    h(
      "nav",
      { class: "pager", "aria-label": "Pages" },
      place.after && h("a", { class: "button", href: linkTo(place, { after: "" }) }, "First page"),
      after && h("a", { class: "button", href: linkTo(place, { after }) }, "Next page"),
    )
  );
}

function columns(place, viewer) {
  return [
    { name: "Begun (UTC)", cell: (row) => h("a", { href: recordLink(place, row) }, second(row.begun_at)) },
    { name: "Outcome", cell: (row) => ending(row) },
    viewer.seesAll && {
      name: "Principal, label",
      cell: (row) => [
        h("span", { title: row.object_id }, row.principal_name || row.object_id),
        row.user_label && h("span", { class: "note" }, row.user_label),
      ],
    },
    {
      name: "Deployment",
      cell: (row) => [
        row.deployment || "–",
        row.model && row.model !== row.deployment && h("span", { class: "note" }, row.model),
      ],
    },
    { name: "Operation", cell: (row) => row.operation },
    { name: "Prompt", number: true, cell: (row) => count(row.prompt_tokens) },
    { name: "Completion", number: true, cell: (row) => count(row.completion_tokens) },
    { name: "Cost", number: true, cell: (row) => cost(row.cost_usd) },
    { name: "Took", number: true, cell: (row) => duration(row.duration_ms) },
    !viewer.seesAll && { name: "Label", cell: (row) => row.user_label || "–" },
  ].filter(Boolean);
}

const recordLink = (place, row) => viewLink(place, "record", { call: row.call_id, at: row.begun_at });

function ending(row) {
  const { name, tone } = outcome(row.outcome);
  return [
    badge(tone, name),
    row.origin === "azure_logs" && h("span", { class: "note" }, "past the gateway"),
    row.error_code && h("span", { class: "note" }, row.error_code),
  ];
}

// Who used what, in full: a row for each value of a dimension, in the order one asks for.

import { h } from "../parts/dom.js";
import { picker } from "../parts/choices.js";
import { brief, cost, count, counted } from "../parts/format.js";
import { head } from "../parts/head.js";
import { csvLink, panel } from "../parts/panel.js";
import { empty, fill } from "../parts/states.js";
import { table } from "../parts/table.js";
import { COLUMNS, DIMENSION_NAMES, KINDS, nameOf, valueOf } from "../parts/words.js";
import { filtersOf, goTo, linkTo, viewLink } from "../data/address.js";
import { periodOf } from "../data/period.js";
import { usage } from "../data/usage.js";

const DIMENSIONS = ["principal", "deployment", "model", "operation", "outcome", "label", "day", "hour", "month"];
const TOPS = ["10", "25", "100", "1000"];
const SHOWN = [
  "calls",
  "calls_failed",
  "prompt_tokens",
  "cached_tokens",
  "completion_tokens",
  "reasoning_tokens",
  "total_tokens",
  "cost_usd",
  "calls_unpriced",
];

export function breakdown({ place, viewer, signal }) {
  const offered = DIMENSIONS.filter((name) => name !== "principal" || viewer.seesAll);
  const by = offered.includes(place.by) ? place.by : offered[0];
  const top = TOPS.includes(place.top) ? place.top : "25";
  const order = place.sort || (["day", "hour", "month"].includes(by) ? "" : `-${place.measure || "total_tokens"}`);
  const period = periodOf(place);
  const filters = filtersOf(place);
  // Time is read in its own order, and all of it.
  const query = order ? { by, sort: order, top, ...filters } : { by, limit: 1000, ...filters };
  const box = h("div", {});
  fill(
    box,
    () => usage(period, query, signal),
    (report) => shown(report, by, order, place),
    { lines: 10, signal },
  );
  const name = `usage-by-${by}-${period.from.slice(0, 10)}.csv`;
  return [
    head("Breakdown", { place, viewer }),
    panel(
      `By ${DIMENSION_NAMES[by].toLowerCase()}`,
      {
        wide: true,
        tools: [
          picker(
            "By",
            place,
            "by",
            offered.map((each) => [each, DIMENSION_NAMES[each]]),
            by,
          ),
          order &&
            picker(
              "Rows",
              place,
              "top",
              TOPS.map((each) => [each, each]),
              top,
            ),
          csvLink("usage", { from: period.from, to: period.to, by, ...filters }, name),
        ].filter(Boolean),
      },
      box,
    ),
  ];
}

function shown(report, by, order, place) {
  if (!report.rows.length) return empty("No calls in this time", "Choose another period, or take away a filter.");
  const sortBy = (column, isDescending) => goTo(linkTo(place, { sort: `${isDescending ? "-" : ""}${column.field}` }));
  const others = report.others?.calls ? [{ ...report.others, name: "others", isOthers: true }] : [];
  const totals = { ...report.totals, name: "Total" };
  const sorted = columns(by, place).find((column) => column.field === order.replace(/^-/, ""));
  return [
    table(`Usage by ${DIMENSION_NAMES[by].toLowerCase()}`, columns(by, place), report.rows, {
      sorted: sorted ? { name: sorted.name, isDescending: order.startsWith("-") } : null,
      sortBy,
      foot: [...others, totals],
    }),
    report.next && h("p", { class: "note" }, `The first ${count(report.rows.length)} rows. The file has them all.`),
    caveats(report.totals),
  ];
}

/** What the sums leave out. */
function caveats(totals) {
  const told = [
    [totals.calls_unpriced, "without a price: their cost is not in the sum"],
    [totals.calls_uncounted, "whose tokens nobody knows"],
    [totals.calls_estimated, "whose tokens are estimated, for Azure did not report them"],
  ].filter(([calls]) => calls > 0);
  return (
    told.length > 0 &&
    h(
      "p",
      { class: "note below" },
      "Among them ",
      told.map(([calls, what]) => `${counted(calls, "call")} ${what}`).join("; "),
      ".",
    )
  );
}

function columns(by, place) {
  return [
    { name: DIMENSION_NAMES[by], cell: (row) => rowName(row, by, place) },
    ...SHOWN.map((field) => ({
      name: COLUMNS[field][0],
      field,
      number: true,
      key: (row) => row[field],
      cell: (row) =>
        field === "cost_usd" ? cost(row[field]) : h("span", { title: count(row[field]) }, brief(row[field])),
    })),
  ];
}

function rowName(row, by, place) {
  if (row.name) return row.name;
  const kind = by === "principal" && h("span", { class: "note" }, KINDS[row.principal_kind] ?? row.principal_kind);
  if (["day", "hour", "month"].includes(by)) return row[by];
  const value = valueOf(row, by);
  return [
    value
      ? h("a", { href: viewLink(place, "overview", { [by]: value }), title: value }, nameOf(row, by))
      : nameOf(row, by),
    kind,
  ];
}

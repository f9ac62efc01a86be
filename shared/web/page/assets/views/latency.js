// How long callers wait, over time and by deployment; and whose tokens fill what is paid by the hour.

import { h } from "../parts/dom.js";
import { lines } from "../parts/chart.js";
import { segments } from "../parts/choices.js";
import { binName, brief, count, duration, part } from "../parts/format.js";
import { head } from "../parts/head.js";
import { panel } from "../parts/panel.js";
import { empty, fill } from "../parts/states.js";
import { table } from "../parts/table.js";
import { COLUMNS, nameOf } from "../parts/words.js";
import { filtersOf, linkTo } from "../data/address.js";
import { bins, periodOf, timeOf } from "../data/period.js";
import { usage } from "../data/usage.js";

const WAITS = { latency: "Whole call", first_chunk: "First chunk" };
// Told apart by their dashes too.
const CENTILES = [
  ["p50", "median", undefined],
  ["p95", "95 %", [6, 4]],
  ["p99", "99 %", [2, 3]],
];
const DEPLOYMENTS = 50;

export function latency({ place, viewer, signal }) {
  const period = periodOf(place);
  const filters = filtersOf(place);
  const wait = WAITS[place.wait] ? place.wait : "latency";
  return [
    head("Latency", { place, viewer }),
    overTime({ place, period, filters, wait, signal }),
    byDeployment({ place, period, filters, signal }),
    viewer.seesAll && shares({ period, filters, signal }),
  ];
}

/** By day, for percentiles are kept by day: of less than two days there is no course to show. */
function overTime({ place, period, filters, wait, signal }) {
  const days = { ...period, bin: "day" };
  if (bins(days).length < 2) return null;
  const box = h("div", {});
  fill(
    box,
    () => usage(period, { by: "day", percentiles: "true", limit: 1000, ...filters }, signal),
    (report) => waits(report, days, wait),
    { lines: 7, signal },
  );
  return panel(
    `${WAITS[wait]} by day`,
    {
      wide: true,
      tools: [segments("Measure", place, "wait", Object.entries(WAITS), wait)],
    },
    box,
  );
}

function waits(report, period, wait) {
  const times = bins(period);
  const rows = new Map(report.rows.map((row) => [timeOf(row.day), row]));
  const series = CENTILES.map(([centile, name, dash]) => ({
    name,
    dash,
    values: times.map((time) => rows.get(time)?.[`${wait}_${centile}_ms`] ?? null),
  }));
  const worst = Math.max(...series[1].values.map((value) => value ?? -1));
  if (worst < 0) return empty("No calls in this time", "Choose another period, or take away a filter.");
  const when = times[series[1].values.indexOf(worst)];
  return lines({
    title: `${WAITS[wait]} by day`,
    times,
    series,
    bin: period.bin,
    mark: duration,
    brief: duration,
    show: duration,
    summary: `Slowest: ${binName(when, period.bin)}, when 95 % of calls took at most ${duration(worst)}.`,
  });
}

function byDeployment({ period, filters, signal, place }) {
  const box = h("div", {});
  const field = (name, group) => ({
    name: COLUMNS[name][0],
    group,
    number: true,
    cell: (row) => COLUMNS[name][1](row[name]),
    key: (row) => row[name] ?? null,
  });
  const columns = [
    {
      name: "Deployment",
      key: (row) => row.deployment,
      cell: (row) =>
        row.deployment ? h("a", { href: linkTo(place, { deployment: row.deployment }) }, row.deployment) : "not known",
    },
    field("calls"),
    ...["latency_p50_ms", "latency_p95_ms", "latency_p99_ms"].map((name) => field(name, "Whole call")),
    ...["first_chunk_p50_ms", "first_chunk_p95_ms", "first_chunk_p99_ms"].map((name) => field(name, "First chunk")),
  ];
  const show = (report) =>
    report.rows.length
      ? table("Latency by deployment", columns, report.rows, { sorted: { name: "Calls", isDescending: true } })
      : empty("No calls in this time", "");
  fill(
    box,
    () =>
      usage(period, { by: "deployment", percentiles: "true", sort: "-calls", top: DEPLOYMENTS, ...filters }, signal),
    show,
    { signal },
  );
  return panel("By deployment", { wide: true, note: "half, 95 % and 99 % of calls took no longer than this" }, box);
}

/** A provisioned deployment has no price a call: what one pays for it is shared by who filled it. */
function shares({ period, filters, signal }) {
  const box = h("div", {});
  const columns = [
    { name: "Deployment", key: (row) => row.deployment, cell: (row) => row.deployment },
    { name: "Principal", key: (row) => nameOf(row, "principal"), cell: (row) => nameOf(row, "principal") },
    {
      name: "Tokens",
      number: true,
      key: (row) => row.provisioned_tokens,
      cell: (row) => h("span", { title: count(row.provisioned_tokens) }, brief(row.provisioned_tokens)),
    },
    {
      name: "Share",
      number: true,
      key: (row) => Number(row.deployment_share ?? 0),
      cell: (row) => shareBar(row.deployment_share),
    },
  ];
  const show = (report) => {
    const rows = report.rows.filter((row) => row.provisioned_tokens > 0);
    return rows.length
      ? table("Who filled provisioned deployments", columns, rows, { sorted: { name: "Tokens", isDescending: true } })
      : empty("No provisioned deployments", "Every call of this time is paid by its tokens.");
  };
  fill(
    box,
    () =>
      usage(period, { by: "principal,deployment", sort: "-provisioned_tokens", top: DEPLOYMENTS, ...filters }, signal),
    show,
    { signal },
  );
  return panel(
    "Provisioned share",
    { wide: true, note: "of each deployment’s tokens: what its hours cost, times the share, is what to charge" },
    box,
  );
}

const shareBar = (share) =>
  h(
    "span",
    { class: "share-bar" },
    part(share),
    h(
      "span",
      { class: "track", "aria-hidden": "true" },
      h("span", { class: "fill", style: { width: `${100 * Number(share ?? 0)}%` } }),
    ),
  );

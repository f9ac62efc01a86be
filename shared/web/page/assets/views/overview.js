// What happened today, this month and in the chosen time; who leads; what went wrong.

import { h } from "../parts/dom.js";
import { stackedBars } from "../parts/chart.js";
import { picker, segments } from "../parts/choices.js";
import { figures } from "../parts/figures.js";
import { binName, count, counted, day, duration, part } from "../parts/format.js";
import { head } from "../parts/head.js";
import { csvLink, panel } from "../parts/panel.js";
import { ranking } from "../parts/ranking.js";
import { empty, fill } from "../parts/states.js";
import { DIMENSION_NAMES, MEASURES, OUTCOMES, PLURALS, nameOf, valueOf } from "../parts/words.js";
import { filtersOf, linkTo, viewLink } from "../data/address.js";
import { periodOf, thisMonth, today } from "../data/period.js";
import { sum, trend, usage } from "../data/usage.js";

const LEADERS = 6;
const SPLITS = ["model", "deployment", "principal", "operation", "outcome", "label"];

export function overview(scene) {
  const { place, viewer } = scene;
  const asked = {
    ...scene,
    period: periodOf(place),
    filters: filtersOf(place),
    measure: MEASURES[place.measure] ? place.measure : "total_tokens",
    split: ["none", ...SPLITS].includes(place.split) ? place.split : "model",
  };
  const leaders = ["principal", "model", "deployment"].filter((name) => name !== "principal" || viewer.seesAll);
  return [
    head("Overview", { place, viewer }),
    h(
      "div",
      { class: "ledger" },
      now("Today", today(), "today", asked),
      now("This month", thisMonth(), "month", asked),
    ),
    trendPanel(asked),
    h(
      "div",
      { class: "grid" },
      leaders.map((dimension) => leaderPanel(dimension, asked)),
      outcomePanel(asked),
      waitPanel(asked),
      provisionedPanel(asked),
    ),
  ];
}

function now(title, period, name, { place, filters, signal }) {
  const box = h("div", {});
  const note = `since ${day(period.start)} (UTC)`;
  fill(
    box,
    () => usage(period, { by: "operation", compare: "previous", ...filters }, signal),
    (report) => figures(title, note, report.totals, linkTo(place, { period: name, after: "" })),
    { lines: 2, signal },
  );
  return box;
}

function trendPanel(asked) {
  const { place, viewer, period, measure, split, filters, signal } = asked;
  const box = h("div", {});
  const what = MEASURES[measure];
  const title = `${what.name} by ${period.bin}`;
  const show = ({ times, totals, series }) =>
    sum(totals) > 0 || !place.measure
      ? stackedBars({
          title,
          summary: summary(times, totals, period.bin, what),
          times,
          series,
          bin: period.bin,
          mark: what.mark,
          brief: what.brief,
          show: what.show,
        })
      : empty(`No ${what.name.toLowerCase()}`, "Nothing of that kind in this time.");
  fill(
    box,
    () => trend(period, { measure, split: split === "none" ? "" : split, filters }, signal),
    (found) => (found.report.totals.calls ? show(found) : nothing(viewer)),
    { lines: 7, signal },
  );
  const splits = ["none", ...SPLITS.filter((name) => name !== "principal" || viewer.seesAll)];
  return panel(
    title,
    {
      wide: true,
      tools: [
        picker(
          "Split by",
          place,
          "split",
          splits.map((name) => [name, DIMENSION_NAMES[name] ?? "Nothing"]),
          split,
        ),
        segments(
          "Measure",
          place,
          "measure",
          Object.entries(MEASURES).map(([key, { name }]) => [key, name]),
          measure,
        ),
        csvLink(
          "usage",
          {
            from: period.from,
            to: period.to,
            by: split === "none" ? period.bin : `${period.bin},${split}`,
            ...filters,
          },
          `usage-by-${period.bin}-${period.from.slice(0, 10)}.csv`,
        ),
      ],
    },
    box,
  );
}

const nothing = (viewer) =>
  empty(
    "No calls in this time",
    viewer.seesAll
      ? "No call went through the gateway. Choose another period, or take away a filter."
      : "None of your calls went through the gateway. Choose another period, or point your client at it.",
  );

function summary(times, totals, bin, { name, unit, show }) {
  const total = sum(totals);
  const most = totals.indexOf(Math.max(...totals));
  const inUnits = unit === "US dollars" ? show(total) : `${show(total)} ${unit}`;
  return total ? `${inUnits} in all; most ${whenOf(times[most], bin)}, with ${show(totals[most])}.` : `${name}: none.`;
}

const whenOf = (time, bin) => `${bin === "hour" ? "in the hour from" : "on"} ${binName(time, bin)}`;

function leaderPanel(dimension, asked) {
  const { place, period, measure, filters, signal } = asked;
  const box = h("div", {});
  const what = MEASURES[measure];
  const query = { by: dimension, sort: `-${measure}`, top: LEADERS, ...filters };
  const show = (report) =>
    report.rows.length === 0
      ? empty("None", "")
      : ranking(`${DIMENSION_NAMES[dimension]}s by ${what.unit}`, leaders(report, dimension, measure, place), {
          total: Number(report.totals[measure] ?? 0),
          show: what.brief,
          unit: what.name,
        });
  fill(box, () => usage(period, query, signal), show, { signal });
  const all = viewLink(place, "breakdown", { by: dimension, measure });
  return panel(plural(dimension), { tools: [more(all, "All", PLURALS[dimension])] }, box);
}

/** A way to all of it; what it is all of is said to who does not see where it stands. */
const more = (href, text, what) => h("a", { class: "more", href }, text, h("span", { class: "unseen" }, ` ${what}`));

const plural = (dimension) => PLURALS[dimension][0].toUpperCase() + PLURALS[dimension].slice(1);

function leaders(report, dimension, measure, place) {
  const rows = report.rows.map((row) => ({
    name: nameOf(row, dimension),
    value: row[measure],
    note:
      row.calls_unpriced > 0 && measure === "cost_usd"
        ? `${counted(row.calls_unpriced, "call")} without a price`
        : null,
    link: valueOf(row, dimension) ? linkTo(place, { [dimension]: valueOf(row, dimension) }) : null,
  }));
  const others = report.others?.calls ? [{ name: "others", value: report.others[measure], isOthers: true }] : [];
  return [...rows, ...others];
}

/** Errors and refusals: what ended otherwise than in full. */
function outcomePanel({ place, period, filters, signal }) {
  const box = h("div", {});
  const show = (report) => {
    const bad = report.rows.filter((row) => row.outcome !== "completed");
    if (!report.totals.calls) return empty("No calls", "");
    if (!bad.length)
      return empty("All calls completed", `${count(report.totals.calls)} of ${count(report.totals.calls)}.`);
    const rows = bad.map((row) => ({
      name: OUTCOMES[row.outcome]?.name ?? row.outcome,
      value: row.calls,
      link: viewLink(place, "records", { outcome: row.outcome }),
    }));
    return ranking(
      "Calls that did not complete",
      rows.sort((a, b) => b.value - a.value),
      { total: report.totals.calls, show: count, unit: "Calls" },
    );
  };
  fill(box, () => usage(period, { by: "outcome", ...filters }, signal), show, { signal });
  return panel(
    "Errors and refusals",
    {
      note: "calls, and their share of all",
      tools: [more(viewLink(place, "breakdown", { by: "outcome" }), "All", "outcomes")],
    },
    box,
  );
}

function waitPanel({ place, period, filters, signal }) {
  const box = h("div", {});
  const show = (report) => {
    const totals = report.rows[0];
    if (!totals) return empty("No calls", "");
    const line = (name, of) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, name),
        ["p50", "p95", "p99"].map((each) => h("td", { class: "number" }, duration(totals[`${of}_${each}_ms`]))),
      );
    return h(
      "table",
      { class: "plain" },
      h("caption", { class: "unseen" }, "How long calls took"),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ["", "Median", "95 %", "99 %"].map((name, i) =>
            i ? h("th", { scope: "col", class: "number" }, name) : h("td", {}),
          ),
        ),
      ),
      h("tbody", {}, line("Whole call", "latency"), line("First chunk", "first_chunk")),
    );
  };
  fill(
    box,
    () => usage(period, { by: "operation", percentiles: "true", sort: "-calls", top: 1, ...filters }, signal),
    (report) => [
      show(report),
      report.rows[0] &&
        h("p", { class: "note" }, `of ${report.rows[0].operation || "unknown operations"}, the operation called most`),
    ],
    { lines: 3, signal },
  );
  return panel("Latency", { tools: [more(viewLink(place, "latency"), "All", "latencies")] }, box);
}

/** How much went to deployments that are paid by the hour. */
function provisionedPanel({ place, period, filters, signal }) {
  const box = h("div", {});
  const show = ({ totals }) => {
    if (!totals.provisioned_tokens)
      return empty("No provisioned deployments", "Every call of this time is paid by its tokens.");
    const rows = [
      { name: "Provisioned, paid by the hour", value: totals.provisioned_tokens },
      { name: "Paid by the token", value: totals.total_tokens - totals.provisioned_tokens, isOthers: true },
    ];
    return [
      ranking("Tokens by how they are paid", rows, {
        total: totals.total_tokens,
        show: MEASURES.total_tokens.brief,
        unit: "Tokens",
      }),
      h(
        "p",
        { class: "note" },
        `${part(totals.provisioned_tokens / totals.total_tokens)} of all tokens have no price of their own.`,
      ),
    ];
  };
  fill(box, () => usage(period, { by: "deployment", ...filters }, signal), show, { lines: 3, signal });
  return panel("Provisioned share", { tools: [more(viewLink(place, "latency"), "Whose", "tokens they were")] }, box);
}

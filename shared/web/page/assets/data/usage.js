// Reports of `usage`, in the shapes the views need.

import { get } from "./api.js";
import { bins, timeOf } from "./period.js";
import { nameOf } from "../parts/words.js";

const MOST_ROWS = 1000;
const MOST_SERIES = 5;

/** A report of a period. `me` narrows it to who asks, which who may not see more is anyway. */
export const usage = (period, parameters, signal) =>
  get("usage", { from: period.from, to: period.to, ...parameters }, signal);

/**
 * A measure over time, split by a dimension: the largest values have a series each, the rest is others.
 * Each series has a value for every hour or day of the period.
 */
export async function trend(period, { measure, split, filters }, signal) {
  const times = bins(period);
  const [whole, parts] = await Promise.all([
    usage(period, { by: period.bin, limit: MOST_ROWS, ...filters }, signal),
    split && usage(period, { by: `${period.bin},${split}`, sort: `-${measure}`, top: MOST_ROWS, ...filters }, signal),
  ]);
  const totals = spread(times, whole.rows, period.bin, measure);
  const series = parts ? largest(times, parts.rows, { ...period, split, measure }) : [];
  return { times, totals, series: withOthers(totals, series), report: whole };
}

function spread(times, rows, bin, measure) {
  const places = new Map(times.map((time, i) => [time, i]));
  const values = times.map(() => 0);
  for (const row of rows) {
    const place = places.get(timeOf(row[bin]));
    if (place !== undefined) values[place] += Number(row[measure] ?? 0);
  }
  return values;
}

function largest(times, rows, { bin, split, measure }) {
  const groups = Map.groupBy(rows, (row) => nameOf(row, split));
  const series = [...groups].map(([name, own]) => ({ name, values: spread(times, own, bin, measure) }));
  const known = series.filter(({ values }) => sum(values) > 0);
  return known.sort((a, b) => sum(b.values) - sum(a.values)).slice(0, MOST_SERIES);
}

function withOthers(totals, series) {
  const rest = totals.map((total, i) => Math.max(0, total - series.reduce((held, each) => held + each.values[i], 0)));
  // What is left by rounding alone is no series.
  const isMuch = sum(rest) > sum(totals) * 1e-9;
  if (!isMuch) return series;
  return [
    ...series,
    series.length ? { name: "others", values: rest, isOthers: true } : { name: "all", values: rest, isAll: true },
  ];
}

export const sum = (values) => values.reduce((held, value) => held + value, 0);

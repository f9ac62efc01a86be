// Charts over time, drawn by uPlot. Each is a figure with a summary in words, a legend, and its numbers as a table.

import { h, replace } from "./dom.js";
import { binName, hour, shortDay } from "./format.js";
import { table } from "./table.js";

const HEIGHT = 240;
const AXIS = 12;

/** Bars that stand on each other: `series` are {name, values, isOthers, isAll}, in the order of the legend. */
export function stackedBars(options) {
  const stacked = stack(options.series);
  const bars = uPlot.paths.bars({ size: [0.78, 44], gap: 0 });
  const draw = (colours) => ({
    // The highest first: each one covers all but the top of the one before.
    // A bar without height would rub out the line it stands on.
    data: [seconds(options.times), ...stacked.toReversed().map((heights) => heights.map((height) => height || null))],
    series: options.series.toReversed().map((each, i) => ({
      fill: colours.series(options.series.length - 1 - i, each),
      stroke: colours.surface,
      width: 1,
      paths: bars,
      points: { show: false },
    })),
    isBars: true,
  });
  return figure({ ...options, draw });
}

/** Lines, for what does not add up. A value that is not known is a gap. */
export function lines(options) {
  const draw = (colours) => ({
    data: [seconds(options.times), ...options.series.map((each) => each.values)],
    series: options.series.map((each, i) => ({
      stroke: colours.series(i, each),
      width: 2,
      dash: each.dash,
      spanGaps: false,
      points: { show: true, size: 6 },
    })),
  });
  return figure({ ...options, draw });
}

function figure({ title, summary, times, series, bin, mark, brief, show, draw }) {
  const plot = h("div", { class: "plot", "aria-hidden": "true" });
  const reading = h("p", { class: "reading", "aria-hidden": "true" }, summary);
  const tell = (i) => replace(reading, ...(i === null ? [summary] : told(i)));
  const told = (i) => [
    h("b", {}, binName(times[i], bin)),
    series.map((each) => h("span", {}, `${each.name} `, h("b", {}, brief(each.values[i])))),
  ];
  keepDrawn(plot, (width) => drawn(plot, { width, draw, bin, mark, tell }));
  return h(
    "figure",
    { class: "chart" },
    h("figcaption", { class: "unseen" }, `${title}. ${summary}`),
    !series[0]?.isAll && legend(series),
    plot,
    reading,
    numbers({ title, times, series, bin, show }),
  );
}

function drawn(plot, { width, draw, bin, mark, tell }) {
  const colours = coloursOf(plot);
  const { data, series, isBars } = draw(colours);
  replace(plot);
  return new uPlot(
    {
      width,
      height: HEIGHT,
      ms: 1e-3,
      tzDate: (time) => uPlot.tzDate(new Date(time * 1e3), "Etc/UTC"),
      padding: [10, 28, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { show: !isBars }, drag: { x: false, y: false } },
      hooks: { setCursor: [(chart) => tell(chart.cursor.idx ?? null)] },
      scales: {
        x: { time: true, range: isBars ? halfABarMore(data[0]) : undefined },
        y: { range: (_, low, high) => [0, high > 0 ? high * 1.06 : 1] },
      },
      axes: [
        {
          ...axis(colours),
          grid: { show: false },
          values: (_, at) => at.map((time) => (bin === "hour" ? hourMark : shortDay)(time * 1e3)),
          space: 74,
          size: 28,
          incrs: steps(bin),
        },
        { ...axis(colours), values: (_, at) => at.map(mark), size: width < 480 ? 50 : 64, space: 44 },
      ],
      series: [{}, ...series],
    },
    data,
    plot,
  );
}

/** Draw now and whenever the place has another width, the theme changes, or paper is next. */
function keepDrawn(plot, make) {
  let width = 0;
  let chart = null;
  const again = () => {
    if (!width) return;
    chart?.destroy();
    chart = make(width);
  };
  const watch = new ResizeObserver(([entry]) => {
    const wide = Math.floor(entry.contentRect.width);
    if (!plot.isConnected) return leave();
    if (wide && wide !== width) {
      width = wide;
      again();
    }
  });
  const leave = () => {
    watch.disconnect();
    removeEventListener("themed", again);
    chart?.destroy();
  };
  addEventListener("themed", again);
  watch.observe(plot);
}

const hourMark = (time) => (new Date(time).getUTCHours() === 0 ? shortDay(time) : hour(time).split(/,?\s/).at(-1));

const seconds = (times) => times.map((time) => time / 1e3);

function steps(bin) {
  const units = bin === "hour" ? [1, 2, 3, 6, 12, 24] : [24, 48, 72, 168, 336, 672];
  return units.map((hours) => hours * 3600);
}

function halfABarMore(times) {
  const step = times.length > 1 ? times[1] - times[0] : 3600;
  return () => [times[0] - step * 0.6, times.at(-1) + step * 0.6];
}

function stack(series) {
  const heights = [];
  for (const { values } of series) heights.push(values.map((value, i) => value + (heights.at(-1)?.[i] ?? 0)));
  return heights;
}

const axis = (colours) => ({
  stroke: colours.soft,
  font: `${AXIS}px ${colours.font}`,
  ticks: { show: false },
  grid: { stroke: colours.line, width: 1 },
  gap: 6,
});

/** A canvas knows no custom properties: ask the element what they come to in this theme. */
function coloursOf(element) {
  const probe = element.appendChild(h("span"));
  const colour = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  return {
    series: (i, each) => colour(seriesColour(i, each)),
    surface: colour("surface"),
    line: colour("line"),
    soft: colour("ink-soft"),
    font: getComputedStyle(element).fontFamily,
  };
}

const seriesColour = (i, { isOthers }) => (isOthers ? "series-others" : `series-${i + 1}`);

function legend(series) {
  return h(
    "ul",
    { class: "legend" },
    series.map((each, i) =>
      h(
        "li",
        {},
        h("span", { class: "swatch", "aria-hidden": "true", style: { background: `var(--${seriesColour(i, each)})` } }),
        each.name,
      ),
    ),
  );
}

function numbers({ title, times, series, bin, show }) {
  const columns = [
    { name: bin === "hour" ? "Hour (UTC)" : "Day (UTC)", cell: (i) => binName(times[i], bin).replace(" UTC", "") },
    ...series.map((each) => ({ name: each.name, number: true, cell: (i) => show(each.values[i]) })),
  ];
  return h(
    "details",
    { class: "numbers" },
    h("summary", {}, "Show the numbers"),
    table(
      title,
      columns,
      times.map((_, i) => i),
    ),
  );
}

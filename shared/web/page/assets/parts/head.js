// The head of a view: what it is, of when and of whom, and the choices that are kept in the address.

import { h, replace } from "./dom.js";
import { span } from "./format.js";
import { icon } from "./icons.js";
import { segments } from "./choices.js";
import { DIMENSION_NAMES, OUTCOMES } from "./words.js";
import { dimensions, filtersOf, goTo, linkTo } from "../data/address.js";
import { PERIODS, fault, periodOf } from "../data/period.js";

/** `place` is the address, `viewer` who looks; `filters` are the dimensions that this view can be narrowed by. */
export function head(
  title,
  { place, viewer, filters = dimensions(), period = periodOf(place), note, isTimeless } = {},
) {
  const range = h("div", { hidden: place.period !== "custom" || isTimeless });
  if (place.period === "custom" && !isTimeless) replace(range, rangeForm(place, period));
  const offered = filters.filter((name) => name !== "principal" || viewer.seesAll);
  const scope = viewer.seesAll ? "everybody’s calls" : "your own calls";
  return [
    h(
      "div",
      { class: "head" },
      h(
        "div",
        { class: "head-text" },
        h("h1", { tabindex: "-1" }, title),
        h("p", {}, note ?? `${span(period)}, days in UTC · ${scope}`),
      ),
      !isTimeless && h("div", { class: "tools" }, periods(place)),
    ),
    range,
    offered.length > 0 && filterBar(place, offered),
  ];
}

const periods = (place) =>
  segments("Period", place, "period", [...Object.entries(PERIODS), ["custom", "Other…"]], place.period);

function rangeForm(place, { start, end }) {
  const shown = (time) => new Date(time).toISOString().slice(0, 10);
  const from = h("input", { type: "date", required: true, value: place.from ?? shown(start) });
  const to = h("input", { type: "date", required: true, value: place.to ?? shown(end - 1) });
  const wrong = h("p", { role: "alert" }, place.from || place.to ? fault(place.from, place.to) : "");
  const submit = (event) => {
    event.preventDefault();
    replace(wrong, fault(from.value, to.value));
    if (!wrong.textContent) goTo(linkTo(place, { period: "custom", from: from.value, to: to.value, after: "" }));
  };
  return h(
    "form",
    { class: "range", novalidate: true, on: { submit } },
    h("label", { class: "field" }, h("span", {}, "First day (UTC)"), from),
    h("label", { class: "field" }, h("span", {}, "Last day (UTC)"), to),
    h("button", { class: "button", type: "submit" }, "Show"),
    wrong,
  );
}

/** What it is narrowed by, each with a way out, and a way to narrow it further. */
function filterBar(place, offered) {
  const chips = Object.entries(filtersOf(place))
    .filter(([name]) => offered.includes(name))
    .map(([name, value]) => chip(place, name, value));
  return h(
    "div",
    { class: "filters" },
    chips,
    addFilter(place, offered),
    chips.length > 1 &&
      h("a", { class: "act", href: linkTo(place, Object.fromEntries(offered.map((name) => [name, ""]))) }, "Clear all"),
  );
}

function chip(place, name, value) {
  const shown = name === "outcome" ? (OUTCOMES[value]?.name ?? value) : value;
  return h(
    "span",
    { class: "chip" },
    `${DIMENSION_NAMES[name]} `,
    h("b", { title: shown }, shown),
    h(
      "a",
      {
        href: linkTo(place, { [name]: "", after: "" }),
        "aria-label": `Without the filter ${DIMENSION_NAMES[name]} ${shown}`,
      },
      icon("bad"),
    ),
  );
}

function addFilter(place, offered) {
  const name = h(
    "select",
    { "aria-label": "Filter by" },
    offered.map((each) => h("option", { value: each }, DIMENSION_NAMES[each])),
  );
  const value = h("span", {});
  const ask = () => replace(value, valueField(name.value));
  name.addEventListener("change", ask);
  ask();
  const submit = (event) => {
    event.preventDefault();
    const text = value.firstChild.value.trim();
    if (text) goTo(linkTo(place, { [name.value]: text, after: "" }));
  };
  return h(
    "details",
    { class: "add act" },
    h("summary", {}, "Add filter"),
    h("form", { on: { submit } }, name, value, h("button", { class: "button", type: "submit" }, "Add")),
  );
}

function valueField(name) {
  const label = { "aria-label": `${DIMENSION_NAMES[name]} is` };
  if (name === "outcome")
    return h(
      "select",
      label,
      Object.entries(OUTCOMES).map(([value, { name: text }]) => h("option", { value }, text)),
    );
  const hint = name === "principal" ? "object id, or tenant/object id" : "exactly";
  return h("input", { ...label, type: "text", placeholder: hint, autocomplete: "off", spellcheck: "false" });
}

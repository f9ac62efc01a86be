// Who leads: names with bars, the rest as others. It is a table; the bars only repeat its numbers.

import { h } from "./dom.js";
import { part } from "./format.js";

/**
 * Rows are {name, value, link, note, isOthers}; `show(value)` says a value. The share is that of `total`.
 */
export function ranking(caption, rows, { total, show, unit }) {
  const most = Math.max(...rows.map((row) => Number(row.value ?? 0)), 0);
  return h(
    "table",
    { class: "ranking" },
    h("caption", { class: "unseen" }, caption),
    h(
      "thead",
      { class: "unseen" },
      h(
        "tr",
        {},
        ["Name", unit, "Share"].map((name) => h("th", { scope: "col" }, name)),
      ),
    ),
    h(
      "tbody",
      {},
      rows.map((row) => line(row, { most, total, show })),
    ),
  );
}

function line(row, { most, total, show }) {
  const value = Number(row.value ?? 0);
  const width = most > 0 ? `${(100 * value) / most}%` : "0%";
  return h(
    "tr",
    { class: row.isOthers ? "others" : null },
    h(
      "th",
      { scope: "row" },
      row.link ? h("a", { href: row.link, title: row.name }, row.name) : h("span", {}, row.name),
      row.note && h("span", { class: "note" }, row.note),
      h("span", { class: "track", "aria-hidden": "true" }, h("span", { class: "fill", style: { width } })),
    ),
    h("td", { class: "number" }, show(row.value)),
    h("td", { class: "number share" }, total > 0 ? part(value / total) : ""),
  );
}

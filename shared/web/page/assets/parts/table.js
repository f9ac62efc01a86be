// Tables that are read by eye and by screen reader alike, and sorted by the buttons in their heads.

import { h, replace } from "./dom.js";
import { icon } from "./icons.js";
import { say } from "./states.js";

/**
 * A table of rows. A column is {name, cell, key, number, group}: `cell(row)` is what is shown, `key(row)` what is
 * sorted by; without it the column is not sorted. The first column names the row.
 *
 * Rows are sorted here, unless `sortBy(column, isDescending)` asks for them anew.
 */
export function table(caption, columns, rows, { sorted = null, sortBy = null, foot = [], seen = false } = {}) {
  const body = h("tbody", {});
  const heads = columns.map((column) => head(column, sorted, choose));
  let order = sorted;

  function choose(column) {
    const isDescending = order?.name === column.name ? !order.isDescending : Boolean(column.number);
    if (sortBy) return sortBy(column, isDescending);
    order = { name: column.name, isDescending };
    heads.forEach((cell, i) => mark(cell, columns[i], order));
    replace(
      body,
      sort(rows, column, isDescending).map((row) => line(columns, row)),
    );
    say(`Sorted by ${column.name}, ${isDescending ? "descending" : "ascending"}.`);
  }

  replace(
    body,
    rows.map((row) => line(columns, row)),
  );
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": `Table: ${caption}` },
    h(
      "table",
      {},
      h("caption", { class: seen ? null : "unseen" }, caption),
      h("thead", {}, groups(columns), h("tr", {}, heads)),
      body,
      foot.length > 0 &&
        h(
          "tfoot",
          {},
          foot.map((row) => line(columns, row)),
        ),
    ),
  );
}

function head(column, sorted, choose) {
  const attributes = { scope: "col", class: column.number ? "number" : null };
  if (!column.key) return h("th", attributes, column.name);
  const cell = h(
    "th",
    attributes,
    h(
      "button",
      { type: "button", class: "sort", "data-focus": `sort ${column.name}`, on: { click: () => choose(column) } },
      column.name,
      h("span", { class: "arrow" }),
    ),
  );
  mark(cell, column, sorted);
  return cell;
}

function mark(cell, column, order) {
  if (!column.key) return;
  const isChosen = order?.name === column.name;
  if (isChosen) cell.setAttribute("aria-sort", order.isDescending ? "descending" : "ascending");
  else cell.removeAttribute("aria-sort");
  replace(cell.querySelector(".arrow"), isChosen ? icon(order.isDescending ? "down" : "up") : null);
}

/** A row of heads above the heads, where columns belong together. */
function groups(columns) {
  if (!columns.some((column) => column.group)) return null;
  const cells = [];
  for (const { group = "" } of columns) {
    if (cells.at(-1)?.group === group) cells.at(-1).span += 1;
    else cells.push({ group, span: 1 });
  }
  return h(
    "tr",
    { class: "groups" },
    cells.map(({ group, span }) =>
      group ? h("th", { scope: "colgroup", colspan: span }, group) : h("td", { colspan: span }),
    ),
  );
}

function line(columns, row) {
  return h(
    "tr",
    { class: row.isOthers ? "others" : null },
    columns.map((column, i) =>
      h(i ? "td" : "th", { scope: i ? null : "row", class: column.number ? "number" : null }, column.cell(row)),
    ),
  );
}

function sort(rows, column, isDescending) {
  const sign = isDescending ? -1 : 1;
  // What is not known comes last either way.
  return rows.toSorted((a, b) => {
    const [x, y] = [column.key(a), column.key(b)];
    if (x === null || y === null) return (x === null) - (y === null);
    return sign * (typeof x === "number" ? x - y : String(x).localeCompare(String(y)));
  });
}

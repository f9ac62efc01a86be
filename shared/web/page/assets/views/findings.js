// What does not add up, with its evidence; and accepting it with a reason.

import { h, replace } from "../parts/dom.js";
import { picker } from "../parts/choices.js";
import { count, minute, second } from "../parts/format.js";
import { head } from "../parts/head.js";
import { badge } from "../parts/panel.js";
import { empty, fill, say } from "../parts/states.js";
import { table } from "../parts/table.js";
import { FINDING_KINDS, FINDING_STATES, SEVERITIES, accountOf, severity, shownAs, spaced } from "../parts/words.js";
import { linkTo } from "../data/address.js";
import { get, post } from "../data/api.js";
import { periodOf } from "../data/period.js";

const PAGE = 100;
const MOST_COUNTED = 100;

export async function openFindings() {
  return (await get("findings", { limit: MOST_COUNTED })).findings.length;
}

export function findings({ place, viewer, signal, changed }) {
  const state = FINDING_STATES[place.state] ? place.state : "open";
  const period = periodOf(place);
  // What is open is shown as far back as the ledger looks: it waits for somebody.
  const times = state === "open" ? {} : { from: period.from, to: period.to };
  const query = { state, kind: place.kind, severity: place.severity, limit: PAGE, after: place.after, ...times };
  const box = h("div", {});
  fill(
    box,
    () => get("findings", query, signal),
    (page) => shown(page, { place, viewer, changed }),
    { lines: 8, signal },
  );
  const names = (words) => Object.entries(words).map(([key, word]) => [key, word.name ?? word]);
  const note =
    state === "open"
      ? `all that are open, seen within 92 days · times in UTC${viewer.seesAll ? "" : " · those about you"}`
      : undefined;
  return [
    head("Findings", { place, viewer, filters: [], note, isTimeless: state === "open" }),
    h(
      "div",
      { class: "filters" },
      picker("State", place, "state", names(FINDING_STATES), state),
      picker("Severity", place, "severity", [["", "All"], ...names(SEVERITIES)], place.severity ?? ""),
      picker("Kind", place, "kind", [["", "All"], ...names(FINDING_KINDS)], place.kind ?? ""),
    ),
    box,
  ];
}

function shown(page, scene) {
  if (!page.findings.length) return h("div", { class: "panel" }, nothing(scene.place));
  const after = page.next && new URLSearchParams(page.next.slice(page.next.indexOf("?"))).get("after");
  return [
    h(
      "ul",
      { class: "findings" },
      page.findings.map((each) => item(each, scene)),
    ),
    after &&
      h(
        "nav",
        { class: "pager", "aria-label": "Pages" },
        h("a", { class: "button", href: linkTo(scene.place, { after }) }, "Next page"),
      ),
  ];
}

const nothing = (place) =>
  (place.state ?? "open") === "open" && !place.kind && !place.severity
    ? empty(
        "Nothing is open",
        "Every call Azure logged has its record, and every record its call, or the reason is known.",
      )
    : empty("No such findings", "Choose another state, severity or kind.");

function item(finding, scene) {
  const place = h("li", { class: "panel finding" });
  const draw = (current) => replace(place, content(current, scene, draw));
  draw(finding);
  return place;
}

function content(finding, scene, draw) {
  const { name, tone } = severity(finding.severity);
  return [
    h(
      "div",
      { class: "finding-head" },
      badge(tone, name),
      h("h2", {}, finding.title),
      finding.state !== "open" && h("span", { class: "badge soft" }, FINDING_STATES[finding.state] ?? finding.state),
    ),
    h("p", { class: "finding-text" }, finding.summary),
    h(
      "p",
      { class: "note" },
      FINDING_KINDS[finding.kind] ?? spaced(finding.kind),
      finding.resource && [" · ", h("span", { title: finding.resource }, accountOf(finding.resource))],
      " · ",
      finding.occurrences > 1
        ? `${count(finding.occurrences)} times, ${second(finding.first_seen_at)} to ${second(finding.last_seen_at)} UTC`
        : `${second(finding.last_seen_at)} UTC`,
    ),
    standing(finding),
    evidence(finding),
    scene.viewer.acceptsFindings && finding.state !== "closed" && deciding(finding, scene, draw),
  ];
}

function standing(finding) {
  if (finding.state === "accepted")
    return h(
      "p",
      { class: "decision" },
      h("b", {}, `Accepted by ${finding.accepted_by || "somebody"}`),
      ` on ${minute(finding.accepted_at)}: ${finding.reason || "no reason given"}`,
    );
  if (finding.state === "closed")
    return h(
      "p",
      { class: "decision" },
      h("b", {}, "Closed"),
      ` on ${minute(finding.closed_at)}: ${finding.closed_because || "it is no longer so"}`,
    );
  return null;
}

function evidence(finding) {
  const rows = finding.evidence ?? [];
  if (!rows.length) return null;
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const columns = names.map((name) => ({
    name: spaced(name),
    number: rows.every((row) => typeof (row[name] ?? 0) === "number"),
    cell: (row) => shownAs(name, row[name]),
    key: (row) => row[name] ?? null,
  }));
  return h(
    "details",
    { class: "numbers" },
    h("summary", {}, `Evidence (${count(rows.length)})`),
    table(`Evidence of: ${finding.title}`, columns, rows),
  );
}

/** Accepting says that somebody looked and that it is all right; the reason is for who looks next. */
function deciding(finding, { changed }, draw) {
  const wrong = h("p", { class: "wrong", role: "alert" });
  const decide = async (body, told) => {
    try {
      draw(await post(`findings/${encodeURIComponent(finding.id)}`, body));
      say(told);
      changed();
    } catch (error) {
      replace(wrong, error.message);
    }
  };
  if (finding.state === "accepted") {
    return h(
      "div",
      { class: "act" },
      h(
        "button",
        { class: "button", type: "button", on: { click: () => decide({ state: "open" }, "Reopened.") } },
        "Reopen",
      ),
      wrong,
    );
  }
  const reason = h("textarea", { rows: "2", required: true, maxlength: "1000" });
  const submit = (event) => {
    event.preventDefault();
    if (!reason.value.trim()) {
      replace(wrong, "Say why it is all right.");
      return reason.focus();
    }
    decide({ state: "accepted", reason: reason.value.trim() }, "Accepted.");
  };
  return h(
    "details",
    { class: "act accept" },
    h("summary", {}, "Accept…"),
    h(
      "form",
      { novalidate: true, on: { submit } },
      h("label", { class: "field" }, h("span", {}, "Reason"), reason),
      h("button", { class: "button main", type: "submit" }, "Accept finding"),
      wrong,
    ),
  );
}

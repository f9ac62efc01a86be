// One call's whole story: who, what, when, how much, and what Azure says of it.

import { h } from "../parts/dom.js";
import { bytes, cost, count, duration, moment, wholeCost } from "../parts/format.js";
import { badge, facts, panel } from "../parts/panel.js";
import { fill } from "../parts/states.js";
import { table } from "../parts/table.js";
import { KINDS, SOURCES, outcome, severity, shownAs, spaced } from "../parts/words.js";
import { get } from "../data/api.js";
import { viewLink } from "../data/address.js";

const MATCHES = {
  id: ["good", "Azure logged this call too", "Found by its request id."],
  likeness: ["warn", "Azure logged a call like it", "Found by time, deployment and size, for there is no common id."],
  late: ["soft", "Azure has not logged it yet", "Azure’s logs come late; it is looked for again."],
  none: ["bad", "Azure has no log of it", "Either logs are not exported, or this call did not reach Azure."],
};

const PAST = ["warn", "Azure alone logged this call", "Our record is made of this."];

// What we call that of which Azure's log speaks, where the names differ.
const OURS = {
  correlation_id: "apim_request_id",
  requested_at: "begun_at",
  log_operation: "operation",
  api_name: "api_version",
};

export function record({ place, viewer, signal }) {
  const box = h("div", {});
  const path = `usage/records/${encodeURIComponent(place.call ?? "")}`;
  fill(
    box,
    () => get(path, { begun_at: place.at }, signal),
    (story) => told(story, place, viewer),
    { lines: 14, signal },
  );
  return [
    h(
      "div",
      { class: "head" },
      h(
        "div",
        { class: "head-text" },
        h("p", {}, h("a", { href: viewLink(place, "records") }, "Records")),
        h("h1", { tabindex: "-1" }, "One call"),
        h("p", { class: "mono" }, place.call ?? ""),
      ),
    ),
    box,
  ];
}

function told({ record: call, service_call: seen, findings, match }, place, viewer) {
  const { name, tone } = outcome(call.outcome);
  return h(
    "div",
    { class: "grid two" },
    panel(
      "What happened",
      { wide: true },
      h("p", { class: "verdict" }, badge(tone, name), ` ${verdict(call)}`),
      timeline(call),
    ),
    panel("Who", {}, facts(who(call, place, viewer))),
    panel("What", {}, facts(what(call, place))),
    panel("Tokens and cost", {}, facts(used(call))),
    panel("The answer", {}, facts(answered(call))),
    panel("Azure’s own log", { wide: true }, azure(call, seen, match)),
    panel("Findings", { wide: true }, found(findings, place)),
  );
}

function verdict(call) {
  if (isPast(call)) return "It did not come through the gateway: this is what Azure’s log says.";
  return [
    call.status && `HTTP ${call.status}`,
    call.error_code,
    call.finish_reason && `finished: ${call.finish_reason}`,
  ]
    .filter(Boolean)
    .join(" · ");
}

/** From beginning to end as a line, and the same in words. */
function timeline(call) {
  const total = call.duration_ms ?? 0;
  const first = call.first_chunk_ms;
  const wait = total > 0 && first !== null && first !== undefined ? Math.min(100, (100 * first) / total) : 0;
  const at = (ms) => moment(Date.parse(call.begun_at) + ms);
  return h(
    "div",
    { class: "timeline" },
    h(
      "div",
      { class: "timeline-line", "aria-hidden": "true" },
      h("span", { class: "waiting", style: { width: `${wait}%` } }),
      h("span", { class: "answering", style: { width: `${100 - wait}%` } }),
    ),
    h(
      "ol",
      {},
      step("Begun", moment(call.begun_at), isPast(call) ? "by Azure’s log" : "written down before anything was sent"),
      Number.isFinite(first) && step("First chunk", at(first), `after ${duration(first)}`),
      step(
        "Ended",
        call.ended_at ? moment(call.ended_at) : "not known",
        Number.isFinite(call.duration_ms) ? `after ${duration(total)}` : "",
      ),
    ),
  );
}

const isPast = (call) => call.origin === "azure_logs";

const step = (name, time, note) =>
  h("li", {}, h("b", {}, name), h("span", {}, time), h("span", { class: "note" }, note));

const who = (call, place, viewer) => [
  [
    "Principal",
    viewer.seesAll
      ? h(
          "a",
          { href: viewLink(place, "overview", { principal: `${call.tenant_id}/${call.object_id}` }) },
          call.principal_name || call.object_id,
        )
      : call.principal_name,
  ],
  ["Kind", KINDS[call.principal_kind] ?? call.principal_kind],
  ["Object id", code(call.object_id)],
  ["Tenant", code(call.tenant_id)],
  ["Application", code(call.app_id)],
  ["Gateway key", code(call.key_id)],
  ["Address", call.caller_address],
  ["Label, as the caller says", call.user_label],
];

const what = (call, place) => [
  ["Operation", call.operation],
  [
    "Deployment",
    call.deployment && h("a", { href: viewLink(place, "overview", { deployment: call.deployment }) }, call.deployment),
  ],
  ["Model", call.model],
  ["Asked for", call.requested_model !== call.model ? call.requested_model : null],
  ["Resource", call.resource],
  ["Region", call.region],
  ["Method", call.method],
  ["API version", call.api_version],
  ["Streamed", call.streamed === undefined ? null : call.streamed ? "yes" : "no"],
  ["Service tier", call.service_tier],
  ["Spilled over", call.spilled_over ? "yes, to a standard deployment" : null],
];

const used = (call) => [
  ["Prompt", count(call.prompt_tokens)],
  ["of these cached", known(call.cached_tokens)],
  ["Completion", count(call.completion_tokens)],
  ["of these reasoning", known(call.reasoning_tokens)],
  ["Total", count(call.total_tokens)],
  ["Counts are", SOURCES[call.usage_source] ?? call.usage_source],
  ["Counted by", call.usage_method],
  [
    "Cost",
    call.provisioned
      ? "paid by the hour"
      : call.cost_usd
        ? h("span", { title: cost(call.cost_usd) }, wholeCost(call.cost_usd))
        : call.usage_source === "not_applicable"
          ? "none"
          : "no price known",
  ],
  ["Price", call.price_source],
];

const answered = (call) => [
  ["Status", call.status],
  ["Error", code(call.error_code)],
  ["Finish reason", call.finish_reason],
  ["Request", Number.isFinite(call.request_bytes) ? bytes(call.request_bytes) : null],
  ["Response", Number.isFinite(call.response_bytes) ? bytes(call.response_bytes) : null],
  ["Azure’s request id", code(call.apim_request_id)],
];

const code = (text) => text && h("span", { class: "mono" }, text);
const known = (value) => (value ? count(value) : null);

/** Both sides beside each other where they speak of the same, and what only Azure knows. */
function azure(call, seen, match) {
  const [tone, title, note] = isPast(call) ? PAST : (MATCHES[match] ?? ["soft", spaced(match), ""]);
  const verdictOf = h("p", { class: "verdict" }, badge(tone, title), ` ${note}`);
  if (!seen) return verdictOf;
  const rows = Object.entries(seen).filter(([, value]) => value !== null && value !== "" && typeof value !== "object");
  return [
    verdictOf,
    h(
      "div",
      { class: "whole" },
      table(
        "What Azure logged",
        [
          { name: "Field", cell: ([name]) => spaced(name) },
          { name: "Azure", cell: ([name, value]) => shownAs(name, value) },
          { name: "Ours", cell: ([name]) => shownAs(name, call[OURS[name] ?? name]) },
        ],
        rows,
      ),
    ),
  ];
}

function found(findings, place) {
  if (!findings?.length) return h("p", { class: "note" }, "None: nothing about this call does not add up.");
  return h(
    "ul",
    { class: "plain-list" },
    findings.map((each) => {
      const { name, tone } = severity(each.severity);
      const link = viewLink(place, "findings", { state: "all", kind: each.kind });
      return h("li", {}, badge(tone, name), " ", h("a", { href: link }, each.title));
    }),
  );
}

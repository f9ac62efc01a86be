// The ledger's names as people say them.

import { anything, axisCost, axisCount, brief, briefCost, cost, count, duration } from "./format.js";

export const MEASURES = {
  total_tokens: { name: "Tokens", show: count, brief, mark: axisCount, unit: "tokens" },
  cost_usd: { name: "Cost", show: cost, brief: briefCost, mark: axisCost, unit: "US dollars" },
  calls: { name: "Calls", show: count, brief, mark: axisCount, unit: "calls" },
  calls_failed: { name: "Not completed", show: count, brief, mark: axisCount, unit: "calls not completed" },
};

export const DIMENSION_NAMES = {
  principal: "Principal",
  deployment: "Deployment",
  model: "Model",
  operation: "Operation",
  outcome: "Outcome",
  label: "Label",
  day: "Day",
  hour: "Hour",
  month: "Month",
};
export const PLURALS = {
  principal: "principals",
  deployment: "deployments",
  model: "models",
  operation: "operations",
  outcome: "outcomes",
  label: "labels",
  day: "days",
  hour: "hours",
  month: "months",
};

// How a call ended, and whether that was meant: `tone` chooses colour and sign together.
export const OUTCOMES = {
  completed: { name: "Completed", tone: "good" },
  refused_by_us: { name: "Refused by us", tone: "warn" },
  refused_by_azure: { name: "Refused by Azure", tone: "bad" },
  cut_by_caller: { name: "Cut by caller", tone: "warn" },
  cut_by_upstream: { name: "Cut by Azure", tone: "bad" },
  upstream_unreachable: { name: "Azure unreachable", tone: "bad" },
  timed_out: { name: "Timed out", tone: "bad" },
  cut_by_shutdown: { name: "Cut by shutdown", tone: "bad" },
  abandoned: { name: "Abandoned", tone: "bad" },
};

export const SOURCES = {
  reported: "reported by Azure",
  estimated: "estimated",
  partial: "a lower bound",
  unavailable: "not known",
  not_applicable: "none used",
};

export const KINDS = {
  user: "user",
  application: "application",
  managed_identity: "managed identity",
  gateway: "gateway key",
  unknown: "unknown",
};

export const SEVERITIES = {
  high: { name: "High", tone: "bad" },
  medium: { name: "Medium", tone: "warn" },
  low: { name: "Low", tone: "soft" },
  info: { name: "Info", tone: "soft" },
};

export const FINDING_KINDS = {
  bypass_with_identity: "Past the gateway, with an identity",
  bypass_with_key: "Past the gateway, with a key",
  record_without_service_call: "Record that Azure does not know",
  token_counts_differ: "Token counts differ",
  keys_listed: "Keys listed",
  keys_regenerated: "Keys regenerated",
  listed_key_used: "Listed key used",
  diagnostics_silent: "Diagnostics silent",
  local_auth_enabled: "Keys allowed",
  role_granted: "Role granted",
  deployment_changed: "Deployment changed",
};

export const FINDING_STATES = { open: "Open", accepted: "Accepted", closed: "Closed", all: "All" };

export const outcome = (value) => OUTCOMES[value] ?? { name: spaced(value), tone: "soft" };
export const severity = (value) => SEVERITIES[value] ?? { name: spaced(value), tone: "soft" };

/** What a row is of, for people. */
export function nameOf(row, dimension) {
  if (dimension === "principal") return row.principal_name || row.object_id || "unknown";
  const value = row[dimension];
  if (dimension === "outcome") return outcome(value).name;
  return value || (dimension === "label" ? "no label" : "not known");
}

/** The account's name, which is the end of an Azure resource id; any other name whole. */
export const accountOf = (resource) => ACCOUNT.exec(resource)?.[1] ?? resource;
const ACCOUNT = /^\/subscriptions\/[^/]+\/resourcegroups\/[^/]+\/providers\/[^/]+\/[^/]+\/([^/]+)$/i;

/** What filters by this row's value; "" where there is none. */
export const valueOf = (row, dimension) =>
  dimension === "principal" ? `${row.tenant_id}/${row.object_id}` : (row[dimension] ?? "");

/** A column's name, as "first_chunk_p95_ms", for people. */
export const spaced = (name) =>
  String(name ?? "")
    .replace(/_ms$|_usd$/, "")
    .replaceAll("_", " ");

/** What a column holds, for people: its name says the unit. */
export const shownAs = (name, value) => (/_ms$/.test(name) && value !== "" ? duration(value) : anything(value));

export const COLUMNS = {
  calls: ["Calls", count],
  calls_failed: ["Not completed", count],
  prompt_tokens: ["Prompt", brief],
  cached_tokens: ["Cached", brief],
  completion_tokens: ["Completion", brief],
  reasoning_tokens: ["Reasoning", brief],
  total_tokens: ["Tokens", brief],
  cost_usd: ["Cost (USD)", cost],
  calls_unpriced: ["Unpriced", count],
  latency_p50_ms: ["Median", duration],
  latency_p95_ms: ["95 %", duration],
  latency_p99_ms: ["99 %", duration],
  first_chunk_p50_ms: ["Median", duration],
  first_chunk_p95_ms: ["95 %", duration],
  first_chunk_p99_ms: ["99 %", duration],
};

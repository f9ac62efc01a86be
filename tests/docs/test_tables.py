"""The references: every column, outcome, source and error is described, and nothing that is not there."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from shared.adapters.rollup_columns import day_rollup_entity, month_rollup_entity
from shared.adapters.table_checkpoints import checkpoint_entity
from shared.adapters.table_findings import finding_entity
from shared.adapters.table_gateway_keys import key_entity
from shared.adapters.table_windows import name_entity, state_entity, totals_entity
from shared.adapters.usage_columns import usage_entity
from shared.domain.errors import LedgerError
from shared.domain.findings.finding import Announcement, FindingKind, FindingState, Part, Severity, Subject, with_part
from shared.domain.gateway_key import GatewayKey
from shared.domain.logs.entries import (
    AuditEvent,
    AuditKind,
    AuditPhase,
    AuditSource,
    CallUsage,
    LogEntry,
    MetricPoint,
    OtherEntry,
    ServiceCall,
)
from shared.domain.logs.keys import AUDIT_EVENTS_TABLE, METRICS_TABLE, OTHER_LOGS_TABLE, SERVICE_CALLS_TABLE
from shared.domain.logs.reading import Checkpoint, LogBlob
from shared.domain.principal import Principal, PrincipalKind
from shared.domain.reconciliation.totals import HourTotals
from shared.domain.reconciliation.windows import Window, WindowState
from shared.domain.rollup import Rollup
from shared.domain.table_entity import Int64, Value
from shared.domain.usage_record import (
    Charge,
    CountAudit,
    OpenCall,
    Origin,
    Outcome,
    TokenUsage,
    UsageRecord,
    UsageSource,
)
from shared.ports.rollups import DayRollup, MonthRollup
from shared.web.errors import HTTP_ERRORS
from tests.fakes_rollups import usage_entry

_Kind = TypeVar("_Kind")

DOCS = Path(__file__).parents[2] / "docs"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
PRINCIPAL = Principal(
    tenant_id="t", object_id="o", kind=PrincipalKind.USER, app_id="a", name="n", key_id="k", roles=frozenset({"r"})
)


def _described(page: str, section: str = "") -> dict[str, list[str]]:
    """Return the rows of a section's tables: the names in code font in the first cell, and the other cells."""
    text = (DOCS / page).read_text()
    if section:
        text = text.split(f"# {section}\n", 1)[1].split("\n#", 1)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return {name: cells[1:] for cells in rows for name in re.findall(r"`([^`]+)`", cells[0])}


def test_every_column_of_usage_is_described_with_its_type() -> None:
    """People write queries against this page."""
    described = _described("tables.md", "`usage`")
    columns = usage_entity(_full(UsageRecord, call=_full(OpenCall, principal=PRINCIPAL))).properties
    types = {bool: "Boolean", str: "String", datetime: "DateTime", int: "Int32"}

    assert set(described) - {"PartitionKey", "RowKey"} == set(columns)
    for name, value in columns.items():
        assert described[name][0] == types.get(type(value), "Int64"), name


def test_every_column_of_keys_is_described() -> None:
    """An operator revokes by hand when all else fails."""
    key = GatewayKey(
        key_hash="ab", principal=PRINCIPAL, issued_at=NOW, expires_at=NOW, revoked_at=NOW, last_used_at=NOW
    )

    assert set(_described("tables.md", "`keys`")) == set(key_entity(key))


@pytest.mark.parametrize(
    ("table", "kinds"),
    [
        (SERVICE_CALLS_TABLE, [ServiceCall, CallUsage]),
        (AUDIT_EVENTS_TABLE, [AuditEvent]),
        (METRICS_TABLE, [MetricPoint]),
        (OTHER_LOGS_TABLE, [OtherEntry]),
    ],
)
def test_every_column_of_a_table_of_logs_is_described_with_its_type(table: str, kinds: list[type[LogEntry]]) -> None:
    """A field of an entry is a column as soon as it is there."""
    described = _described("tables.md", f"`{table}`")
    fields = {field.name: field.type for kind in kinds for field in msgspec.structs.fields(kind)}
    types = {"str": "String", "int": "Int64", "float": "Double", "bool": "Boolean", "datetime": "DateTime"}

    assert set(described) - {"PartitionKey", "RowKey"} == set(fields)
    for name, kind in fields.items():
        plain = next(each for each in getattr(kind, "__args__", (kind,)) if each is not type(None))
        assert described[name][0] == types.get(plain.__name__, "String"), name


def test_every_column_of_rollups_is_described_with_its_type() -> None:
    """Power BI reads them, and an operator looks here before deleting one."""
    described = {name: cells for name, cells in _described("tables.md", "`rollups`").items() if "{" not in name}
    entry = usage_entry(_full(UsageRecord, call=_full(OpenCall, principal=PRINCIPAL)))
    rollup = Rollup.of([entry])
    whose = entry.principal_day
    rows = [
        day_rollup_entity(DayRollup(whose=whose, rollup=rollup, folded_through=entry.row_key)),
        month_rollup_entity(MonthRollup(month=NOW.date(), owner=whose.owner, rollup=rollup)),
    ]
    types = {str: "String", bytes: "Binary", Int64: "Int64"}
    columns = {name: types[type(value)] for row in rows for name, value in row.properties.items()}

    assert {name: described[name][0] for name in columns} == columns
    assert set(described) - {"PartitionKey", "RowKey"} - set(columns) <= {"unfolded", "usage", "completed"}


def test_every_kind_and_phase_of_an_audit_event_is_described() -> None:
    """Who asks for all `keys_listed` finds the word here."""
    described = _described("tables.md", "`auditevents`")

    for column, words in {"source": AuditSource, "kind": AuditKind, "phase": AuditPhase}.items():
        assert set(re.findall(r"`(\w+)`", described[column][1])) == set(words)


def test_every_column_of_checkpoints_is_described() -> None:
    """An operator has a blob read again by taking its row away."""
    columns = checkpoint_entity(LogBlob(account="a", container="c", name="n"), Checkpoint())
    described = {name for name in _described("tables.md", "`checkpoints`") if "{" not in name}

    assert described - {"PartitionKey", "RowKey"} == set(columns) - {"PartitionKey", "RowKey"}


def _types(properties: Mapping[str, Value]) -> dict[str, str]:
    types = {bool: "Boolean", str: "String", datetime: "DateTime", int: "Int32"}
    return {name: types.get(type(value), "Int64") for name, value in properties.items()}


def _described_types(section: str) -> dict[str, str]:
    kinds = {"Boolean", "String", "DateTime", "Int32", "Int64"}
    return {name: cells[0] for name, cells in _described("tables.md", section).items() if cells[0] in kinds}


def test_every_column_of_findings_is_described_with_its_type() -> None:
    """Whoever has no endpoint at hand reads the table."""
    part = Part(occurrences=1, first_at=NOW, last_at=NOW, severity=Severity.HIGH, evidence=())
    subject = Subject(kind=FindingKind.KEYS_LISTED, day=NOW.date(), resource="r", of="x", object_id="o")
    finding = with_part(None, subject, "09", part, NOW)
    assert finding
    whole = dataclasses.replace(
        finding.accepted(by="me", reason="r", at=NOW),
        closed_at=NOW,
        closed_because="x",
        announcement=Announcement(1, NOW, 1, NOW),
    )
    columns = {name: kind for name, kind in _types(finding_entity(whole).properties).items() if name != "part_09"}

    assert _described_types("`findings`") == {**columns, "part_09": "String", "part_day": "String"}


def test_every_kind_severity_and_state_of_a_finding_is_described() -> None:
    """A word that no page explains is no finding."""
    described = _described("tables.md", "`findings`")
    words = re.findall(r"`(\w+)`", described["severity"][1]), re.findall(r"`(\w+)`", described["state"][1])

    assert (set(words[0]), set(words[1])) == (set(Severity), set(FindingState))
    assert set(FindingKind) <= set(_described("operations.md", "Is the ledger complete?"))


def test_every_column_of_reconciliation_is_described_with_its_type() -> None:
    """Its rows are what proves the ledger."""
    state = WindowState(window=Window.of_hour(NOW), reconciled_at=NOW, due_at=NOW, slow_arrival=timedelta(1))
    totals = HourTotals(
        resource="r",
        hour=NOW,
        our_prompt_tokens=1,
        our_completion_tokens=1,
        azure_prompt_tokens=1,
        azure_completion_tokens=1,
        reconciled_at=NOW,
    )
    columns = _types(totals_entity(totals).properties) | _types(state_entity(state).properties)

    assert _described_types("`reconciliation`") == columns | _types(name_entity("h", "r").properties)


def test_every_outcome_and_source_is_described() -> None:
    """A word in a report that no page explains is noise."""
    assert set(_described("tables.md", "`outcome`")) == set(Outcome)
    assert set(_described("tables.md", "`usage_source`")) == set(UsageSource)


def test_every_error_is_described_with_its_status() -> None:
    """The page is what a caller finds when it searches for the code."""
    described = {code: cells[0] for code, cells in _described("errors.md").items() if code in _codes()}

    assert described == _codes()


def _codes() -> dict[str, str]:
    return {error.code: str(http.status) for error, http in HTTP_ERRORS.items() if error is not LedgerError}


def _full(kind: type[_Kind], **values: Any) -> _Kind:
    """Return a dataclass with every field set."""
    samples = {
        "CountAudit": CountAudit(prompt_tokens=1, completion_tokens=1, method="m", shape="s"),
        "datetime": NOW,
        "int": 1,
        "bool": True,
        "Outcome": Outcome.COMPLETED,
        "TokenUsage": _usage(),
        "Charge": Charge(cost_usd=Decimal("0.00135"), price_source="p", provisioned=True),
        "str": "x",
        "Origin": Origin.RELAY,
    }
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        if field.name not in values:
            values[field.name] = samples[str(field.type).split(" ")[0]]
    return kind(**values)


def _usage() -> TokenUsage:
    names = [field.name for field in dataclasses.fields(TokenUsage)]
    counts: dict[str, Any] = {name: 1 for name in names if name.endswith("_tokens")}
    return TokenUsage(**counts, source=UsageSource.REPORTED, method="m")

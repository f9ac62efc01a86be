"""The references: every column, outcome, source and error is described, and nothing that is not there."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from shared.adapters.table_gateway_keys import key_entity
from shared.adapters.usage_columns import usage_entity
from shared.domain.errors import LedgerError
from shared.domain.gateway_key import GatewayKey
from shared.domain.principal import Principal, PrincipalKind
from shared.domain.usage_record import Charge, CountAudit, OpenCall, Outcome, TokenUsage, UsageRecord, UsageSource
from shared.web.errors import HTTP_ERRORS

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
    }
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        if field.name not in values:
            values[field.name] = samples[str(field.type).split(" ")[0]]
    return kind(**values)


def _usage() -> TokenUsage:
    names = [field.name for field in dataclasses.fields(TokenUsage)]
    counts: dict[str, Any] = {name: 1 for name in names if name.endswith("_tokens")}
    return TokenUsage(**counts, source=UsageSource.REPORTED, method="m")

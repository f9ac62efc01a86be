"""docs/exports.md and its queries: every column and file is described, and none that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shared.adapters.usage_columns import usage_entity
from shared.bootstrap.exporting import exports_of
from shared.domain.exports import ExportFormat, file_name
from shared.domain.focus.columns import FOCUS_COLUMNS
from shared.domain.log_rows import LOG_COLUMNS
from shared.domain.table_columns import ColumnType
from shared.domain.usage_record import OpenCall, UsageRecord
from shared.domain.usage_row import USAGE_COLUMNS, usage_row
from shared.settings import read_settings
from tests.docs.test_tables import DOCS, NOW, PRINCIPAL, _described, _full

_QUERIES = sorted((DOCS / "kql").glob("*.kql"))
# Of AzureDiagnostics: https://learn.microsoft.com/azure/azure-monitor/reference/tables/azurediagnostics
_AZURES = frozenset(
    "AzureDiagnostics CallerIPAddress Category CorrelationId DurationMs OperationName Resource ResourceProvider "
    "TimeGenerated RequestResponse".split()
)


def test_every_column_of_a_focus_file_is_described() -> None:
    """Finance asks why a column holds what it holds, before it asks anything else."""
    described = _described("exports.md", "FOCUS")

    assert set(described) == {column.name for column in FOCUS_COLUMNS}


def test_every_file_is_described() -> None:
    """A pipeline is built on its name."""
    settings = read_settings({"AzureWebJobsStorage": "x", "AZURE_OPENAI_ENDPOINT": "https://x"})
    exports = exports_of(list(ExportFormat), settings.exports, settings.pricing)
    page = (DOCS / "exports.md").read_text()

    for export in exports:
        assert file_name(export.folder, NOW.date(), export.format.suffix) in page


def test_exported_records_have_the_columns_of_the_table_in_its_order() -> None:
    """A column that is added to the table and not to the files is one that finance does not see."""
    record = _full(UsageRecord, call=_full(OpenCall, principal=PRINCIPAL))
    described = [name for name in _described("tables.md", "`usage`") if name not in {"PartitionKey", "RowKey"}]
    exported = dict(zip((column.name for column in USAGE_COLUMNS), usage_row(record), strict=True))
    stored = dict(usage_entity(record).properties)

    assert [column.name for column in USAGE_COLUMNS] == described
    assert exported | {"cost_usd": str(exported["cost_usd"])} == stored


def test_exported_records_have_the_types_of_the_table() -> None:
    """By the page: what it calls a String is no number in a file."""
    described = _described("tables.md", "`usage`")
    types = {"String": "text", "Int32": "whole", "Int64": "whole", "DateTime": "time", "Boolean": "truth"}

    for column in USAGE_COLUMNS:
        if column.type is not ColumnType.DECIMAL:
            assert types[described[column.name][0]] == column.type, column.name


@pytest.mark.parametrize("query", _QUERIES, ids=[path.stem for path in _QUERIES])
def test_a_query_names_only_columns_that_there_are(query: Path) -> None:
    """A query that fails at the first try is not tried again."""
    code = re.sub(r"//.*|\"[^\"]*\"", "", query.read_text())
    made = set(re.findall(r"\b([A-Z]\w+) = ", code))
    named = set(re.findall(r"(?<![.\w])[A-Z]\w+", code))

    assert named - {"AoaiUsage_CL"} <= LOG_COLUMNS.keys() | made | _AZURES


def test_every_query_is_listed() -> None:
    """A query nobody finds is not used."""
    page = (DOCS / "exports.md").read_text()

    assert _QUERIES
    assert {path.name for path in _QUERIES} == set(re.findall(r"\(kql/(\w+\.kql)\)", page))

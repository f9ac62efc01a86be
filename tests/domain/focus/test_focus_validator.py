"""The FinOps Foundation's own validator, offline, on files as they are exported."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from shared.adapters.parquet_format import ParquetFormat
from shared.domain.csv_format import CsvFormat
from shared.ports.table_encoding import TableFormat
from tests.domain.focus.focus_records import charged_otherwise, priced, provisioned, table

_SPEC = importlib.util.find_spec("focus_validator") if sys.version_info >= (3, 12) else None

pytestmark = pytest.mark.skipif(
    _SPEC is None, reason="focus-validator needs Python 3.12 or later, and `make setup` to install it"
)

# What our files claim to have: rules for the rest (commitment discounts, sub accounts, tags, …) do not apply.
_CRITERIA = (
    "ACCOUNT_NAMING_SUPPORTED,BILLING_BASED_ON_PROVISIONED_RESOURCES_SUPPORTED,MULTIPLE_PRICING_CATEGORIES_SUPPORTED,"
    "NEGOTIATED_PRICING_SUPPORTED,PUBLIC_PRICE_LIST_SUPPORTED,REGION_SUPPORTED,RESOURCE_TYPE_ASSIGNMENT_SUPPORTED,"
    "UNIT_PRICING_SUPPORTED,USAGE_MEASUREMENT_SUPPORTED"
)
# Of the two, "InvoiceId MUST be null when no invoice" and "MUST NOT be null when one", the validator (2.2.1) knows
# no condition, so that one of them fails whatever stands there. The rule above both, that either holds, passes.
_CANNOT_PASS = {"InvoiceId-C-005-C"}


def verdicts(path: Path) -> dict[str, str]:
    """Return what the validator says of each rule: PASS, FAIL or SKIPPED."""
    assert _SPEC is not None
    assert _SPEC.origin is not None
    options = ["--validate-version", "1.2", "--block-download", "--applicability-criteria", _CRITERIA]
    run = subprocess.run(
        [sys.executable, "-m", "focus_validator.main", "--data-file", str(path), *options],
        # It looks for its list of currencies from where it is started.
        cwd=Path(_SPEC.origin).parents[1],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return dict(re.findall(r"^\S+ ([A-Za-z]+-[A-Z]-\d+-[A-Z]): (PASS|FAIL|SKIPPED)", run.stdout, re.MULTILINE))


@pytest.mark.parametrize("form", [CsvFormat(), ParquetFormat()], ids=["csv", "parquet"])
def test_the_official_validator_finds_nothing(form: TableFormat, tmp_path: Path) -> None:
    """A tool that takes FOCUS files in refuses one that is nearly right, or worse, does not."""
    made = table()
    made.add([priced("c1", cached=300), priced("c2", object_id="bob"), provisioned(), charged_otherwise()])
    encoder = form.begin(made.columns)
    path = tmp_path / f"part-00000{form.suffix}"
    path.write_bytes(encoder.add(made.finish()) + encoder.finish())
    found = verdicts(path)

    assert {rule for rule, verdict in found.items() if verdict == "FAIL"} == _CANNOT_PASS
    assert found["InvoiceId-C-000-O"] == found["InvoiceId-C-003-C"] == "PASS"
    assert sum(verdict == "PASS" for verdict in found.values()) > 200

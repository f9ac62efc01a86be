"""What a rollup is made a row of is what is read back, however much it is and whatever it is called."""

from __future__ import annotations

import base64
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from shared.adapters.rollup_columns import (
    day_rollup,
    day_rollup_entity,
    digest_of,
    month_rollup,
    month_rollup_entity,
    wanted_columns,
)
from shared.domain.errors import StorageRejected
from shared.domain.rollup import Rollup
from shared.domain.table_entity import MAX_STRING_UNITS, Int64, TableEntity, check_entity
from shared.domain.usage_keys import Owner, PrincipalDay
from shared.ports.rollups import EVERYTHING, DayRollup, Detail, MonthRollup
from tests.domain.test_rollup import entry

DAY = date(2026, 11, 23)
WHOSE = PrincipalDay(DAY, Owner("t", "alice"))
labels = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn", "Zl", "Zp"]), max_size=20)


def read_back(entity: TableEntity) -> dict[str, Any]:
    """Return a row as the service's JSON has it."""
    cells = {
        name: base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)
        for name, value in entity.properties.items()
    }
    return {"PartitionKey": entity.partition_key, "RowKey": entity.row_key, **cells}


@given(st.lists(st.builds(entry, st.integers(0, 10**6), label=labels, hours=st.integers(0, 12)), max_size=20))
def test_a_day_is_read_back(entries: list[Any]) -> None:
    """Cell by cell, with hours and sketches; and another order of adding is the same row."""
    day = DayRollup(whose=WHOSE, rollup=Rollup.of(entries), folded_through="x", folded_notes=frozenset({"n1"}))
    day.digest = digest_of(day.rollup)
    entity = day_rollup_entity(day)
    check_entity(entity)
    found = day_rollup(read_back(entity), "v", EVERYTHING)

    assert (found.rollup, found.folded_through, found.folded_notes) == (day.rollup, "x", frozenset({"n1"}))
    assert (found.digest, found.whose, found.version) == (day.digest, WHOSE, "v")


def test_a_month_is_read_back_with_its_days() -> None:
    """By which a reader knows whether it may take the month for them."""
    rollup = Rollup()
    rollup.merge(Rollup.of([entry(5, label="a"), entry(6)]))
    month = MonthRollup(month=DAY.replace(day=1), owner=WHOSE.owner, rollup=rollup, days={DAY: "d1"})

    assert month_rollup(read_back(month_rollup_entity(month)), "v", EVERYTHING) == MonthRollup(
        month=DAY.replace(day=1), owner=WHOSE.owner, rollup=rollup, days={DAY: "d1"}, version="v"
    )


def test_without_cells_there_are_the_sums() -> None:
    """A month of everybody reads no more than that."""
    entries = [entry(5, label="a"), entry(6)]
    row = read_back(day_rollup_entity(DayRollup(whose=WHOSE, rollup=Rollup.of(entries))))
    kept = {name: cell for name, cell in row.items() if name in wanted_columns(Detail())}
    found = day_rollup(kept, "v", Detail())

    assert len(found.rollup.cells) == 1
    assert found.rollup.totals() == Rollup.of(entries).totals()


def test_hundreds_of_cells_of_long_names_fit() -> None:
    """A text longer than a column goes on in the next."""
    entries = [entry(n, label="ü" * 250 + str(n), deployment="d" * 250 + str(n), hours=n % 14) for n in range(400)]
    entity = day_rollup_entity(DayRollup(whose=WHOSE, rollup=Rollup.of(entries)))
    check_entity(entity)

    assert day_rollup(read_back(entity), "", EVERYTHING).rollup == Rollup.of(entries)
    assert "cells_3" in entity.properties
    assert max(len(value) for value in entity.properties.values() if isinstance(value, str)) <= MAX_STRING_UNITS


def test_the_digest_tells_what_is_in_it_and_not_how_far_it_was_folded() -> None:
    """A day folded anew that says the same need not be brought into its month again."""
    some, more = Rollup.of([entry(5)]), Rollup.of([entry(5), entry(6)])
    rows = [day_rollup_entity(DayRollup(whose=WHOSE, rollup=some, folded_through=end)) for end in ("a", "b")]

    assert digest_of(some) != digest_of(more)
    assert rows[0].properties["digest"] == rows[1].properties["digest"] == digest_of(some)


def test_sums_above_64_bits_are_no_row() -> None:
    """Azure may report what it likes; the fold leaves that day to its records."""
    entries = [replace(entry(n), total_tokens=2**63 - 1) for n in range(4)]
    with pytest.raises((StorageRejected, OverflowError)):
        check_entity(day_rollup_entity(DayRollup(whose=WHOSE, rollup=Rollup.of(entries))))


def test_int64_columns_are_int64() -> None:
    """A month of a busy principal is above two thousand million tokens."""
    entity = day_rollup_entity(DayRollup(whose=WHOSE, rollup=Rollup.of([entry(5)])))

    assert isinstance(entity.properties["total_tokens"], Int64)

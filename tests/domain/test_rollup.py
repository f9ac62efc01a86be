"""A rollup is the sum of its records, however it is cut, and never more than a row can hold."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.principal import PrincipalKind
from shared.domain.rollup import MOST_CELLS, OTHERS, CellKey, Rollup
from shared.domain.usage_entry import UsageEntry
from shared.domain.usage_keys import usage_row
from shared.domain.usage_record import Outcome, UsageSource
from tests.adapters.records import BEGUN_AT


def entry(
    number: int = 0, *, label: str | None = None, deployment: str = "gpt", hours: int = 0, name: str = "Alice"
) -> UsageEntry:
    return UsageEntry(
        partition="2026-11-23_t_alice",
        row_key=usage_row(BEGUN_AT + timedelta(hours=hours, milliseconds=number), "c"),
        principal_kind=PrincipalKind.USER,
        principal_name=name,
        operation="chat.completions",
        outcome=Outcome.COMPLETED,
        usage_source=UsageSource.REPORTED,
        duration_ms=100 + number,
        deployment=deployment,
        user_label=label,
        total_tokens=number,
        prompt_tokens=number,
    )


some_entries = st.lists(
    st.builds(entry, st.integers(0, 999), label=st.sampled_from([None, "a", "b"]), hours=st.integers(0, 10)),
    max_size=30,
).map(lambda entries: sorted(entries, key=lambda each: each.row_key))


@given(some_entries, st.integers(0, 30))
def test_it_is_the_same_however_it_is_cut(entries: list[UsageEntry], cut: int) -> None:
    """A fold goes on where another stopped."""
    rollup = Rollup.of(entries[:cut])
    for each in entries[cut:]:
        rollup.add(each)

    assert rollup == Rollup.of(entries)


@given(some_entries)
def test_hours_are_parts_of_the_day(entries: list[UsageEntry]) -> None:
    """Each record is in one of them."""
    rollup = Rollup.of(entries)
    parts = [rollup.within_hours(range(hour, hour + 1)).totals().total_tokens for hour in range(24)]

    assert sum(parts) == rollup.totals().total_tokens == sum(each.total_tokens or 0 for each in entries)
    assert rollup.within_hours(range(24)).totals() == rollup.totals()


def test_the_newest_record_names_the_principal() -> None:
    """Names change, ids do not."""
    rollup = Rollup.of([entry(1, name="Alice Smith"), entry(2, name="Alice Miller")])
    older = Rollup.of([entry(0, name="Al")])
    rollup.merge(older)

    assert (rollup.principal_name, rollup.principal_kind) == ("Alice Miller", "user")


def test_what_only_azure_logged_takes_nobodys_name_away() -> None:
    """Alice went round the gate once: Azure's line tells her id, and her reports still tell her name."""
    logged = msgspec.structs.replace(entry(2), principal_kind=PrincipalKind.UNKNOWN, principal_name=None)
    at_once = Rollup.of([entry(1), logged])
    in_parts = Rollup.of([logged])
    unnamed = (in_parts.principal_name, in_parts.principal_kind)
    in_parts.merge(Rollup.of([entry(1)]))

    assert unnamed == ("", "unknown")
    assert (at_once.principal_name, at_once.principal_kind) == ("Alice", "user")
    assert (in_parts.principal_name, in_parts.principal_kind) == ("Alice", "user")


def test_any_number_of_labels_and_deployments_fits_a_row() -> None:
    """Both are whatever a caller sends; the sums stay whole."""
    entries = [entry(number, label=f"label {number}", deployment=f"d{number // 2}") for number in range(1000)]
    rollup = Rollup.of(entries)

    assert MOST_CELLS < len(rollup.cells) <= MOST_CELLS + 40 + len(Outcome)
    assert CellKey("d99", "", "chat.completions", "completed", "label 199") in rollup.cells
    assert CellKey("d100", "", "chat.completions", "completed", OTHERS) in rollup.cells
    assert CellKey(OTHERS, OTHERS, OTHERS, "completed", OTHERS) in rollup.cells
    assert rollup.totals().calls == 1000

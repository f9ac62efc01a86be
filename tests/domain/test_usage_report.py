"""A report is the sum of the records, whatever order they come in and however it is paged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.principal import Principal, PrincipalKind
from shared.domain.report_dimensions import Dimension, Filters, Key, hour_period, key_columns
from shared.domain.report_order import Cursor, Sort
from shared.domain.rollup import Rollup
from shared.domain.usage_part import UsagePart
from shared.domain.usage_record import NOT_CHARGED, Charge, OpenCall, Outcome, TokenUsage, UsageRecord, UsageSource
from shared.domain.usage_report import (
    PERCENTILE_COLUMNS,
    PREVIOUS_COLUMNS,
    Arrangement,
    ReportRow,
    ReportShape,
    UsageFold,
    UsageReport,
)
from shared.domain.usage_span import UsageSpan
from shared.domain.usage_totals import TOTAL_COLUMNS
from tests.fakes_rollups import usage_entry

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


def record(
    *,
    object_id: str = "alice",
    name: str | None = "Alice",
    begun_at: datetime = MONDAY,
    deployment: str | None = "gpt",
    model: str | None = "gpt-4o",
    operation: str = "chat.completions",
    outcome: Outcome = Outcome.COMPLETED,
    usage: TokenUsage | None = None,
    charge: Charge = NOT_CHARGED,
) -> UsageRecord:
    principal = Principal(tenant_id="tenant", object_id=object_id, kind=PrincipalKind.USER, name=name)
    call = OpenCall(
        call_id="1",
        begun_at=begun_at,
        principal=principal,
        operation=operation,
        method="POST",
        resource="r",
        deployment=deployment,
    )
    return UsageRecord(
        call=call,
        ended_at=begun_at,
        duration_ms=1,
        outcome=outcome,
        usage=usage or TokenUsage(prompt_tokens=3, total_tokens=3, source=UsageSource.REPORTED),
        model=model,
        charge=charge,
    )


counts = st.none() | st.integers(0, 2**62)
usages = st.builds(
    TokenUsage,
    prompt_tokens=counts,
    completion_tokens=counts,
    total_tokens=counts,
    cached_tokens=counts,
    reasoning_tokens=counts,
    source=st.sampled_from(UsageSource),
)
charges = st.builds(
    Charge,
    cost_usd=st.none() | st.decimals(0, 10**12, places=18),
    provisioned=st.booleans(),
)
records = st.builds(
    record,
    object_id=st.sampled_from(["alice", "bob", "carol"]),
    name=st.sampled_from([None, "Alice", "Bob"]),
    begun_at=st.integers(0, 72).map(lambda hours: MONDAY + timedelta(hours=hours)),
    deployment=st.sampled_from([None, "gpt", "ada"]),
    model=st.sampled_from([None, "gpt-4o"]),
    operation=st.sampled_from(["chat.completions", "embeddings"]),
    outcome=st.sampled_from(Outcome),
    usage=usages,
    charge=charges,
)
breakdowns = st.permutations(list(Dimension)).flatmap(
    lambda dimensions: st.integers(0, len(dimensions)).map(lambda count: tuple(dimensions[:count]))
)


SPAN = UsageSpan(begun_from=MONDAY, begun_before=MONDAY + timedelta(days=7))


def folded(by: tuple[Dimension, ...], *pages: Sequence[UsageRecord], shape: ReportShape | None = None) -> UsageFold:
    fold = UsageFold(shape or ReportShape(by=by))
    for page in pages:
        for each in page:
            entry = usage_entry(each)
            whose = entry.principal_day
            fold.add(UsagePart(whose.owner, whose.day.isoformat(), Rollup.of([entry])))
    return fold


def report(
    fold: UsageFold,
    *,
    limit: int = 1000,
    after: Cursor | None = None,
    sort: Sort | None = None,
    top: int | None = None,
    previous: UsageFold | None = None,
    of_all_principals: bool = True,
) -> UsageReport:
    arrangement = Arrangement(limit=limit, after=after, sort=sort, top=top)
    return fold.report(SPAN, arrangement, previous=previous, of_all_principals=of_all_principals)


def cell(record: UsageRecord, dimension: Dimension) -> Key:
    """Return what a dimension shows of a record."""
    call = record.call
    return {
        Dimension.PRINCIPAL: (call.principal.tenant_id, call.principal.object_id),
        Dimension.DEPLOYMENT: (call.deployment or "",),
        Dimension.MODEL: (record.model or "",),
        Dimension.OPERATION: (call.operation,),
        Dimension.LABEL: (call.user_label or "",),
        Dimension.OUTCOME: (record.outcome.value,),
        Dimension.HOUR: (hour_period(call.begun_at.strftime("%Y-%m-%d"), call.begun_at.hour),),
        Dimension.DAY: (call.begun_at.strftime("%Y-%m-%d"),),
        Dimension.MONTH: (call.begun_at.strftime("%Y-%m"),),
    }[dimension]


def summed(records: Sequence[UsageRecord]) -> tuple[int | Fraction | None, ...]:
    """Return the totals of records, column by column."""
    rules: dict[str, Callable[[UsageRecord], int]] = {
        "calls_unpriced": lambda r: (
            r.charge.cost_usd is None and not r.charge.provisioned and r.usage.source != "not_applicable"
        ),
        "provisioned_tokens": lambda r: (r.usage.total_tokens or 0) * r.charge.provisioned,
        "calls": lambda _: 1,
        "calls_failed": lambda r: r.outcome != "completed",
        "calls_estimated": lambda r: r.usage.source in ("estimated", "partial"),
        "calls_uncounted": lambda r: r.usage.source == "unavailable",
    }
    costs = [Fraction(r.charge.cost_usd) for r in records if r.charge.cost_usd is not None]
    return tuple(
        (sum(costs) if costs else None)
        if column == "cost_usd"
        else sum(rules[column](r) if column in rules else getattr(r.usage, column) or 0 for r in records)
        for column in TOTAL_COLUMNS
    )


def totals(row: ReportRow | UsageReport) -> tuple[int | Fraction | None, ...]:
    cells = (getattr(row.totals, column) for column in TOTAL_COLUMNS)
    return tuple(Fraction(cell) if isinstance(cell, Decimal) else cell for cell in cells)


@given(breakdowns, st.lists(records, max_size=20))
def test_a_report_is_the_straight_sum(by: tuple[Dimension, ...], rows: list[UsageRecord]) -> None:
    """Promise 8: a report equals the sum of the records, row by row and in all."""
    groups: dict[Key, list[UsageRecord]] = {}
    for row in rows:
        groups.setdefault(tuple(part for dimension in by for part in cell(row, dimension)), []).append(row)

    found = report(folded(by, rows))

    assert [(row.key, totals(row)) for row in found.rows] == [(key, summed(groups[key])) for key in sorted(groups)]
    assert totals(found) == summed(rows)
    assert found.next_cursor is None


@given(breakdowns, st.lists(records, max_size=20), st.randoms(use_true_random=False), st.integers(0, 20))
def test_neither_order_nor_pages_of_records_matter(
    by: tuple[Dimension, ...], rows: list[UsageRecord], random: Random, cut: int
) -> None:
    """Storage answers in pages, and a swept call lands late."""
    shuffled = list(rows)
    random.shuffle(shuffled)

    assert report(folded(by, shuffled[:cut], shuffled[cut:])) == report(folded(by, rows))


@given(breakdowns, st.lists(records, max_size=20), st.integers(1, 7))
def test_pages_by_cursor_hold_every_row_once(by: tuple[Dimension, ...], rows: list[UsageRecord], limit: int) -> None:
    """A reader who follows `next` to the end has the whole report, and each page has its totals."""
    fold = folded(by, rows)
    whole = report(fold)
    pages = [report(fold, limit=limit)]
    while pages[-1].next_cursor is not None and len(pages) <= len(whole.rows):
        pages.append(report(fold, limit=limit, after=pages[-1].next_cursor))

    assert pages[-1].next_cursor is None
    assert [row for page in pages for row in page.rows] == list(whole.rows)
    assert all(len(page.rows) == limit for page in pages[:-1])
    assert all(page.totals == whole.totals for page in pages)


def test_a_cursor_of_a_row_that_is_gone_still_tells_where_to_go_on() -> None:
    """Records come and go between two pages."""
    fold = folded((Dimension.DEPLOYMENT,), [record(deployment="a"), record(deployment="c")])

    assert [row.key for row in report(fold, after=Cursor(key=("b",))).rows] == [("c",)]


def test_the_newest_record_names_the_principal() -> None:
    """Names change, ids do not: the report shows who it is today."""
    rows = [
        record(name="Alice Miller", begun_at=MONDAY + timedelta(days=1)),
        record(name="Alice Smith", begun_at=MONDAY),
    ]

    for order in (rows, rows[::-1]):
        (row,) = report(folded((Dimension.PRINCIPAL,), order)).rows

        assert row.labels == ("Alice Miller", "user")
        assert row.totals.calls == 2


def test_what_only_azure_logged_takes_nobodys_name_away() -> None:
    """It tells an id, and neither a name nor a kind: the report shows those that were proved."""
    proved = record(begun_at=MONDAY)
    principal = Principal(tenant_id="tenant", object_id="alice", kind=PrincipalKind.UNKNOWN)
    call = replace(proved.call, principal=principal, begun_at=MONDAY + timedelta(days=1))
    rows = [replace(proved, call=call), proved]

    for order in (rows, rows[::-1]):
        (row,) = report(folded((Dimension.PRINCIPAL,), order)).rows

        assert row.labels == ("Alice", "user")


def test_what_is_not_known_is_not_a_count() -> None:
    """It adds nothing to the tokens, and one to the calls that nobody counted."""
    rows = [
        record(usage=TokenUsage(source=UsageSource.UNAVAILABLE)),
        record(usage=TokenUsage(source=UsageSource.NOT_APPLICABLE)),
        record(usage=TokenUsage(prompt_tokens=7, source=UsageSource.PARTIAL)),
    ]

    found = report(folded((), rows)).totals

    assert (found.calls, found.calls_uncounted, found.calls_estimated) == (3, 1, 1)
    assert (found.prompt_tokens, found.completion_tokens, found.total_tokens) == (7, 0, 0)


def provisioned(object_id: str, tokens: int, deployment: str = "ptu") -> UsageRecord:
    return record(
        object_id=object_id,
        deployment=deployment,
        usage=TokenUsage(total_tokens=tokens, source=UsageSource.REPORTED),
        charge=Charge(provisioned=True),
    )


def test_a_provisioned_deployment_is_shared_out_by_tokens() -> None:
    """Its hours are paid for whoever uses them: what a principal is charged is its part."""
    rows = [provisioned("alice", 300), provisioned("bob", 600), provisioned("alice", 100), record(deployment="gpt")]
    by = (Dimension.DEPLOYMENT, Dimension.PRINCIPAL)

    shares = {(row.key[0], row.key[2]): row.deployment_share for row in report(folded(by, rows), limit=10).rows}

    assert shares == {
        ("gpt", "alice"): None,
        ("ptu", "alice"): Decimal("0.4"),
        ("ptu", "bob"): Decimal("0.6"),
    }


def test_a_share_is_of_all_rows_not_of_the_page() -> None:
    """On a page of one row everybody would have used all."""
    fold = folded((Dimension.PRINCIPAL, Dimension.DEPLOYMENT), [provisioned("alice", 1), provisioned("bob", 3)])

    assert [row.deployment_share for row in report(fold, limit=1).rows] == [Decimal("0.25")]


def test_nobody_has_a_share_where_others_tokens_are_not_known() -> None:
    """A report of one principal does not know the whole."""
    fold = folded((Dimension.PRINCIPAL, Dimension.DEPLOYMENT), [provisioned("alice", 1)])

    assert [row.deployment_share for row in report(fold, of_all_principals=False).rows] == [None]


def test_what_has_no_price_is_not_free() -> None:
    """A sum of nothing known is not 0 dollars, and a sum of what is known says what it leaves out."""
    unpriced, priced = record(), record(charge=Charge(cost_usd=Decimal("0.0000001")))

    assert report(folded((), [unpriced])).totals.cost_usd is None
    assert report(folded((), [unpriced])).totals.calls_unpriced == 1
    assert report(folded((), [unpriced, priced])).totals.cost_usd == Decimal("0.0000001")


@pytest.mark.parametrize(
    ("by", "columns"),
    [
        ((), ()),
        ((Dimension.DAY,), ("day",)),
        ((Dimension.PRINCIPAL,), ("tenant_id", "object_id", "principal_name", "principal_kind")),
        (
            (Dimension.DAY, Dimension.PRINCIPAL, Dimension.MODEL),
            ("day", "tenant_id", "object_id", "model", "principal_name", "principal_kind"),
        ),
    ],
)
def test_cells_stand_below_their_columns(by: tuple[Dimension, ...], columns: tuple[str, ...]) -> None:
    """A CSV file has nothing else to say which is which."""
    found = report(folded(by, [record()]))
    cells = dict(zip(found.columns, found.cells(found.rows[0]), strict=True))

    assert found.columns == (*columns, *TOTAL_COLUMNS)
    assert columns[: len(key_columns(by))] == key_columns(by)
    assert cells["prompt_tokens"] == 3
    assert cells.get("principal_name", "Alice") == "Alice"
    assert cells.get("day", "2026-11-23") == "2026-11-23"


def test_no_records_are_an_empty_report() -> None:
    """Nobody used anything: rows there are none, and the totals say 0 calls."""
    found = report(folded((Dimension.PRINCIPAL,)))

    assert (found.rows, found.next_cursor, found.totals.calls) == ((), None, 0)


def used(**tokens: int) -> list[UsageRecord]:
    """Return a record for each deployment, of so many tokens."""
    return [
        record(deployment=name, usage=TokenUsage(total_tokens=count, source=UsageSource.REPORTED))
        for name, count in tokens.items()
    ]


MOST_FIRST = Sort(column="total_tokens", descending=True)


def test_the_top_rows_and_the_others_are_all_there_is() -> None:
    """Who looks at three rows must see what they are three of."""
    found = report(folded((Dimension.DEPLOYMENT,), used(a=1, b=50, c=7, d=7, e=3)), sort=MOST_FIRST, top=2)

    assert [row.key for row in found.rows] == [("b",), ("c",)]
    assert found.others is not None
    assert (found.others.totals.calls, found.others.totals.total_tokens) == (3, 11)
    assert (found.totals.total_tokens, found.next_cursor) == (68, None)


def test_where_all_are_among_the_top_there_are_no_others() -> None:
    """A row of nothing would be a row too many."""
    assert report(folded((Dimension.DEPLOYMENT,), used(a=1, b=2)), sort=MOST_FIRST, top=2).others is None


@given(st.lists(records, max_size=20), st.integers(1, 7), st.booleans())
def test_pages_in_another_order_hold_every_row_once(rows: list[UsageRecord], limit: int, descending: bool) -> None:
    """Rows of equal sums follow one another by their keys, so no two pages show the same."""
    fold = folded((Dimension.DEPLOYMENT, Dimension.DAY), rows)
    sort = Sort(column="cost_usd", descending=descending)
    whole = report(fold, sort=sort)
    pages = [report(fold, sort=sort, limit=limit)]
    while pages[-1].next_cursor is not None and len(pages) <= len(whole.rows):
        pages.append(report(fold, sort=sort, limit=limit, after=pages[-1].next_cursor))

    assert [row for page in pages for row in page.rows] == list(whole.rows)


def test_only_what_passes_all_filters_is_counted() -> None:
    """Of each any of those that are wanted; an empty one wants what is not known."""
    rows = [record(deployment="a", model=None), record(deployment="b", model=None), record(deployment="a")]
    shape = ReportShape(by=(Dimension.DEPLOYMENT,), filters=Filters(deployment=frozenset("ab"), model=frozenset({""})))
    found = report(folded((), rows, shape=shape))

    assert [(row.key, row.totals.calls) for row in found.rows] == [(("a",), 1), (("b",), 1)]
    assert found.totals.calls == 2


def test_a_share_is_of_what_the_deployment_served_filtered_or_not() -> None:
    """Else every label would seem to have filled it alone."""
    rows = [provisioned("alice", 1), replace(provisioned("alice", 3), model="other")]
    by = (Dimension.PRINCIPAL, Dimension.DEPLOYMENT)
    shape = ReportShape(by=by, filters=Filters(model=frozenset({"other"})))

    assert [row.deployment_share for row in report(folded(by, rows, shape=shape)).rows] == [Decimal("0.75")]


def test_a_row_says_how_long_calls_took() -> None:
    """Within two percent; of what nobody measured, nothing."""
    rows = [replace(record(), duration_ms=number * 10) for number in range(1, 101)]
    shape = ReportShape(by=(), percentiles=True)
    found = report(folded((), rows, shape=shape))
    cells = dict(zip(found.columns, found.cells(found.rows[0]), strict=True))

    assert found.columns[-6:] == PERCENTILE_COLUMNS
    assert cells["latency_p50_ms"] == pytest.approx(500, rel=0.02)
    assert cells["latency_p99_ms"] == pytest.approx(990, rel=0.02)
    assert cells["first_chunk_p50_ms"] is None


def test_beside_each_row_stands_the_time_before() -> None:
    """Also where nothing was used since: that is what is looked for."""
    shape = ReportShape(by=(Dimension.DEPLOYMENT,), compared=True)
    now, before = folded((), used(a=5), shape=shape), folded((), used(a=2, b=9), shape=shape)
    found = report(now, previous=before)

    assert found.columns[-3:] == PREVIOUS_COLUMNS
    assert [(row.key, found.cells(row)[-3:]) for row in found.rows] == [(("a",), (1, 2, None)), (("b",), (1, 9, None))]
    assert found.sums(found.totals, found.previous)["previous_total_tokens"] == 11

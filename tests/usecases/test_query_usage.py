"""Who may see whose usage, and that a report is the sum of what lies between two times."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from shared.domain.errors import PrincipalNotAllowed, StorageUnavailable
from shared.domain.principal import Principal, PrincipalKind
from shared.domain.report_dimensions import Dimension
from shared.domain.usage_record import Charge
from shared.domain.usage_report import Arrangement, ReportShape, UsageReport
from shared.domain.usage_span import UsageSpan
from shared.usecases.query_usage import READ_ALL_ROLE, QueryUsage, UsageQuery
from tests.adapters.records import BEGUN_AT, TENANT_ID, record
from tests.fakes import FakeUsageLedger
from tests.fakes_rollups import FakeUsageEntries, fake_query_usage

ALICE = Principal(tenant_id=TENANT_ID, object_id="alice", kind=PrincipalKind.USER)
ALICE_ELSEWHERE = Principal(tenant_id="elsewhere", object_id="alice", kind=PrincipalKind.USER)
AUDITOR = Principal(
    tenant_id=TENANT_ID, object_id="auditor", kind=PrincipalKind.APPLICATION, roles=frozenset({READ_ALL_ROLE})
)


NOW = BEGUN_AT + timedelta(days=1)


@pytest.fixture
async def made() -> tuple[QueryUsage, FakeUsageEntries]:
    """Three records of Alice's and two of Bob's, a minute apart; each of its own number of tokens."""
    ledger = FakeUsageLedger()
    for number, object_id in enumerate(["alice", "bob", "alice", "bob", "alice"]):
        begun_at = BEGUN_AT + timedelta(minutes=number)
        await ledger.end(record(f"c{number}", begun_at=begun_at, object_id=object_id, prompt_tokens=10**number))
    return fake_query_usage(ledger, NOW)


@pytest.fixture
def query_usage(made: tuple[QueryUsage, FakeUsageEntries]) -> QueryUsage:
    return made[0]


def query(
    *,
    begun_from: datetime = BEGUN_AT,
    begun_before: datetime = BEGUN_AT + timedelta(hours=1),
    by: tuple[Dimension, ...] = (Dimension.PRINCIPAL,),
    of: str | None = None,
    tenant: str | None = None,
) -> UsageQuery:
    return UsageQuery(
        span=UsageSpan(begun_from=begun_from, begun_before=begun_before),
        shape=ReportShape(by=by),
        arrangement=Arrangement(limit=100),
        of_object_id=of,
        of_tenant_id=tenant,
    )


def prompt_tokens(report: UsageReport) -> dict[tuple[str, ...], int]:
    return {row.key: row.totals.prompt_tokens for row in report.rows}


async def test_who_may_not_read_all_sees_its_own(query_usage: QueryUsage) -> None:
    """Usage tells who works on what, and when."""
    report = await query_usage(query(), ALICE)

    assert prompt_tokens(report) == {(TENANT_ID, "alice"): 10101}
    assert report.totals.prompt_tokens == 10101


async def test_who_may_read_all_sees_all(query_usage: QueryUsage) -> None:
    """It is what FinOps asks."""
    report = await query_usage(query(), AUDITOR)

    assert prompt_tokens(report) == {(TENANT_ID, "alice"): 10101, (TENANT_ID, "bob"): 1010}
    assert report.totals.calls == 5


async def test_only_who_sees_all_sees_shares() -> None:
    """Of a provisioned deployment one principal's calls alone would always be the whole."""
    ledger = FakeUsageLedger()
    for object_id in ("alice", "bob"):
        await ledger.end(replace(record(object_id, object_id=object_id), charge=Charge(provisioned=True)))
    asked = query(by=(Dimension.PRINCIPAL, Dimension.DEPLOYMENT))
    by_auditor, by_alice = [await fake_query_usage(ledger, NOW)[0](asked, asker) for asker in (AUDITOR, ALICE)]

    assert [row.deployment_share for row in by_auditor.rows] == [Decimal("0.5"), Decimal("0.5")]
    assert [row.deployment_share for row in by_alice.rows] == [None]


async def test_who_may_read_all_may_ask_for_one(query_usage: QueryUsage) -> None:
    """In its own tenant, unless it says which."""
    report = await query_usage(query(of="bob"), AUDITOR)

    assert prompt_tokens(report) == {(TENANT_ID, "bob"): 1010}
    assert not (await query_usage(query(of="bob", tenant="elsewhere"), AUDITOR)).rows


@pytest.mark.parametrize("tenant", [None, TENANT_ID])
async def test_anybody_may_ask_for_themselves_by_name(query_usage: QueryUsage, tenant: str | None) -> None:
    """A dashboard asks the same way for everybody."""
    report = await query_usage(query(of="alice", tenant=tenant), ALICE)

    assert prompt_tokens(report) == {(TENANT_ID, "alice"): 10101}


@pytest.mark.parametrize(
    ("asker", "of", "tenant"),
    [
        (ALICE, "bob", None),
        (ALICE, "bob", TENANT_ID),
        (ALICE, "alice", "elsewhere"),
        (ALICE_ELSEWHERE, "alice", TENANT_ID),
        (ALICE, "nobody", None),
    ],
)
async def test_another_is_refused_whether_or_not_it_exists(
    query_usage: QueryUsage, asker: Principal, of: str, tenant: str | None
) -> None:
    """An object id is unique in its tenant alone; and an empty answer would tell who exists."""
    with pytest.raises(PrincipalNotAllowed, match=READ_ALL_ROLE):
        await query_usage(query(of=of, tenant=tenant), asker)


async def test_the_first_instant_is_in_and_the_last_is_not(query_usage: QueryUsage) -> None:
    """So that two months side by side count every call once."""
    begun_before = BEGUN_AT + timedelta(minutes=4)
    first = await query_usage(query(begun_before=begun_before), ALICE)
    second = await query_usage(query(begun_from=begun_before), ALICE)

    assert prompt_tokens(first) == {(TENANT_ID, "alice"): 101}
    assert prompt_tokens(second) == {(TENANT_ID, "alice"): 10000}


async def test_a_ledger_that_cannot_be_read_is_an_error_and_no_empty_report(
    made: tuple[QueryUsage, FakeUsageEntries],
) -> None:
    """Nothing used and nothing known are not the same bill."""
    query_usage, entries = made
    entries.failure = StorageUnavailable("down")
    with pytest.raises(StorageUnavailable):
        await query_usage(query(), ALICE)


async def test_who_may_read_all_may_ask_for_its_own_alone(query_usage: QueryUsage) -> None:
    """A page that shows somebody's own usage shows an auditor the auditor's."""
    report = await query_usage(replace(query(), only_mine=True), AUDITOR)

    assert report.rows == ()


async def test_a_report_compares_with_the_time_before(query_usage: QueryUsage) -> None:
    """As long a time, up to the first instant; who used nothing since is there all the same."""
    asked = query(begun_from=BEGUN_AT + timedelta(minutes=3), begun_before=BEGUN_AT + timedelta(minutes=6))
    report = await query_usage(replace(asked, shape=replace(asked.shape, compared=True)), AUDITOR)

    assert {row.key[1]: (row.totals.calls, row.previous.calls) for row in report.rows} == {
        "alice": (1, 2),
        "bob": (1, 1),
    }
    assert (report.totals.calls, report.previous.calls) == (2, 3)

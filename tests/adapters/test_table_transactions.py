"""Transactions over HTTP, against a table server that fails as it is told."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import nullcontext

import aiohttp
import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import ServiceRequestError

from shared.adapters.table_authorization import TableEndpoint
from shared.adapters.table_transactions import TableTransactions
from shared.adapters.table_wire import Refusal, TableWrite, delete, upsert
from shared.domain.errors import StorageNotAuthorized, StorageUnavailable
from shared.domain.table_entity import TableEntity
from tests.adapters.credential import FakeCredential
from tests.adapters.scripted_tables import (
    Fault,
    ScriptedTables,
    answers,
    resets_connection,
    scripted_tables,
    writes_and_cuts_answer,
    writes_and_says_nothing,
)
from tests.fakes import FakeClock

KEY = AzureNamedKeyCredential("contoso", "c2VjcmV0")


@pytest.fixture
async def tables() -> AsyncIterator[ScriptedTables]:
    async with scripted_tables() as tables:
        yield tables


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def transactions(tables: ScriptedTables, session: aiohttp.ClientSession) -> TableTransactions:
    return TableTransactions(
        TableEndpoint(url=tables.url, credential=KEY),
        session,
        create_table=tables.create_table,
        clock=FakeClock(),
        jitter=lambda: 0.0,
        attempt_seconds=0.2,
    )


def writes(*rows: str) -> list[TableWrite]:
    return [upsert(TableEntity(partition_key="p", row_key=row, properties={"x": 1})) for row in rows]


async def commit(transactions: TableTransactions, each: list[TableWrite], *, patience: float = 5.0) -> Refusal | None:
    deadline = asyncio.get_running_loop().time() + patience
    return await transactions.commit("usage", each, deadline=deadline)


FAULTS = {
    "throttled": answers(503, "ServerBusy"),
    "throttled by the front": answers(429, "TooManyRequests"),
    "internal error": answers(500, "InternalError"),
    "timed out in storage": answers(500, "OperationTimedOut"),
    "request timeout": answers(408, "Unknown"),
    "connection reset": resets_connection,
    "timeout after the write": writes_and_says_nothing,
    "answer cut after the write": writes_and_cuts_answer,
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_a_transaction_outlives_every_passing_fault(
    fault: Fault, tables: ScriptedTables, transactions: TableTransactions
) -> None:
    """What timed out may have happened: it is repeated, and there is one row each."""
    tables.faults.extend([fault, fault])

    assert await commit(transactions, writes("a", "b")) is None
    assert tables.row_keys("usage") == ["a", "b"]
    assert len(tables.transactions) == 3


async def test_a_single_write_outlives_a_lost_answer(tables: ScriptedTables, transactions: TableTransactions) -> None:
    """A single write goes without the wrapping of a transaction."""
    tables.faults.append(writes_and_says_nothing)

    assert await commit(transactions, writes("a")) is None
    assert tables.row_keys("usage") == ["a"]


async def test_a_retry_waits_as_long_as_the_service_asks(
    tables: ScriptedTables, transactions: TableTransactions
) -> None:
    """To come back sooner only prolongs the throttling."""
    tables.faults.append(answers(503, "ServerBusy", retry_after="1"))
    started = time.monotonic()
    await commit(transactions, writes("a"))

    assert time.monotonic() - started >= 1


async def test_a_pause_longer_than_patience_is_not_begun(
    tables: ScriptedTables, transactions: TableTransactions
) -> None:
    """The caller is told at once, and can come again."""
    tables.faults.append(answers(503, "ServerBusy", retry_after="60"))
    started = time.monotonic()

    with pytest.raises(StorageUnavailable, match="503 ServerBusy"):
        await commit(transactions, writes("a"))
    assert time.monotonic() - started < 1


async def test_patience_has_an_end(tables: ScriptedTables, transactions: TableTransactions) -> None:
    """A store that is down for long must not hold every call."""
    tables.faults.extend([resets_connection] * 1000)
    started = time.monotonic()

    with pytest.raises(StorageUnavailable):
        await commit(transactions, writes("a"), patience=0.3)
    assert time.monotonic() - started < 1


async def test_a_store_that_is_silent_costs_no_more_than_patience(
    tables: ScriptedTables, transactions: TableTransactions
) -> None:
    """The last try ends with the patience, not with its own time."""
    tables.faults.extend([writes_and_says_nothing] * 10)
    started = time.monotonic()

    with pytest.raises(StorageUnavailable):
        await commit(transactions, writes("a"), patience=0.3)
    assert time.monotonic() - started < 0.5


async def test_pauses_grow_and_are_random(
    tables: ScriptedTables, session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    """Workers that were throttled together must not come back together."""
    draws: list[float] = []
    transactions = TableTransactions(
        TableEndpoint(url=tables.url, credential=KEY),
        session,
        create_table=tables.create_table,
        clock=FakeClock(),
        jitter=lambda: draws.append(0.1) or 0.1,  # type: ignore[func-returns-value]
    )
    tables.faults.extend([answers(503, "ServerBusy")] * 4)
    started = time.monotonic()
    with caplog.at_level(logging.WARNING):
        await commit(transactions, writes("a"))

    # A tenth of 0.1, 0.2, 0.4 and 0.8 s.
    assert 0.15 <= time.monotonic() - started < 1
    assert len(draws) == 4
    assert [record.message for record in caplog.records] == ["storage.write_retried"] * 4


async def test_a_table_that_is_not_there_is_made(tables: ScriptedTables, transactions: TableTransactions) -> None:
    """A new account, or one that somebody emptied, needs no set-up step."""
    tables.tables.clear()

    assert await commit(transactions, writes("a", "b")) is None
    assert tables.created == ["usage"]
    assert tables.row_keys("usage") == ["a", "b"]


async def test_a_table_that_cannot_be_made_is_an_outage(tables: ScriptedTables, session: aiohttp.ClientSession) -> None:
    """Nothing is written, and the caller hears it as any other trouble of the store."""

    async def cannot(table: str) -> None:
        raise ServiceRequestError("no route")

    tables.tables.clear()
    transactions = TableTransactions(
        TableEndpoint(url=tables.url, credential=KEY),
        session,
        create_table=cannot,
        clock=FakeClock(),
        jitter=lambda: 0.0,
    )

    with pytest.raises(StorageUnavailable, match="creating table 'usage'"):
        await commit(transactions, writes("a"))


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_credential_is_told_at_once(
    status: int, tables: ScriptedTables, transactions: TableTransactions
) -> None:
    """The operator must mend it: the message says what is missing, and shows no key."""
    tables.faults.append(answers(status, "AuthorizationPermissionMismatch"))

    with pytest.raises(StorageNotAuthorized, match=r"AuthorizationPermissionMismatch.*Storage Table Data Contributor"):
        await commit(transactions, writes("a"))
    assert len(tables.transactions) == 1


@pytest.mark.parametrize("refusals", [1, 2])
async def test_a_token_the_service_refuses_is_renewed_once(
    refusals: int, tables: ScriptedTables, session: aiohttp.ClientSession
) -> None:
    """It may have been revoked before its time; a second refusal is the operator's to mend."""
    clock = FakeClock()
    transactions = TableTransactions(
        TableEndpoint(url=tables.url, credential=FakeCredential(clock)),
        session,
        create_table=tables.create_table,
        clock=clock,
        jitter=lambda: 0.0,
    )
    tables.faults.extend([answers(401, "InvalidAuthenticationInfo")] * refusals)
    expectation = pytest.raises(StorageNotAuthorized) if refusals > 1 else nullcontext()
    with expectation:
        await commit(transactions, writes("a"))

    assert [headers["Authorization"] for headers in tables.headers] == ["Bearer token1", "Bearer token2"]
    assert tables.headers[0]["x-ms-version"] == "2020-12-06"


async def test_a_guilty_row_is_named(tables: ScriptedTables, transactions: TableTransactions) -> None:
    """And nothing of its transaction is done."""
    tables.refused["b"] = (409, "EntityAlreadyExists")

    assert await commit(transactions, writes("a", "b", "c")) == Refusal(status=409, code="EntityAlreadyExists", index=1)
    assert tables.row_keys("usage") == []


async def test_a_delete_of_a_row_that_is_gone_is_said_to_be_so(
    tables: ScriptedTables, transactions: TableTransactions
) -> None:
    """The one who asked decides that this is as good."""
    refusal = await commit(transactions, [delete("p", "a")])

    assert refusal is not None
    assert delete("p", "a").is_done(refusal)


async def test_no_key_is_ever_logged_or_raised(
    tables: ScriptedTables, transactions: TableTransactions, caplog: pytest.LogCaptureFixture
) -> None:
    """Logs are read by more people than may read the ledger."""
    tables.faults.extend([answers(503, "ServerBusy"), answers(403, "AuthenticationFailed")])
    with pytest.raises(StorageNotAuthorized) as raised, caplog.at_level(logging.DEBUG):
        await commit(transactions, writes("a"))
    told = caplog.text + str(raised.value) + repr(TableEndpoint(url=tables.url, credential=KEY))

    assert "c2VjcmV0" not in told
    assert "SharedKey" not in told

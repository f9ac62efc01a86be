"""Entries into tables on Azurite: new ones, known ones, ones that say more, ones that storage refuses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import msgspec
import pytest

from local.azurite import Azurite
from shared.adapters.table_log_store import TableLogStore
from shared.adapters.table_wire import Refusal, TableWrite
from shared.domain.errors import StorageUnavailable
from shared.domain.logs.entries import LogEntry, OtherEntry, ServiceCall
from shared.domain.logs.line_reading import parse_line
from shared.domain.logs.reading import PutOutcome
from tests.usecases.ingesting import LogAccount, call_line, log_account

STORED, DUPLICATE, REFUSED = PutOutcome


@pytest.fixture
async def account(azurite: Azurite) -> AsyncIterator[LogAccount]:
    async with log_account(azurite) as account:
        yield account


def calls(account: LogAccount, *ids: str) -> list[LogEntry]:
    return [parse_line(call_line(account.resource, each)) for each in ids]


async def outcomes(account: LogAccount, entries: Sequence[LogEntry]) -> list[PutOutcome]:
    return [result.outcome for result in await account.store.put(entries)]


async def test_each_entry_is_told_what_came_of_it(account: LogAccount) -> None:
    """New, known from before, known from the same batch; in the order they were given."""
    c1, c2, c3 = calls(account, "c1", "c2", "c3")
    first = await outcomes(account, [c1, c2, c1])
    second = await outcomes(account, [c3, c2, c1])

    assert first == [STORED, STORED, DUPLICATE]
    assert second == [STORED, DUPLICATE, DUPLICATE]
    assert await account.call_ids() == ["c1", "c2", "c3"]


async def test_more_than_a_transaction_holds_is_several(account: LogAccount) -> None:
    """A hundred rows each; some of them there already."""
    entries = calls(account, *(f"c{number:03}" for number in range(250)))
    await account.store.put(entries[50:60])
    results = await outcomes(account, entries)

    assert (results.count(STORED), results.count(DUPLICATE)) == (240, 10)
    assert len(await account.call_ids()) == 250


async def test_what_two_lines_say_is_one_row(account: LogAccount) -> None:
    """Whichever came first."""
    (full,) = calls(account, "c1")
    assert isinstance(full, ServiceCall)
    poor = msgspec.structs.replace(full, model=None, request_bytes=None, prompt_tokens=7)
    results = [await outcomes(account, [each]) for each in (poor, full, poor)]
    (row,) = await account.rows("servicecalls")

    assert results == [[STORED], [STORED], [DUPLICATE]]
    assert (row["model"], row["request_bytes"].value, row["prompt_tokens"].value) == ("gpt-4o", 2048, 7)


class Overtaking:
    """Transactions that let somebody else write a row first, once a change of it is on its way."""

    def __init__(self, account: LogAccount, first: LogEntry) -> None:
        self._account = account
        self._first: list[LogEntry] = [first]

    async def commit(self, table: str, writes: Sequence[TableWrite], *, deadline: float) -> Refusal | None:
        if self._first and any(write.version for write in writes):
            await self._account.store.put([self._first.pop()])
        return await self._account.transactions.commit(table, writes, deadline=deadline)


async def test_two_who_know_part_each_lose_nothing(account: LogAccount) -> None:
    """Who comes second finds the row changed since it was read, reads it again, and adds to that."""
    (full,) = calls(account, "c1")
    await account.store.put([full])
    first, second = (msgspec.structs.replace(full, **each) for each in ({"prompt_tokens": 7}, {"completion_tokens": 9}))
    await TableLogStore(account.tables, Overtaking(account, first)).put([second])
    (row,) = await account.rows("servicecalls")

    assert (row["prompt_tokens"].value, row["completion_tokens"].value) == (7, 9)


async def test_many_who_are_first_are_one_row(account: LogAccount) -> None:
    """All find no row; all but one are told that there is one by now."""
    (full,) = calls(account, "c1")
    results = await asyncio.gather(*(outcomes(account, [full]) for _ in range(6)))

    assert sorted(results) == [[DUPLICATE]] * 5 + [[STORED]]


async def test_a_row_that_is_too_large_is_refused_alone(account: LogAccount) -> None:
    """It must not cost the ninety-nine it shares a transaction with."""
    (good,) = calls(account, "c1")
    large = OtherEntry(
        resource_id=account.resource,
        occurred_at=datetime(2026, 11, 23, tzinfo=UTC),
        category="Trace",
        record=msgspec.json.encode("x" * 600_000).decode(),
    )
    results = await account.store.put([large, good])

    assert [result.outcome for result in results] == [REFUSED, STORED]
    assert "bytes" in results[0].reason


async def test_a_row_of_somebody_elses_stays_as_it_is(account: LogAccount) -> None:
    """What it means nobody knows, so nothing is put in its place, and the line is kept elsewhere."""
    c1, c2 = calls(account, "c1", "c2")
    await account.store.put([c1])
    (row,) = await account.rows("servicecalls")
    table = account.tables.get_table_client("servicecalls")
    stranger = {"PartitionKey": row["PartitionKey"], "RowKey": "c2", "resource_id": account.resource, "status": "odd"}
    await table.create_entity(stranger)
    (result,) = await account.store.put([c2])

    assert (result.outcome, result.reason) == (REFUSED, "the row that is there is not one we wrote")
    assert (await table.get_entity(row["PartitionKey"], "c2"))["status"] == "odd"


class Refusing:
    """Transactions that refuse a row, and say which or do not."""

    def __init__(self, guilty: str, *, says_which: bool) -> None:
        self._guilty = guilty
        self._says_which = says_which
        self.committed: list[str] = []

    async def commit(self, table: str, writes: Sequence[TableWrite], *, deadline: float) -> Refusal | None:
        rows = [write.row_key for write in writes]
        if self._guilty not in rows:
            self.committed += rows
            return None
        index = rows.index(self._guilty) if self._says_which else None
        return Refusal(status=400, code="PropertyValueTooLarge", index=index)


@pytest.mark.parametrize("says_which", [True, False])
async def test_a_row_that_the_service_refuses_is_left_out(account: LogAccount, *, says_which: bool) -> None:
    """For a reason we did not foresee: the others are stored, and it is known which one is not."""
    transactions = Refusing("c3", says_which=says_which)
    entries = calls(account, *(f"c{number}" for number in range(7)))
    results = await TableLogStore(account.tables, transactions).put(entries)

    assert [result.outcome for result in results] == [STORED] * 3 + [REFUSED] + [STORED] * 3
    assert results[3].reason == "table 'servicecalls' refuses the row: 400 PropertyValueTooLarge"
    assert sorted(transactions.committed) == ["c0", "c1", "c2", "c4", "c5", "c6"]


async def test_where_storage_is_down_nothing_is_said_to_be_stored(account: LogAccount) -> None:
    """The checkpoint must not move."""

    class Down:
        async def commit(self, table: str, writes: Sequence[TableWrite], *, deadline: float) -> Refusal | None:
            raise StorageUnavailable("down")

    with pytest.raises(StorageUnavailable, match="down"):
        await TableLogStore(account.tables, Down()).put(calls(account, "c1", "c2"))

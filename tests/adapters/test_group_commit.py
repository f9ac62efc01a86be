"""Group commit, with transactions that the tests let through one by one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.group_commit import GroupCommit, _PendingWrite, next_group
from shared.adapters.table_wire import Refusal, TableWrite, delete, upsert, write_request
from shared.domain.errors import StorageRejected, StorageUnavailable
from shared.domain.table_entity import MAX_BATCH_BYTES, MAX_BATCH_ENTITIES, TableEntity

REFUSED = Refusal(status=400, code="PropertyValueTooLarge")


def write(row_key: str, partition_key: str = "p", text: str = "") -> TableWrite:
    return upsert(TableEntity(partition_key=partition_key, row_key=row_key, properties={"text": text}))


class GatedTransactions:
    """Transactions that are done when the gate is open. `guilty` rows are refused, by index if `names_index`."""

    def __init__(self, *guilty: str, names_index: bool = True) -> None:
        self.gate = asyncio.Event()
        self.guilty = dict.fromkeys(guilty, REFUSED)
        self.names_index = names_index
        self.index_offset = 0
        self.failures: deque[Exception] = deque()
        self.sent: list[list[str]] = []
        self.done: list[str] = []
        self.concurrent = 0
        self.most_concurrent = 0

    async def commit(self, table: str, writes: Sequence[TableWrite], *, deadline: float) -> Refusal | None:
        rows = [each.row_key for each in writes]
        self.sent.append(rows)
        self.concurrent += 1
        self.most_concurrent = max(self.most_concurrent, self.concurrent)
        try:
            await self.gate.wait()
        finally:
            self.concurrent -= 1
        if self.failures:
            raise self.failures.popleft()
        for index, row in enumerate(rows):
            if refusal := self.guilty.get(row):
                named = index + self.index_offset if self.names_index else None
                return replace(refusal, index=named)
        self.done += rows
        return None


def group_commit(transactions: GatedTransactions, *, patience: float = 10.0, concurrent: int = 32) -> GroupCommit:
    return GroupCommit(transactions, "usage", patience_seconds=patience, concurrent_commits=concurrent)


async def settle() -> None:
    """Let everything that can run now do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_an_idle_partition_commits_at_once() -> None:
    """At low load a call waits one round trip, not for company."""
    transactions = GatedTransactions()
    durable = group_commit(transactions).submit(write("a"))
    await settle()

    assert transactions.sent == [["a"]]
    assert not durable.done()

    transactions.gate.set()
    await durable


async def test_what_arrives_during_a_commit_shares_the_next() -> None:
    """Durability costs a fraction of a round trip."""
    transactions = GatedTransactions()
    commit = group_commit(transactions)
    first = commit.submit(write("a"))
    await settle()
    others = [commit.submit(write(f"r{i:03}")) for i in range(150)]
    transactions.gate.set()
    await asyncio.gather(first, *others)

    assert [len(rows) for rows in transactions.sent] == [1, 100, 50]


async def test_partitions_do_not_wait_for_each_other() -> None:
    """One principal's throttled partition is no other's trouble."""
    transactions = GatedTransactions()
    commit = group_commit(transactions)
    waiting = [commit.submit(write("a", f"p{i}")) for i in range(5)]
    await settle()

    assert transactions.concurrent == 5

    transactions.gate.set()
    await asyncio.gather(*waiting)


async def test_concurrent_requests_are_bounded() -> None:
    """A burst of principals must not open a connection each."""
    transactions = GatedTransactions()
    commit = group_commit(transactions, concurrent=3)
    durable = [commit.submit(write("a", f"p{i}")) for i in range(50)]
    await settle()
    transactions.gate.set()
    await asyncio.gather(*durable)

    assert transactions.most_concurrent == 3
    assert len(transactions.done) == 50


async def test_idle_partitions_are_forgotten() -> None:
    """A worker sees thousands of principals, each with a partition a day."""
    transactions = GatedTransactions()
    transactions.gate.set()
    commit = group_commit(transactions)
    await asyncio.gather(*(commit.submit(write("a", f"p{i}")) for i in range(100)))
    await settle()

    assert not commit._waiting
    assert not commit._committers


async def test_a_row_written_twice_goes_in_two_transactions_in_order() -> None:
    """The service refuses a transaction with a row in it twice, and the last write must win."""
    transactions = GatedTransactions()
    commit = group_commit(transactions)
    writes = [commit.submit(write(row)) for row in ("x", "a", "b", "a", "c", "a")]
    transactions.gate.set()
    await asyncio.gather(*writes)

    assert transactions.sent == [["x", "a", "b", "c"], ["a"], ["a"]]


@pytest.mark.parametrize("names_index", [True, False])
async def test_only_the_guilty_rows_suffer(names_index: bool) -> None:
    """The others are other calls' records."""
    transactions = GatedTransactions("r3", "r7", names_index=names_index)
    commit = group_commit(transactions)
    futures = [commit.submit(write(f"r{i}")) for i in range(10)]
    transactions.gate.set()
    results = await asyncio.gather(*futures, return_exceptions=True)

    assert [i for i, result in enumerate(results) if isinstance(result, StorageRejected)] == [3, 7]
    assert sorted(transactions.done) == [f"r{i}" for i in range(10) if i not in {3, 7}]
    assert str(results[3]) == "table 'usage' refuses the row: 400 PropertyValueTooLarge"


async def test_an_index_out_of_range_is_not_believed() -> None:
    """To fail the wrong row would lose a record."""
    transactions = GatedTransactions("r1")
    transactions.index_offset = 7
    transactions.gate.set()
    commit = group_commit(transactions)
    results = await asyncio.gather(*(commit.submit(write(f"r{i}")) for i in range(4)), return_exceptions=True)

    assert [isinstance(result, StorageRejected) for result in results] == [False, True, False, False]


async def test_rows_to_delete_that_are_gone_are_deleted() -> None:
    """A transaction of deletes that timed out after it was done finds none of its rows."""
    transactions = GatedTransactions()
    transactions.guilty = {f"r{i}": Refusal(status=404, code="ResourceNotFound") for i in range(5)}
    transactions.gate.set()
    commit = group_commit(transactions)

    await asyncio.gather(*(commit.submit(delete("p", f"r{i}")) for i in range(6)))

    assert transactions.done == ["r5"]


async def test_a_caller_that_goes_takes_nothing_with_it() -> None:
    """Its own write goes on too: the call it records was made."""
    transactions = GatedTransactions()
    commit = group_commit(transactions)
    first = commit.submit(write("a"))
    await settle()
    second, third = commit.submit(write("b")), commit.submit(write("c"))
    first.cancel()
    second.cancel()
    transactions.gate.set()
    await third

    assert transactions.done == ["a", "b", "c"]


async def test_patience_ends_for_each_caller_on_its_own() -> None:
    """A caller behind a stuck transaction is told in time, and its write is not sent later."""
    transactions = GatedTransactions()
    commit = group_commit(transactions, patience=0.05)
    stuck, behind = commit.submit(write("a")), None
    await settle()
    behind = commit.submit(write("b"))

    for future in (stuck, behind):
        with pytest.raises(StorageUnavailable):
            await future

    transactions.gate.set()
    await commit.close()
    assert transactions.sent == [["a"]]


async def test_an_outage_fails_those_in_the_transaction_and_not_those_behind() -> None:
    """Each has its own patience."""
    transactions = GatedTransactions()
    transactions.failures.append(StorageUnavailable("down"))
    commit = group_commit(transactions)
    first = commit.submit(write("a"))
    await settle()
    second = commit.submit(write("b"))
    transactions.gate.set()
    with pytest.raises(StorageUnavailable):
        await first
    await second

    assert transactions.done == ["b"]


async def test_a_bug_fails_its_callers_and_leaves_the_partition_working() -> None:
    """Else every later call of this principal would hang."""
    transactions = GatedTransactions()
    transactions.gate.set()
    transactions.failures.append(ZeroDivisionError("a bug"))
    commit = group_commit(transactions)
    with pytest.raises(ZeroDivisionError):
        await commit.submit(write("a"))

    await commit.submit(write("b"))


async def test_close_waits_for_what_was_submitted() -> None:
    """On SIGTERM the last ends are still to be written."""
    transactions = GatedTransactions()
    commit = group_commit(transactions)
    durable = [commit.submit(write(f"r{i}", f"p{i % 3}")) for i in range(9)]
    asyncio.get_running_loop().call_later(0.01, transactions.gate.set)
    await commit.close()

    assert all(future.done() for future in durable)


async def test_large_rows_share_a_transaction_only_up_to_4_mib() -> None:
    """The service answers 413 to more, whole."""
    queue = deque(_PendingWrite(write(f"r{i}", text="é" * 30_000), 10) for i in range(100))
    groups = [next_group(queue), next_group(queue)]

    assert [len(group) for group in groups] == [68, 32]
    assert not queue


_rows = st.tuples(st.sampled_from([f"r{i}" for i in range(150)]), st.sampled_from([1, 1000, 30_000]))


@given(st.lists(_rows, max_size=400))
def test_no_group_is_ever_over_a_limit_and_nothing_is_lost(rows: list[tuple[str, int]]) -> None:
    """The service refuses the whole of a transaction that is, and the emulator crashes or takes it."""

    async def drain() -> list[list[TableWrite]]:
        queue = deque(_PendingWrite(write(row, text="é" * size), 10) for row, size in rows)
        groups = []
        while queue:
            groups.append([pending.write for pending in next_group(queue)])
        return groups

    groups = asyncio.run(drain())

    for group in groups:
        assert 1 <= len(group) <= MAX_BATCH_ENTITIES
        assert len({each.row_key for each in group}) == len(group)
        assert len(write_request("https://contoso.table.core.windows.net", "usage", group, "0" * 32).body) <= (
            MAX_BATCH_BYTES
        )
    sent = [each for group in groups for each in group]
    for row in {row for row, _ in rows}:
        assert [len(each.body) for each in sent if each.row_key == row] == [
            len(write(row, text="é" * size).body) for name, size in rows if name == row
        ]

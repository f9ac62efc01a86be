"""Writers, folds, rebuilds, queries and deaths in any order: every report equals the sum of the records."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from shared.adapters import landed_calls
from shared.adapters.rollup_columns import ROLLUPS_TABLE
from shared.adapters.table_wire import Refusal, TableWrite, delete
from shared.adapters.unfolded_columns import UNFOLDED_TABLE
from shared.adapters.usage_columns import HEARTBEAT_ROW, OPEN_CALLS_TABLE
from shared.bootstrap.rolling_up import UsageRollups
from shared.domain import rollup
from shared.domain.abandoned_call import abandoned
from shared.domain.errors import StorageUnavailable
from shared.domain.report_dimensions import Dimension
from shared.domain.usage_record import Charge, CountAudit, OpenCall, Outcome, UsageRecord
from shared.domain.usage_report import UsageReport
from shared.domain.usage_span import UsageSpan
from tests.adapters.records import record
from tests.fakes_tables import MemoryTables
from tests.usecases.rolling_up import EVERY_ROW, NOVEMBER, READER, Worker, entries_in, naive_report, query, rollups_over

INTERLEAVINGS = 40
WAVES = 25
PRINCIPALS = ("alice", "bob", "carol")
SHAPES: tuple[tuple[Dimension, ...], ...] = (
    (Dimension.PRINCIPAL,),
    (Dimension.PRINCIPAL, Dimension.DAY),
    (Dimension.MONTH, Dimension.MODEL),
    (Dimension.LABEL, Dimension.OUTCOME, Dimension.DEPLOYMENT),
    (Dimension.HOUR, Dimension.OPERATION),
)


class Crash(Exception):
    """The fold's process is gone, wherever it was."""


class Crashing:
    """Transactions of a fold that may be killed at each of them, before it or after."""

    def __init__(self, tables: MemoryTables, chance: random.Random) -> None:
        self._tables = tables
        self._chance = chance

    async def commit(self, table: str, writes: Sequence[TableWrite], *, deadline: float) -> Refusal | None:
        self._crash()
        refusal = await self._tables.commit(table, writes, deadline=deadline)
        self._crash()
        return refusal

    def _crash(self) -> None:
        if self._chance.random() < 0.08:
            raise Crash


class Interleaving:
    """A ledger with two workers that may die, and all that may happen to it."""

    def __init__(self, seed: int, shapes: Sequence[tuple[Dimension, ...]] = SHAPES) -> None:
        self.shapes = shapes
        self.chance = random.Random(seed)
        # Some requests take much longer than others.
        self.tables = MemoryTables(turns=lambda: self.chance.choice([0, 1, 1, 2, 9]))
        self.workers = [Worker(self.tables, "a0"), Worker(self.tables, "b0")]
        self.dead: list[Worker] = []
        self.reports = rollups_over(self.tables, self.tables)
        self.open: dict[tuple[str, str], OpenCall] = {}
        self.calls = 0
        self.withdrawals, self.withdrawals_done = 0, 0
        self.ended: list[UsageRecord] = []

    async def run(self) -> None:
        for _ in range(WAVES):
            ops = self.chance.choices(
                [self.call, self.spooled, self.again, self.late_end, self.withdraw, self.die], [6, 2, 2, 1, 1, 1], k=3
            )
            others = self.chance.choices([self.fold, self.rebuild, self.ask_meanwhile], [5, 1, 3], k=2)
            await asyncio.gather(*(op() for op in (*ops, *others)))
            self.pass_time()
            # Nothing is written to `usage` now; what is noted, folded, settled and swept goes on.
            await asyncio.gather(self.ask(), *(op() for op in self.chance.choices([self.fold, self.ask], k=2)))
            if self.chance.random() < 0.3:
                await self.sweep()

    def pass_time(self) -> None:
        self.tables.now += self.chance.choice([timedelta(seconds=5), timedelta(minutes=2), timedelta(hours=9)])

    def an_end(self, begun_at: datetime | None = None) -> UsageRecord:
        self.calls += 1
        chance = self.chance
        # Clocks of workers differ, and sometimes jump.
        skew = chance.choice(
            [timedelta(0), timedelta(seconds=-chance.randrange(90)), timedelta(hours=-chance.randrange(50))]
        )
        jump = chance.choices([timedelta(0), timedelta(minutes=7)], [9, 1])[0]
        made = record(
            f"{self.calls:04}",
            begun_at=begun_at or self.tables.now + skew + jump,
            object_id=chance.choice(PRINCIPALS),
            prompt_tokens=chance.randrange(1000),
        )
        return replace(
            made,
            call=replace(made.call, user_label=chance.choice(["x", "y", "z", None])),
            duration_ms=chance.randrange(20_000),
            first_chunk_ms=chance.choice([None, 5, 300]),
            outcome=chance.choice([Outcome.COMPLETED, Outcome.REFUSED_BY_AZURE]),
            model=chance.choice(["gpt-4o", None]),
            charge=Charge(cost_usd=chance.choice([None, Decimal("0.000123"), Decimal("1.5")])),
        )

    async def call(self) -> None:
        worker, ended = self.chance.choice(self.workers), self.an_end()
        try:
            self.open[worker.worker_id, ended.call.call_id] = ended.call
            await worker.ledger.begin(ended.call)
            for _ in range(self.chance.randrange(12)):
                await asyncio.sleep(0)
            await worker.ledger.end(ended)
        except StorageUnavailable:
            return
        self.ended.append(ended)

    async def spooled(self) -> None:
        """One that storage did not take in its time, or that was read from a log."""
        ended = self.an_end(self.tables.now - timedelta(hours=self.chance.randrange(60)))
        await self._try_to_end(ended)

    async def again(self) -> None:
        """The same end once more, as a spool that was not emptied, or with our own count beside it."""
        if self.ended:
            audit = CountAudit(prompt_tokens=1, completion_tokens=1, method="v2", shape="plain")
            await self._try_to_end(replace(self._any_ended(), audit=self.chance.choice([None, audit])))

    async def late_end(self) -> None:
        """A worker that was taken for gone ends its call all the same, and knows better."""
        if self.ended:
            await self._try_to_end(replace(self._any_ended(), duration_ms=77, charge=Charge(cost_usd=Decimal("9.25"))))

    async def withdraw(self) -> None:
        """A record that was made of Azure's log is taken away again: the call was ours."""
        if self.ended:
            self.withdrawals += 1
            try:
                await self.chance.choice(self.workers).ledger.withdraw(self._any_ended())
            except StorageUnavailable:
                return
            self.withdrawals_done += 1

    def _any_ended(self) -> UsageRecord:
        """Return one that nobody else is about to end again."""
        return self.ended.pop(self.chance.randrange(len(self.ended)))

    async def _try_to_end(self, ended: UsageRecord) -> None:
        try:
            await self.chance.choice(self.workers).ledger.end(ended)
        except StorageUnavailable:
            return
        self.ended.append(ended)

    async def die(self) -> None:
        number = self.chance.randrange(len(self.workers))
        for _ in range(self.chance.randrange(10)):
            await asyncio.sleep(0)
        worker = self.workers[number]
        worker.is_dead = True
        self.dead.append(worker)
        self.workers[number] = Worker(self.tables, f"{'ab'[number]}{len(self.dead)}")

    async def sweep(self) -> None:
        """What SweepOpenCalls does; twice at once, as two instances would."""
        sweepers = [Worker(self.tables, f"c{self.calls}"), Worker(self.tables, f"d{self.calls}")]
        gone = {worker.worker_id for worker in self.dead}
        left = [key for key in self.tables.keys(OPEN_CALLS_TABLE) if key[0] in gone and key in self.open]
        await asyncio.gather(*(self._sweep_one(sweeper, key) for key in left for sweeper in sweepers))
        await asyncio.gather(*(sweeper.ledger.close() for sweeper in sweepers))

    async def _sweep_one(self, sweeper: Worker, key: tuple[str, str]) -> None:
        await sweeper.ledger.abandon(abandoned(self.open[key], timedelta(0)))
        await self.tables.commit(OPEN_CALLS_TABLE, [delete(*key)], deadline=0)

    def folder(self) -> UsageRollups:
        chance = random.Random(self.chance.random())
        return rollups_over(self.tables, Crashing(self.tables, chance) if chance.random() < 0.5 else self.tables)

    async def fold(self) -> None:
        try:
            await self.folder().roll_up_usage()()
        except Crash:
            return

    async def rebuild(self) -> None:
        try:
            await self.folder().rebuild_rollups()(self.tables.now.date() - timedelta(days=1), self.tables.now.date())
        except Crash:
            return

    async def ask(self) -> None:
        """Ask anything: nobody writes records meanwhile."""
        asked = query(*self.chance.choice(self.shapes), span=self.a_span())
        if Dimension.HOUR not in asked.shape.by:
            asked = replace(asked, shape=replace(asked.shape, percentiles=self.chance.random() < 0.3))
        answer = await self.reports.query_usage()(asked, READER)

        assert_same(answer, naive_report(entries_in(self.tables), asked.shape, asked.span))

    async def ask_meanwhile(self) -> None:
        """Whatever had landed when the query began, and has not been withdrawn since, is in it, and nothing twice."""
        asked = query(Dimension.DEPLOYMENT)
        before = len(entries_in(self.tables))
        done = self.withdrawals_done
        answer = (await self.reports.query_usage()(asked, READER)).totals.calls
        withdrawn = self.withdrawals - done
        after = len(entries_in(self.tables))

        assert before - withdrawn <= answer <= after + withdrawn

    def a_span(self) -> UsageSpan:
        now = self.tables.now
        begun_from = self.chance.choice(
            [NOVEMBER.begun_from, now - timedelta(hours=30, seconds=7), now.replace(hour=0)]
        )
        begun_before = self.chance.choice(
            [NOVEMBER.begun_before, now + timedelta(seconds=1), now - timedelta(minutes=17)]
        )
        return UsageSpan(begun_from=begun_from, begun_before=max(begun_before, begun_from + timedelta(seconds=1)))

    async def come_to_rest(self) -> None:
        await asyncio.gather(*(worker.ledger.close() for worker in [*self.workers, *self.dead]))
        self.dead += self.workers
        await self.sweep()
        for days in range(4):
            self.tables.now += timedelta(days=days)
            await self.reports.roll_up_usage()()


def cells_in(tables: MemoryTables) -> dict[tuple[str, str], dict[str, object]]:
    """All that rollups say, but for which notes they had read."""
    bodies = {key: msgspec.json.decode(body) for key, body in tables.bodies(ROLLUPS_TABLE).items()}
    return {key: {name: cell for name, cell in body.items() if name != "folded_notes"} for key, body in bodies.items()}


def assert_same(answer: UsageReport, expected: UsageReport) -> None:
    assert answer.totals == expected.totals
    assert answer.rows == expected.rows


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landed_calls, "_TIDY_SECONDS", 0.0)


@pytest.mark.parametrize("first", range(0, INTERLEAVINGS, 20))
async def test_every_report_equals_the_sum_of_the_records(first: int) -> None:
    """Also while a fold is killed between any two writes, while another runs, and while records land late."""
    for seed in range(first, first + 20):
        interleaving = Interleaving(seed)
        await interleaving.run()
        await interleaving.come_to_rest()
        await interleaving.ask()

        # All is folded and settled: nothing is left to be done.
        assert interleaving.tables.keys(UNFOLDED_TABLE) == [], seed
        assert {row for _, row in interleaving.tables.keys(OPEN_CALLS_TABLE)} <= {HEARTBEAT_ROW}, seed


async def test_a_rebuild_makes_the_same_cells_byte_by_byte() -> None:
    """Whatever way they came to be: else a report would change by being asked again."""
    for seed in range(1000, 1010):
        interleaving = Interleaving(seed)
        await interleaving.run()
        await interleaving.come_to_rest()
        before = cells_in(interleaving.tables)
        await interleaving.reports.rebuild_rollups()(NOVEMBER.first_day, NOVEMBER.last_day)
        await interleaving.reports.roll_up_usage()()

        assert before
        assert cells_in(interleaving.tables) == before, seed


async def test_totals_hold_where_there_are_more_kinds_of_calls_than_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels are whatever callers send. Which of them share a cell must not change what is summed."""
    monkeypatch.setattr(rollup, "MOST_CELLS", 3)
    monkeypatch.setattr(rollup, "_CELLS_WITHOUT_LABEL", 2)
    shapes = ((Dimension.PRINCIPAL, Dimension.DAY), (Dimension.PRINCIPAL,), (Dimension.HOUR,), (Dimension.OUTCOME,))
    for seed in range(2000, 2020):
        interleaving = Interleaving(seed, shapes)
        await interleaving.run()
        await interleaving.come_to_rest()
        for by in shapes:
            asked = query(*by)
            answer = await interleaving.reports.query_usage()(asked, READER)

            assert_same(answer, naive_report(entries_in(interleaving.tables), asked.shape, NOVEMBER, EVERY_ROW))

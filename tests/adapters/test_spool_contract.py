"""What Spool promises: of the fake, and of a folder on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.adapters.disk_spool import DiskSpool
from shared.domain.usage_record import OpenCall, UsageRecord
from shared.ports.spool import Spool, SpooledCall
from tests.adapters.records import open_call, record
from tests.fakes import FakeSpool


class Machine:
    """A machine with a spool; `restart` ends the process and begins another."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._disk = self._new()
        self._fake = FakeSpool()

    @property
    def spool(self) -> Spool:
        return self._disk or self._fake

    async def restart(self) -> None:
        if self._disk is None:
            self._fake.die()
            return
        await self._disk.close()
        self._disk = self._new()

    def _new(self) -> DiskSpool | None:
        return DiskSpool(self._folder, max_bytes=1_000_000_000) if self._folder else None


@pytest.fixture(params=["fake", "disk"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Machine:
    """Return a machine whose spool is empty."""
    return Machine(tmp_path / "spool" if request.param == "disk" else None)


async def due(spool: Spool) -> list[SpooledCall]:
    return [spooled async for group in spool.due() for spooled in group]


async def entries(spool: Spool) -> list[OpenCall | UsageRecord]:
    return sorted((spooled.entry for spooled in await due(spool)), key=_id)


def _id(entry: OpenCall | UsageRecord) -> str:
    return entry.call.call_id if isinstance(entry, UsageRecord) else entry.call_id


async def test_an_empty_spool_has_nothing_due(machine: Machine) -> None:
    """As it is nearly always."""
    assert await due(machine.spool) == []


async def test_an_end_is_due_until_it_is_removed(machine: Machine) -> None:
    """Whoever was interrupted begins again."""
    await machine.spool.keep(record("c1"))
    assert await entries(machine.spool) == [record("c1")]
    (spooled,) = await due(machine.spool)
    await machine.spool.remove(spooled)

    assert await due(machine.spool) == []


async def test_a_beginning_is_not_due_while_its_process_lives(machine: Machine) -> None:
    """The process knows how it ends."""
    await machine.spool.keep(open_call("c1"))

    assert await due(machine.spool) == []


async def test_an_end_takes_the_place_of_its_beginning(machine: Machine) -> None:
    """A call is in the spool once."""
    await machine.spool.keep(open_call("c1"))
    await machine.spool.keep(record("c1"))

    assert await entries(machine.spool) == [record("c1")]


async def test_what_a_process_leaves_behind_is_due_to_the_next(machine: Machine) -> None:
    """Begun or ended."""
    await machine.spool.keep(open_call("c1"))
    await machine.spool.keep(record("c2"))
    await machine.restart()

    assert await entries(machine.spool) == [open_call("c1"), record("c2")]

    for spooled in await due(machine.spool):
        await machine.spool.remove(spooled)
    assert await due(machine.spool) == []


async def test_a_beginning_that_is_dropped_is_gone(machine: Machine) -> None:
    """Storage has its end."""
    await machine.spool.keep(open_call("c1"))
    await machine.spool.drop("c1")
    await machine.restart()

    assert await due(machine.spool) == []


@pytest.mark.parametrize("again", [1, 2])
async def test_what_is_not_there_can_be_dropped_and_removed(machine: Machine, again: int) -> None:
    """Another process may have been quicker."""
    await machine.spool.drop("c0")
    await machine.spool.keep(record("c1"))
    (spooled,) = await due(machine.spool)
    for _ in range(again):
        await machine.spool.remove(spooled)
        await machine.spool.drop("c1")

    assert await due(machine.spool) == []


async def test_what_is_set_aside_is_never_due(machine: Machine) -> None:
    """It was tried, and will not do."""
    await machine.spool.set_aside(record("c1"))
    await machine.restart()

    assert await due(machine.spool) == []


async def test_many_calls_at_once_are_kept_each(machine: Machine) -> None:
    """Storage goes down for all of them in the same second."""
    await asyncio.gather(*(machine.spool.keep(open_call(f"c{number:03}")) for number in range(250)))
    await asyncio.gather(*(machine.spool.keep(record(f"c{number:03}")) for number in range(125)))
    assert len(await due(machine.spool)) == 125
    await machine.restart()

    assert [_id(entry) for entry in await entries(machine.spool)] == [f"c{number:03}" for number in range(250)]


@pytest.mark.parametrize("make", [open_call, record])
async def test_whoever_stops_early_can_come_again(
    machine: Machine, make: Callable[[str], OpenCall | UsageRecord]
) -> None:
    """Storage went down again midway."""
    await asyncio.gather(*(machine.spool.keep(make(f"c{number:03}")) for number in range(250)))
    await machine.restart()
    groups = machine.spool.due()
    await anext(groups)
    await groups.aclose()

    assert len(await due(machine.spool)) == 250

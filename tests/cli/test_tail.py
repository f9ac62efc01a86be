"""`tail` from a shell: it prints what has ended, once, lives through trouble, and ends when it is told to."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from rich.cells import cell_len

from local.azurite import Azurite
from shared.adapters.table_record_search import TableRecordSearch
from shared.cli import tail
from shared.cli.tail import line
from shared.domain.errors import StorageNotAuthorized, StorageUnavailable
from shared.domain.record_pages import PrincipalId, RecordFilter
from shared.domain.usage_record import Charge, Outcome, UsageRecord
from shared.ports.record_search import WrittenRecord
from shared.usecases.follow_records import FollowRecords
from tests.adapters.records import record
from tests.cli.ledger import put, run

# Of our own: other tests write calls of now, too.
ONLY = RecordFilter(deployment="tail-test")


@pytest.fixture(autouse=True)
def storage(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AzureWebJobsStorage", azurite.connection_string)


def ended(call_id: str, *, begun: float, seconds: float = 1) -> UsageRecord:
    """Return a call that began so many seconds from now."""
    begun_at = datetime.now(UTC) + timedelta(seconds=begun)
    each = record(call_id, begun_at=begun_at)
    call = replace(each.call, deployment="tail-test")
    return replace(each, call=call, ended_at=begun_at + timedelta(seconds=seconds))


class Tailing:
    """A tail that is running, and what it has printed so far."""

    def __init__(self, capsys: pytest.CaptureFixture[str], last: int) -> None:
        self._capsys = capsys
        self._task = asyncio.create_task(
            tail._tail(ONLY, tail._Whose(), last=last, every=0.1, longest=timedelta(minutes=30), as_json=True)
        )
        self.ids: list[str] = []
        self.errors = ""

    async def until(self, is_so: Callable[[Tailing], bool]) -> None:
        """Return when it is so; it is a failure when that takes long."""
        async with asyncio.timeout(20):
            while not is_so(self):
                await asyncio.sleep(0.05)
                self._read()

    async def stop(self) -> None:
        """Let it look once or twice more, and stop it."""
        await asyncio.sleep(0.5)
        self._task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self._task
        self._read()

    def _read(self) -> None:
        output = self._capsys.readouterr()
        self.ids += [json.loads(text)["call_id"] for text in output.out.splitlines()]
        self.errors += output.err


async def test_calls_are_printed_once_whatever_order_they_end_in(
    azurite: Azurite, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows stand by when calls began, are written when they end, and some are written again."""

    async def write(*records: UsageRecord) -> None:
        await asyncio.to_thread(put, azurite.connection_string, records)

    there = [ended(f"old{number}", begun=-60 + number) for number in range(3)]
    late = ended("late", begun=-900, seconds=900)
    await write(*there)
    tailing = Tailing(capsys, last=2)
    await tailing.until(lambda it: len(it.ids) == 2)
    await write(ended("new", begun=0), there[0])
    await tailing.until(lambda it: "new" in it.ids)
    await write(late)
    await tailing.until(lambda it: "late" in it.ids)
    await write(late, there[2])
    await tailing.stop()

    assert tailing.ids == ["old1", "old2", "new", "late"]


async def test_trouble_is_told_and_waited_out(
    azurite: Azurite, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever watches at night must not have to start anew; what came meanwhile is not lost."""
    down, polled = asyncio.Event(), asyncio.Event()
    real = FollowRecords.poll

    async def poll(self: FollowRecords, only: RecordFilter) -> list[UsageRecord]:
        if down.is_set():
            raise StorageUnavailable("reading usage records: storage answered 503")
        found = await real(self, only)
        polled.set()
        return found

    monkeypatch.setattr(FollowRecords, "poll", poll)
    await asyncio.to_thread(put, azurite.connection_string, [ended("before", begun=-5)])
    tailing = Tailing(capsys, last=0)
    await polled.wait()
    down.set()
    await asyncio.to_thread(put, azurite.connection_string, [ended("meanwhile", begun=0)])
    await tailing.until(lambda it: "storage answered 503; trying again" in it.errors)
    down.clear()
    await tailing.until(lambda it: "meanwhile" in it.ids)
    await tailing.stop()

    assert "before" not in tailing.ids


async def test_to_be_kept_out_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """That does not pass by itself."""

    async def written_since(*args: object) -> Sequence[WrittenRecord]:
        raise StorageNotAuthorized("reading usage records: storage answered 403")

    async def principals(*_: object) -> Sequence[PrincipalId]:
        return [PrincipalId("t", "o")]

    monkeypatch.setattr(TableRecordSearch, "written_since", written_since)
    monkeypatch.setattr(TableRecordSearch, "principals", principals)
    with pytest.raises(StorageNotAuthorized):
        await tail._tail(ONLY, tail._Whose(), last=0, every=0.01, longest=timedelta(minutes=30), as_json=True)


def test_ctrl_c_ends_it_cleanly(azurite: Azurite) -> None:
    """It is how it is meant to end: with 0 and without a trace."""
    put(azurite.connection_string, [ended("seen", begun=-5)])
    command = [sys.executable, "-m", "shared.cli", "tail", "--deployment", "tail-test", "--every", "0.2", "--json"]
    environment = {**os.environ, "AzureWebJobsStorage": azurite.connection_string}
    with (
        _heeding_ctrl_c(),
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process,
    ):
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            time.sleep(0.3)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=20)
        finally:
            process.kill()

    assert json.loads(first)["deployment"] == "tail-test"
    assert (process.returncode, errors) == (0, b"")


@contextmanager
def _heeding_ctrl_c() -> Iterator[None]:
    """Let who is started heed it: in the background it is ignored, and that is inherited."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_principal_that_cannot_be_one_ends_with_2() -> None:
    """And does not follow everybody's calls."""
    assert run("tail", "--principal", "tenant/").exit_code == 2


@pytest.mark.parametrize("width", [80, 120])
def test_lines_stand_below_each_other_and_do_nothing(width: int) -> None:
    """Whatever a principal calls itself, in letters of any width."""
    plain = ended("0123456789", begun=0)
    names = ["a", "日本チームの長い名前です", "[red]\x1b[2J\u202e", "é" * 300]
    lines = [
        line(
            replace(plain, call=replace(plain.call, principal=replace(plain.call.principal, name=name))),
            width,
        )
        for name in names
    ]
    lines.append(line(replace(plain, call=replace(plain.call, call_id="bypass-0123456789")), width))
    widths = [cell_len(each) for each in lines]

    assert len(set(widths)) == 1
    assert widths[0] <= width
    assert all(each.isprintable() for each in lines)
    assert all(each.endswith("1.50 s  completed") for each in lines)


def test_a_wide_line_has_the_deployment_and_the_cost() -> None:
    """And how a call failed, with Azure's status."""
    each = replace(
        ended("0123456789", begun=0),
        charge=Charge(cost_usd=Decimal("0.0123")),
        outcome=Outcome.REFUSED_BY_AZURE,
        status=429,
    )

    assert "tail-test" in line(each, 120)
    assert "0.0123" in line(each, 120)
    assert "tail-test" not in line(each, 80)
    assert line(each, 80).endswith("refused_by_azure 429")

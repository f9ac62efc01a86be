"""The timer's look at all containers: only what can have changed, and nothing that fails stops the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from azure.storage.blob.aio import BlobServiceClient

from local.azurite import Azurite
from shared.adapters.blob_log_reader import BlobLogReader
from shared.domain.errors import StorageUnavailable
from shared.domain.logs.reading import BlobRange, Ingested, ListedBlob, LogBlob
from shared.usecases import ingest_log_blob
from shared.usecases.ingest_recent_logs import IngestRecentLogs
from tests.fakes import FakeClock
from tests.usecases.ingesting import HOUR, LogAccount, call_line, log_account

NOW = HOUR + timedelta(minutes=30)


@pytest.fixture
async def account(azurite: Azurite) -> AsyncIterator[LogAccount]:
    async with log_account(azurite) as account:
        yield account


class Recording(BlobLogReader):
    """A reader that notes what it is asked for. It fails for blobs in `broken`, and after so many reads."""

    def __init__(self, service: BlobServiceClient) -> None:
        super().__init__(service)
        self.listings: list[str] = []
        self.reads: list[str] = []
        self.broken: set[str] = set()
        self.fail_after: int | None = None

    async def resources(self, container: str) -> AsyncIterator[str]:
        self.listings.append("resources")
        async for resource in super().resources(container):
            yield resource

    async def under(self, container: str, prefix: str) -> AsyncIterator[ListedBlob]:
        self.listings.append(prefix.partition("y=")[2])
        async for listed in super().under(container, prefix):
            yield listed

    async def read(self, blob: LogBlob, offset: int, length: int) -> BlobRange | None:
        self.reads.append(blob.name)
        if blob.name in self.broken or len(self.reads) - 1 == self.fail_after:
            raise StorageUnavailable("this one")
        return await super().read(blob, offset, length)


def recent_logs(
    account: LogAccount, *patterns: str, clock: FakeClock | None = None
) -> tuple[IngestRecentLogs, Recording]:
    reader = Recording(account.service)
    ingest = IngestRecentLogs(
        blobs=reader,
        containers=reader,
        checkpoints=account.checkpoints,
        ingest=account.ingest(blobs=reader),
        clock=clock or FakeClock(NOW),
        patterns=patterns or [account.container],
    )
    return ingest, reader


def line(account: LogAccount, correlation_id: str) -> bytes:
    return call_line(account.resource, correlation_id) + b"\n"


async def test_all_that_is_new_is_read_and_nothing_twice(account: LogAccount) -> None:
    """A blob whose ETag is that of its checkpoint costs no request of its own."""
    ingest, reader = recent_logs(account)
    await account.append(account.blob(HOUR), line(account, "c1"))
    await account.append(account.blob(HOUR - timedelta(hours=47)), line(account, "c2"))
    first, second = await ingest(), await ingest()
    await account.append(account.blob(HOUR), line(account, "c3"))
    third = await ingest()

    assert (first, second, third) == (
        Ingested(blobs=2, lines=2, stored=2),
        Ingested(),
        Ingested(blobs=1, lines=1, stored=1),
    )
    assert len(reader.reads) == 3


async def test_only_days_that_can_have_changed_are_listed(account: LogAccount) -> None:
    """A container holds years of hours; a minute's look must not cost more for it."""
    ingest, reader = recent_logs(account)
    for hours in (0, 24, 72, 24 * 400):
        await account.append(account.blob(HOUR - timedelta(hours=hours)), line(account, f"c{hours}"))
    await ingest()
    await ingest()

    assert await account.call_ids() == ["c0", "c24"]
    days = ["2026/m=11/d=23/", "2026/m=11/d=22/", "2026/m=11/d=21/"]
    assert reader.listings == ["resources", *days, *days]


async def test_a_new_resource_is_found(account: LogAccount) -> None:
    """Folders are looked for again every ten minutes, and at once where there were none."""
    clock = FakeClock(NOW)
    ingest, _ = recent_logs(account, clock=clock)
    nothing = await ingest()
    await account.append(account.blob(), line(account, "c1"))
    first = await ingest()
    other = account.another()
    await account.append(account.blob(resource=other.resource), line(account, "c2"))
    not_yet = await ingest()
    clock.advance(600)
    found = await ingest()

    assert [done.stored for done in (nothing, first, not_yet, found)] == [0, 1, 0, 1]


async def test_a_pattern_takes_every_container_that_fits(account: LogAccount) -> None:
    """Diagnostic settings make a container for each category, when its first line comes."""
    other = account.another()
    for each in (account, other):
        await each.append(each.blob(), line(account, each.container))
    ingest, _ = recent_logs(account, account.container, f"{other.container[:-4]}*")
    await ingest()

    assert await account.call_ids() == sorted([account.container, other.container])


async def test_a_blob_that_fails_is_logged_and_stops_no_other(
    account: LogAccount, caplog: pytest.LogCaptureFixture
) -> None:
    """It is tried again a minute later."""
    ingest, reader = recent_logs(account)
    bad, good = account.blob(HOUR - timedelta(hours=1)), account.blob(HOUR)
    await account.append(bad, line(account, "c1"))
    await account.append(good, line(account, "c2"))
    reader.broken = {bad.name}
    first = await ingest()
    reader.broken = set()
    second = await ingest()

    assert (first.stored, second.stored) == (1, 1)
    (logged,) = [record for record in caplog.records if record.message == "logblob.not_ingested"]
    assert (logged.__dict__["blob"], logged.__dict__["reason"]) == (bad.name, "this one")


async def test_a_blob_that_was_read_in_part_is_gone_on_with(
    account: LogAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker died between two parts, and nothing is appended any more: its ETag says nothing of that."""
    monkeypatch.setattr(ingest_log_blob, "_PART_BYTES", 2000)
    ingest, reader = recent_logs(account)
    await account.append(account.blob(), b"".join(line(account, f"c{number}") for number in range(6)))
    reader.fail_after = 1
    first = await ingest()
    reader.fail_after = None
    second = await ingest()

    assert first == Ingested()
    assert 0 < second.stored < 6
    assert len(await account.call_ids()) == 6


async def test_what_is_left_of_a_blob_when_it_is_sealed_is_kept(account: LogAccount) -> None:
    """Two days after its hour nothing will be appended: half a line is all of it."""
    clock = FakeClock(NOW)
    ingest, _ = recent_logs(account, clock=clock)
    await account.append(account.blob(), line(account, "c1") + b'{"cut": ')
    await ingest()
    clock.advance(48 * 3600)
    before = await ingest()
    clock.advance(3600)
    after, again = await ingest(), await ingest()

    assert (before, after.dead_letters, again) == (Ingested(), 1, Ingested())
    assert len(await account.letters()) == 1

"""Checkpoints on Azurite: kept whole, moved by one reader at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from local.azurite import Azurite
from shared.domain.logs.reading import Checkpoint, LogBlob
from tests.usecases.ingesting import HOUR, LogAccount, log_account

CHECKPOINT = Checkpoint(
    offset=2**33, lines=2**32, seam_bytes=4096, seam_hash="ab" * 32, etag="0x8D", dead_letter_bytes=2**31
)


@pytest.fixture
async def account(azurite: Azurite) -> AsyncIterator[LogAccount]:
    async with log_account(azurite) as account:
        yield account


@pytest.mark.parametrize("name", ["resourceId=/S/y=2026/m=11/d=23/h=09/m=00/PT1H.json", "x#?\\\x00\udcff" * 300])
async def test_a_checkpoint_comes_back_as_it_was(account: LogAccount, name: str) -> None:
    """Whatever a blob or file is called, and above 4 GB."""
    blob = replace(account.blob(), name=name)
    kept = await account.checkpoints.advance(blob, CHECKPOINT)
    found = await account.checkpoints.get(blob)

    assert found == kept == replace(CHECKPOINT, version=found.version)


async def test_where_there_is_none_nothing_has_been_read(account: LogAccount) -> None:
    """The first run of all, and a new blob."""
    assert await account.checkpoints.get(account.blob()) == Checkpoint()
    assert await account.checkpoints.of_container("never", "seen", HOUR) == {}


async def test_of_two_readers_one_moves_it(account: LogAccount) -> None:
    """Both begin with none, or with the same; and one that was taken away stays so."""
    blob, advance = account.blob(), account.checkpoints.advance
    first = await advance(blob, Checkpoint(offset=1))
    too_late = await advance(blob, Checkpoint(offset=2))
    assert first is not None
    second = await advance(blob, replace(first, offset=3))
    again = await advance(blob, replace(first, offset=4))
    assert second is not None

    assert (too_late, again) == (None, None)
    assert await account.checkpoints.get(blob) == second


async def test_those_of_recent_hours_are_found_at_once(account: LogAccount) -> None:
    """A look at two days costs a request, however many blobs and years there are."""
    blobs: list[LogBlob] = [account.blob(HOUR - timedelta(hours=hours)) for hours in (0, 5, 6, 9000)]
    for blob in [*blobs, replace(blobs[0], name="no hour"), account.another().blob()]:
        await account.checkpoints.advance(blob, CHECKPOINT)
    since = HOUR - timedelta(hours=5)
    found = await account.checkpoints.of_container(account.blobs.account, account.container, since)

    assert sorted(found) == sorted(blob.name for blob in blobs[:2])

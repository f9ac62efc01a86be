"""Dead letters on Azurite: each once, however often it is kept, and by however many."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from local.azurite import Azurite
from shared.adapters.blob_dead_letters import CONTAINER
from shared.domain.logs.reading import DeadLetter, LogLine
from tests.usecases.ingesting import LogAccount, log_account


@pytest.fixture
async def account(azurite: Azurite) -> AsyncIterator[LogAccount]:
    async with log_account(azurite) as account:
        yield account


def letter(offset: int, raw: bytes = b"bad") -> DeadLetter:
    return DeadLetter(LogLine(offset, raw), "the line is not a JSON object")


async def offsets(account: LogAccount) -> list[int]:
    return [each["offset"] for each in await account.letters()]


async def test_a_letter_says_where_it_stood_and_why(account: LogAccount) -> None:
    """Whoever mends it finds the line, byte by byte, and what came before it."""
    blob = account.blob()
    await account.dead_letters.keep(blob, [letter(7, b"\xff\x00{")], 0)
    (kept,) = await account.letters()

    assert kept == {
        "account": blob.account,
        "container": blob.container,
        "blob": blob.name,
        "offset": 7,
        "reason": "the line is not a JSON object",
        "raw": base64.b64encode(b"\xff\x00{").decode(),
    }


async def test_a_letter_that_was_kept_before_a_crash_is_not_kept_again(account: LogAccount) -> None:
    """The reader that comes next does not know of it, and may have cut the blob elsewhere."""
    keep, blob = account.dead_letters.keep, account.blob()
    known = await keep(blob, [letter(1)], 0)
    await keep(blob, [letter(2), letter(3)], known)
    length = await keep(blob, [letter(2), letter(3), letter(4)], known)
    again = await keep(blob, [letter(4)], known)

    assert await offsets(account) == [1, 2, 3, 4]
    assert again == length


async def test_many_at_once_keep_each_once(account: LogAccount) -> None:
    """The first of them makes the blob, and maybe the container."""
    letters = [letter(number) for number in range(5)]
    await asyncio.gather(*(account.dead_letters.keep(account.blob(), letters, 0) for _ in range(6)))

    assert sorted(await offsets(account)) == [0, 1, 2, 3, 4]


async def test_more_than_a_block_holds_is_several(account: LogAccount) -> None:
    """Four megabytes is what every version of the service takes."""
    letters = [letter(number, b"x" * 1_000_000) for number in range(7)]
    length = await account.dead_letters.keep(account.blob(), letters, 0)

    assert length > 7_000_000
    assert await offsets(account) == list(range(7))


async def test_letters_that_somebody_cleared_away_are_no_trouble(account: LogAccount) -> None:
    """When they are dealt with they are deleted; the checkpoint still knows how long they were."""
    blob = account.blob()
    length = await account.dead_letters.keep(blob, [letter(1)], 0)
    (name,) = [
        each.name
        async for each in account.service.get_container_client(CONTAINER).list_blobs(
            f"{blob.account}/{blob.container}/"
        )
    ]
    await account.service.get_blob_client(CONTAINER, name).delete_blob()
    await account.dead_letters.keep(blob, [letter(2)], length)

    assert await offsets(account) == [2]


async def test_a_long_name_is_cut_and_still_tells_blobs_apart(account: LogAccount) -> None:
    """Ours is put before it, and both together may be too long."""
    blobs = [replace(account.blob(), name="x" * 1020 + each) for each in "ab"]
    for blob in blobs:
        await account.dead_letters.keep(blob, [letter(1)], 0)
    kept = await account.letters()

    assert sorted(json.dumps(each["blob"])[-2] for each in kept) == ["a", "b"]

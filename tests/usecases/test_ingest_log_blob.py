"""A log blob on Azurite, that grows, is cut, is written anew, and is read by two at once."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from local.azurite import Azurite
from shared.domain.logs.reading import Checkpoint, Ingested, LogBlob
from shared.usecases import ingest_log_blob
from tests.usecases.ingesting import HOUR, LogAccount, call_line, log_account


@pytest.fixture
async def account(azurite: Azurite) -> AsyncIterator[LogAccount]:
    async with log_account(azurite) as account:
        yield account


def lines(account: LogAccount, *ids: str) -> bytes:
    return b"".join(call_line(account.resource, each) + b"\r\n" for each in ids)


async def test_a_blob_is_read_from_where_it_was_read_to(account: LogAccount) -> None:
    """It grows all hour, and what has been read need not be read again."""
    blob, ingest = account.blob(), account.ingest()
    await account.append(blob, lines(account, "c1", "c2"))
    first = await ingest(blob)
    await account.append(blob, lines(account, "c3"))
    second, third = await ingest(blob), await ingest(blob)

    assert first == Ingested(blobs=1, lines=2, stored=2)
    assert second == Ingested(blobs=1, lines=1, stored=1)
    assert third == Ingested(blobs=1)
    assert await account.call_ids() == ["c1", "c2", "c3"]


async def test_a_cut_line_waits_for_its_rest(account: LogAccount) -> None:
    """Azure's blocks need not end with a line; half a line is no dead letter."""
    blob, ingest = account.blob(), account.ingest()
    whole = lines(account, "c1", "c2")
    await account.append(blob, whole[:-200])
    first = await ingest(blob)
    await account.append(blob, whole[-200:])
    second = await ingest(blob)

    assert (first.lines, second.lines) == (1, 1)
    assert await account.call_ids() == ["c1", "c2"]
    assert await account.letters() == []


async def test_a_last_line_is_read_though_its_newline_is_not_here_yet(account: LogAccount) -> None:
    """Nobody knows whether Azure writes the newline with its line, or before the next; and it is counted once."""
    blob, ingest = account.blob(), account.ingest()
    await account.append(blob, lines(account, "c1").rstrip())
    first = await ingest(blob)
    await account.append(blob, b"\r\n" + lines(account, "c2"))
    second = await ingest(blob)

    assert (first.lines, second.lines) == (1, 1)
    assert await account.call_ids() == ["c1", "c2"]


async def test_half_a_line_of_a_blob_that_is_sealed_is_a_dead_letter(account: LogAccount) -> None:
    """Its rest will not come, and nothing is lost without a trace."""
    blob, ingest = account.blob(), account.ingest()
    whole = lines(account, "c1", "c2")
    await account.append(blob, whole[:-200])
    await ingest(blob)
    done = await ingest(blob, is_sealed=True)
    again = await ingest(blob, is_sealed=True)

    assert (done, again) == (Ingested(blobs=1, lines=1, dead_letters=1), Ingested(blobs=1))
    (letter,) = await account.letters()
    assert letter["offset"] == len(lines(account, "c1"))
    assert base64.b64decode(letter["raw"]) == lines(account, "c2")[:-200]


async def test_a_line_that_cannot_be_read_is_kept_with_its_place_and_stops_nothing(
    account: LogAccount, caplog: pytest.LogCaptureFixture
) -> None:
    """It is counted, too, and said in the log, which quotes nothing of it."""
    blob = account.blob()
    before = lines(account, "c1")
    await account.append(blob, before + b'{"secret": \n' + lines(account, "c2"))
    done = await account.ingest()(blob)

    assert done == Ingested(blobs=1, lines=3, stored=2, dead_letters=1)
    (letter,) = await account.letters()
    assert (letter["container"], letter["blob"], letter["offset"]) == (blob.container, blob.name, len(before))
    assert base64.b64decode(letter["raw"]) == b'{"secret": '
    (logged,) = [record for record in caplog.records if record.message == "logblob.dead_letters"]
    assert "secret" not in str(logged.__dict__)


async def test_a_blob_that_is_written_anew_is_read_from_its_beginning(
    account: LogAccount, caplog: pytest.LogCaptureFixture
) -> None:
    """Longer or shorter than it was: what stands before the checkpoint is not what stood there."""
    blob, ingest = account.blob(), account.ingest()
    await account.append(blob, lines(account, "c1", "c2"))
    await ingest(blob)
    await account.write_anew(blob, lines(account, "c3", "c4", "c5"))
    longer = await ingest(blob)
    await account.write_anew(blob, lines(account, "c6"))
    shorter = await ingest(blob)

    assert (longer.stored, shorter.stored) == (3, 1)
    assert await account.call_ids() == ["c1", "c2", "c3", "c4", "c5", "c6"]
    assert [record.message for record in caplog.records].count("logblob.rewritten") == 2


async def test_a_bad_line_that_is_written_anew_is_kept_once(account: LogAccount) -> None:
    """Whoever rewrites a blob leaves most of it as it was."""
    blob, ingest = account.blob(), account.ingest()
    await account.append(blob, b"bad\n" + lines(account, "c1"))
    await ingest(blob)
    await account.write_anew(blob, b"bad\n" + lines(account, "c2") + b"worse\n")
    await ingest(blob)

    assert [letter["raw"] for letter in await account.letters()] == ["YmFk", "d29yc2U="]


async def test_a_large_blob_is_read_in_parts(account: LogAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded whatever the blob's size; each part moves the checkpoint."""
    monkeypatch.setattr(ingest_log_blob, "_PART_BYTES", 2000)
    blob, read_to = account.blob(), list[int]()
    ids = [f"c{number:02}" for number in range(20)]
    content = lines(account, *ids)
    await account.append(blob, content)
    done = await account.ingest()(blob, on_read=read_to.append)

    assert done.stored == 20
    assert read_to == sorted(set(read_to))
    assert (len(read_to) > 5, read_to[-1]) == (True, len(content))


async def test_a_line_longer_than_a_part_is_one_dead_letter(
    account: LogAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten megabytes without a newline must stop nothing that stands behind them."""
    monkeypatch.setattr(ingest_log_blob, "_PART_BYTES", 2000)
    blob = account.blob()
    await account.append(blob, lines(account, "c1") + b"x" * 9000 + b"\n" + lines(account, "c2"))
    done = await account.ingest()(blob)
    await account.append(blob, lines(account, "c3"))
    more = await account.ingest()(blob)

    assert done == Ingested(blobs=1, lines=3, stored=2, dead_letters=1)
    assert more == Ingested(blobs=1, lines=1, stored=1)


async def test_two_lines_of_one_call_are_one_row_that_says_what_both_say(account: LogAccount) -> None:
    """Since 2026 Azure writes two, one of them nearly empty, in any order and in any block."""
    blob, ingest = account.blob(), account.ingest()
    poor = call_line(account.resource, "c1", requestLength=None, modelName="", promptTokens=7)
    await account.append(blob, poor + b"\n")
    await ingest(blob)
    await account.append(blob, lines(account, "c1"))
    done = await ingest(blob)
    (row,) = await account.rows("servicecalls")

    assert done == Ingested(blobs=1, lines=1, stored=1)
    assert (row["prompt_tokens"].value, row["request_bytes"].value, row["model"]) == (7, 2048, "gpt-4o")


async def test_a_reader_whose_checkpoint_was_moved_leaves_the_rest(account: LogAccount) -> None:
    """The other one has stored what it read, and reads on."""
    blob = account.blob()
    await account.append(blob, lines(account, "c1", "c2"))

    class Overtaken:
        async def get(self, blob: LogBlob) -> Checkpoint:
            before = await account.checkpoints.get(blob)
            await account.ingest()(blob)
            return before

        advance = account.checkpoints.advance
        of_container = account.checkpoints.of_container

    done = await account.ingest(checkpoints=Overtaken())(blob)
    checkpoint = await account.checkpoints.get(blob)

    assert done == Ingested(blobs=1, lines=2, duplicates=2)
    assert (checkpoint.lines, checkpoint.offset) == (2, len(lines(account, "c1", "c2")))


async def test_a_checkpoint_that_is_taken_away_has_the_blob_read_anew(account: LogAccount) -> None:
    """How an operator reads it again, once a mended parser can; nothing is stored or kept twice."""
    blob, ingest = account.blob(), account.ingest()
    await account.append(blob, lines(account, "c1") + b"bad\n")
    await ingest(blob)
    (row,) = [row async for row in account.checkpoints._table.query_entities(f"blob eq '{blob.name}'")]
    await account.checkpoints._table.delete_entity(row)
    done = await ingest(blob)

    assert done == Ingested(blobs=1, lines=2, duplicates=1, dead_letters=1)
    assert len(await account.letters()) == 1


async def test_blobs_may_come_in_any_order(account: LogAccount) -> None:
    """An hour's blob still grows when the next one's is there; and lines in it are of any time."""
    early, late = account.blob(HOUR), account.blob(HOUR.replace(hour=10))
    await account.append(late, lines(account, "c2", "c1"))
    await account.append(early, lines(account, "c3"))
    ingest = account.ingest()
    await asyncio.gather(ingest(late), ingest(early))
    await account.append(early, lines(account, "c4"))
    await ingest(early)

    assert await account.call_ids() == ["c1", "c2", "c3", "c4"]


async def test_a_blob_that_is_gone_is_nothing(account: LogAccount) -> None:
    """Lifecycle rules take old blobs away."""
    blob = replace(account.blob(), container="logs-that-never-were")

    assert await account.ingest()(blob) == Ingested(blobs=1)

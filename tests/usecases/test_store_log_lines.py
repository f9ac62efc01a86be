"""Lines into tables: what a line may hold, and that none of what a hostile one holds does more than stand there."""

from __future__ import annotations

import base64
import json
import logging
import tracemalloc
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.azurite import Azurite
from shared.domain.logs.reading import DeadLetter, Ingested, LogLine
from shared.domain.logs.wire import MAX_LINE_BYTES
from shared.usecases.ingest_log_events import IngestLogEvents
from shared.usecases.store_log_lines import StoreLogLines
from tests.usecases.ingesting import LogAccount, call_line, log_account

# What brackets cost at most, and a line of 1 MiB several times over.
PEAK_BYTES = 32 * 1024 * 1024
TIME = '"time":"2026-11-20T08:30:00Z"'
DEEP = "[" * 100_000 + "]" * 100_000

texts = st.text(st.characters(), max_size=40) | st.sampled_from(
    [
        "=1+1",
        "a/b\\c#d?e|f",
        "\0\x01\x7f\x85\u2028\ufeff\uffff",
        "\ud800",
        "\U0001f600" * 600,
        "..",
        "////",
        " ",
        "x" * 70_000,
    ]
)
numbers = st.integers() | st.floats() | st.sampled_from([2**63, -(2**63) - 1, -0.0, 1e308])
hostile = (
    st.none()
    | st.booleans()
    | numbers
    | texts
    | st.lists(texts, max_size=2)
    | st.dictionaries(texts, numbers, max_size=3)
)


@pytest.fixture
async def account(azurite: Azurite) -> AsyncIterator[LogAccount]:
    async with log_account(azurite) as account:
        yield account


async def store(account: LogAccount, *lines: bytes) -> tuple[Ingested, list[DeadLetter]]:
    return await StoreLogLines(account.store)([LogLine(offset, line) for offset, line in enumerate(lines)])


def call(account: LogAccount, **members: object) -> bytes:
    return json.dumps(json.loads(call_line(account.resource, "c1")) | members).encode()


async def test_a_line_that_is_a_message_is_its_records(account: LogAccount) -> None:
    """Somebody saved what came by Event Hub; and a bad record stops none beside it."""
    one, two = (call_line(account.resource, each) for each in ("c1", "c2"))
    done, letters = await store(account, b"?", b'{"records":[%b,{},%b]}' % (one, two), one)

    assert done == Ingested(lines=5, stored=2, duplicates=1, dead_letters=2)
    assert [(letter.line.offset, letter.line.data) for letter in letters] == [(0, b"?"), (1, b"{}")]


async def test_a_message_that_says_nothing_is_one_dead_letter(account: LogAccount) -> None:
    """A megabyte of brackets must not become a hundred megabytes of dead letters."""
    line = b"[" + b",".join([b"{}"] * 10_000) + b"]"
    done, letters = await store(account, line)

    assert done == Ingested(lines=1, dead_letters=1)
    assert letters == [DeadLetter(LogLine(0, line), letters[0].reason)]


async def test_messages_in_messages_are_not_looked_for(account: LogAccount) -> None:
    """Nobody writes them, and a thousand of them would be a thousand calls deep."""
    line = b'{"records":[' * 400 + call_line(account.resource, "c1") + b"]}" * 400
    done, _ = await store(account, line)

    assert done == Ingested(lines=1, dead_letters=1)


async def test_the_last_line_of_a_blob_may_be_a_message(account: LogAccount) -> None:
    """Without a newline: a message is whole where it can be read, as a record is."""
    await account.append(account.blob(), b'{"records":[%b]}' % call_line(account.resource, "c1"))
    done = await account.ingest()(account.blob())

    assert done == Ingested(blobs=1, lines=1, stored=1)


async def test_a_call_that_is_kept_whole_is_noticed(account: LogAccount, caplog: pytest.LogCaptureFixture) -> None:
    """It is not among the calls, so it would be missing from every comparison in silence."""
    with caplog.at_level(logging.WARNING):
        done, letters = await store(account, call(account, correlationId=None), call_line(account.resource, "c2"))

    assert (done.stored, letters) == (2, [])
    assert [(record.message, record.__dict__["lines"]) for record in caplog.records] == [("logs.kept_whole", 1)]


@pytest.mark.parametrize(
    "line",
    [
        "[" * 1_000_000,
        "{" + TIME + ',"category":"Trace","deep":' + DEEP + "}",
        "{" + TIME + ',"category":"Administrative","operationName":"x","resourceId":"/r","properties":'
        + json.dumps({"requestbody": '{"a":' * 100_000 + "1" + "}" * 100_000}) + "}",
        "{" + TIME + ',"category":"Trace","x":' + "9" * 900_000 + "}",
        '{"time":"' + "1" * 900_000 + '","category":"Trace"}',
        '{"x":"' + "\\ud800" * 150_000 + '"}',
        "[" + ",".join(["{}"] * 300_000) + "]",
        '{"records":' * 90_000,
        "{" + ",".join(f'"{number}":0' for number in range(80_000)) + "}",
        "\0" * 1_000_000,
    ],
)  # fmt: skip
async def test_no_line_takes_more_memory_than_it_is_worth(account: LogAccount, line: str) -> None:
    """Four megabytes of them are read at a time, by a worker that relays calls meanwhile."""
    tracemalloc.start()
    try:
        done, _ = await store(account, line.encode())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert done.stored + done.dead_letters == done.lines == 1
    assert peak < PEAK_BYTES


async def test_nothing_hostile_in_a_line_does_more_than_stand_there(account: LogAccount) -> None:
    """Ids with what keys must not have, formulas, numbers without end: each line is a row or a dead letter."""

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.dictionaries(st.sampled_from([*json.loads(call(account)), "x"]), hostile, max_size=4))
    def draw(members: dict[str, object]) -> None:
        lines.append(call(account, **members))

    lines: list[bytes] = []
    draw()
    done, letters = await store(account, *lines)
    again, _ = await store(account, *lines)

    assert done.lines == len(lines) == done.stored + done.duplicates + len(letters)
    assert (again.stored, again.dead_letters) == (0, done.dead_letters)


async def test_a_formula_is_kept_as_the_text_it_is(account: LogAccount) -> None:
    """It is data to us; who writes it to a file for spreadsheets escapes it there."""
    name = "=cmd|'/c calc'!A1"
    await store(account, call(account, callerIpAddress=name))
    (row,) = await account.rows("servicecalls")

    assert row["caller_address"] == name


async def test_of_a_message_that_is_too_long_the_beginning_is_kept(account: LogAccount) -> None:
    """A block must hold it: else it could not be kept, and the hub would send it for ever."""
    ingest = IngestLogEvents(store=StoreLogLines(account.store), dead_letters=account.dead_letters)
    record = b'{"category":"Trace","x":"' + b"x" * 6 * MAX_LINE_BYTES + b'"}'
    done = await ingest(account.container, [record, b'{"records":[%b]}' % record])
    container = account.service.get_container_client("aoai-ledger-deadletters")
    kept = [
        json.loads(await (await container.download_blob(blob.name)).readall())
        async for blob in container.list_blobs(f"event-hub/{account.container}/")
    ]

    assert done == Ingested(blobs=2, lines=2, dead_letters=2)
    assert [base64.b64decode(letter["raw"]) for letter in kept] == [record[: MAX_LINE_BYTES + 1]] * 2

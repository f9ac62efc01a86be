"""Events of an Event Hub: the lines in an envelope, at least once."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator

import pytest

from local.azurite import Azurite
from shared.domain.logs.reading import Ingested
from shared.usecases.ingest_log_events import IngestLogEvents
from shared.usecases.store_log_lines import StoreLogLines
from tests.usecases.ingesting import LogAccount, call_line, log_account


@pytest.fixture
async def account(azurite: Azurite) -> AsyncIterator[LogAccount]:
    async with log_account(azurite) as account:
        yield account


@pytest.fixture
def ingest(account: LogAccount) -> IngestLogEvents:
    return IngestLogEvents(store=StoreLogLines(account.store), dead_letters=account.dead_letters)


async def letters(account: LogAccount, hub: str, body: bytes) -> list[dict[str, object]]:
    name = f"event-hub/{hub}/{hashlib.sha256(body).hexdigest()}.jsonl"
    blob = account.service.get_blob_client("aoai-ledger-deadletters", name)
    return [json.loads(line) for line in (await (await blob.download_blob()).readall()).splitlines()]


async def test_an_event_is_read_in_every_form(account: LogAccount, ingest: IngestLogEvents) -> None:
    """Azure sends an envelope; what relays the events may send an array, or one record."""
    one, two, three = (call_line(account.resource, each) for each in ("c1", "c2", "c3"))
    done = await ingest("hub", [b'{"records":[%b,%b]}' % (one, two), b"[%b]" % three, one])

    assert done == Ingested(blobs=3, lines=4, stored=3, duplicates=1)
    assert await account.call_ids() == ["c1", "c2", "c3"]


async def test_lines_that_came_by_blob_too_are_known(account: LogAccount, ingest: IngestLogEvents) -> None:
    """Both exports may be on; a call is one row."""
    line = call_line(account.resource, "c1")
    await account.append(account.blob(), line + b"\n")
    await account.ingest()(account.blob())

    assert await ingest("hub", [b'{"records":[%b]}' % line]) == Ingested(blobs=1, lines=1, duplicates=1)


async def test_what_cannot_be_read_is_kept_once_however_often_it_comes(
    account: LogAccount, ingest: IngestLogEvents
) -> None:
    """Event Hubs delivers at least once; and one bad record stops none beside it."""
    hub = account.container
    body = b'{"records":[{"no":"time"},%b]}' % call_line(account.resource, "c1")
    done = await ingest(hub, [body, b"not JSON"])
    await ingest(hub, [body, b"not JSON"])

    assert done == Ingested(blobs=2, lines=3, stored=1, dead_letters=2)
    ((record,), (event,)) = [await letters(account, hub, each) for each in (body, b"not JSON")]
    assert (record["container"], record["offset"], base64.b64decode(str(record["raw"]))) == (hub, 0, b'{"no":"time"}')
    assert base64.b64decode(str(event["raw"])) == b"not JSON"

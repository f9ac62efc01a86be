"""Rows on their way to Log Analytics: within the service's limits, and again where it did not take them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from azure.core.exceptions import ClientAuthenticationError

from shared.adapters.log_ingestion_api import LogIngestionApi
from shared.domain.errors import StorageError, StorageNotAuthorized, StorageRejected, StorageUnavailable
from shared.domain.log_rows import LOG_COLUMNS, log_row
from tests.adapters.credential import FakeCredential
from tests.adapters.logs_ingestion import RULE_ID, STREAM, Answer, LogsIngestion
from tests.adapters.records import record
from tests.fakes import FakeClock
from tests.raw_http import unused_port

ROWS = [log_row(record(f"c{number}")) for number in range(3)]
IDS = ["c0", "c1", "c2"]


@pytest.fixture
async def service() -> AsyncIterator[LogsIngestion]:
    service = LogsIngestion()
    await service.server.start_server()
    yield service
    await service.server.close()


@pytest.fixture
def credential() -> FakeCredential:
    return FakeCredential(FakeClock())


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
async def sink(
    service: LogsIngestion, credential: FakeCredential, waits: list[float]
) -> AsyncIterator[LogIngestionApi]:
    async with aiohttp.ClientSession() as session:
        yield api(session, service.endpoint, credential, waits)


def api(
    session: aiohttp.ClientSession, endpoint: str, credential: FakeCredential, waits: list[float]
) -> LogIngestionApi:
    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    return LogIngestionApi(
        session,
        credential,
        endpoint=endpoint,
        rule_id=RULE_ID,
        stream=STREAM,
        jitter=lambda: 0.0,
        sleep=sleep,
    )


async def test_rows_arrive_as_they_are(
    sink: LogIngestionApi, service: LogsIngestion, credential: FakeCredential
) -> None:
    """With a token for Azure Monitor, and no other."""
    await sink.send(ROWS)

    assert service.rows == json.loads(json.dumps(ROWS))
    assert credential.asked == ["https://monitor.azure.com/.default"]
    assert service.tokens == ["Bearer token1"]


async def test_no_request_is_larger_than_the_service_takes(sink: LogIngestionApi, service: LogsIngestion) -> None:
    """A request of more than 1 MB is refused whole, and would be again."""
    rows = [log_row(record(f"{number:05}")) for number in range(3_000)]
    await sink.send(rows)

    assert [row["CallId"] for row in service.rows] == [f"{number:05}" for number in range(3_000)]
    assert len(service.sizes) >= 2
    assert max(service.sizes) <= 1_000_000
    assert min(service.sizes[:-1]) > 900_000


async def test_nothing_is_sent_of_nothing(sink: LogIngestionApi, service: LogsIngestion) -> None:
    """A day without calls costs no request."""
    await sink.send([])

    assert service.sizes == []


@pytest.mark.parametrize("status", [429, 408, 500, 502, 503])
async def test_what_was_not_taken_is_sent_again(
    sink: LogIngestionApi, service: LogsIngestion, waits: list[float], status: int
) -> None:
    """The service throttles by the minute."""
    service.answers = [Answer(status), Answer(status)]
    await sink.send(ROWS)

    assert [row["CallId"] for row in service.rows] == IDS
    assert waits == [2.0, 4.0]


async def test_it_waits_for_as_long_as_the_service_asks(
    sink: LogIngestionApi, service: LogsIngestion, waits: list[float]
) -> None:
    """Who comes sooner is refused again, and longer. But not for an hour: a timer is not to hang."""
    retry_after = ["30", "3600", "soon"]
    service.answers = [Answer(429, {"retry-after": text}) for text in retry_after]
    await sink.send(ROWS)

    assert waits == [30.0, 60.0, 60.0]


async def test_a_service_that_stays_down_is_an_error(sink: LogIngestionApi, service: LogsIngestion) -> None:
    """The next run sends the day again."""
    service.answers = [Answer(503)] * 5

    with pytest.raises(StorageUnavailable):
        await sink.send(ROWS)
    assert service.answers == []


async def test_an_answer_that_is_lost_makes_rows_come_twice_and_never_not_at_all(
    sink: LogIngestionApi, service: LogsIngestion
) -> None:
    """At least once: who reads tells them by their CallId."""
    service.answers = [Answer(504, takes=True)]
    await sink.send(ROWS)

    assert [row["CallId"] for row in service.rows] == IDS * 2


@pytest.mark.parametrize(
    ("status", "error"), [(401, StorageNotAuthorized), (403, StorageNotAuthorized), (400, StorageRejected)]
)
async def test_what_would_be_refused_again_is_not_sent_again(
    sink: LogIngestionApi, service: LogsIngestion, waits: list[float], status: int, error: type[StorageError]
) -> None:
    """A missing role or column is for the operator to mend; the service's message may quote a row."""
    service.answers = [Answer(status, code="InvalidStream")]
    with pytest.raises(error) as raised:
        await sink.send(ROWS)

    assert waits == []
    assert str(status) in str(raised.value)
    assert "s3cret" not in str(raised.value)


async def test_no_token_is_an_error_of_ours(
    sink: LogIngestionApi, service: LogsIngestion, credential: FakeCredential
) -> None:
    """The identity may not be there yet."""
    credential.failure = ClientAuthenticationError("no identity")
    with pytest.raises(StorageNotAuthorized):
        await sink.send(ROWS)

    assert service.rows == []


async def test_a_service_that_cannot_be_reached_is_an_error(credential: FakeCredential, waits: list[float]) -> None:
    """A private endpoint whose name does not resolve."""
    async with aiohttp.ClientSession() as session:
        with pytest.raises(StorageUnavailable):
            await api(session, f"http://127.0.0.1:{unused_port()}", credential, waits).send(ROWS)

    assert len(waits) == 4


def test_a_row_has_only_columns_of_the_table_and_their_types() -> None:
    """The service drops what its rule does not know, and says nothing."""
    types = {"string": str, "long": int, "real": float, "datetime": str, "boolean": bool}

    for name, value in ROWS[0].items():
        assert type(value) is types[LOG_COLUMNS[name]], name
    # Columns of every table, which a rule refuses.
    assert not {"TenantId", "Type", "id", "_ResourceId", "UniqueId", "Title"} & LOG_COLUMNS.keys()
    assert all(len(name) <= 45 for name in LOG_COLUMNS)

"""Pages of rows over HTTP: every row once, whatever the service answers meanwhile."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential

from shared.adapters import table_pages
from shared.adapters.table_authorization import TableCredential, TableEndpoint
from shared.adapters.table_pages import HttpTablePages, Page, RowRange
from shared.domain.errors import StorageNotAuthorized, StorageRejected, StorageUnavailable
from tests.adapters.credential import FakeCredential
from tests.fakes import FakeClock

KEY = AzureNamedKeyCredential("contoso", "c2VjcmV0")
ROWS = RowRange(table="usage", partition="o'brien_t", row_after="a", row_before="z", columns=("RowKey", "calls"))


def refuses(status: int, code: str = "Unknown") -> web.Response:
    """An answer with Azure's body of an error."""
    body = {"odata.error": {"code": code, "message": {"lang": "en-US", "value": "no"}}}
    return web.json_response(body, status=status)


@dataclass(eq=False)
class Service:
    """Answers with `answers`, then with pages of one row until all of `rows` were given."""

    rows: list[str] = field(default_factory=lambda: ["r1", "r2", "r3"])
    answers: deque[web.Response] = field(default_factory=deque)
    asked: list[web.Request] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        if self.answers:
            return self.answers.popleft()
        number = int(request.query.get("NextRowKey", "0"))
        response = web.json_response({"value": [{"RowKey": self.rows[number]}]})
        response.headers["Date"] = "Mon, 23 Nov 2026 09:00:00 GMT"
        if number + 1 < len(self.rows):
            response.headers["x-ms-continuation-NextPartitionKey"] = "a/b c"
            response.headers["x-ms-continuation-NextRowKey"] = str(number + 1)
        return response


@pytest.fixture
async def service(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    monkeypatch.setattr(table_pages, "_BACKOFF_SECONDS", 0.0)
    service, app = Service(), web.Application()
    app.router.add_get("/{table}", service.answer)
    async with TestServer(app) as server:
        service.url = str(server.make_url("")).rstrip("/")
        yield service


async def read(service: Service, rows: RowRange = ROWS, credential: TableCredential = KEY) -> list[Page]:
    async with aiohttp.ClientSession() as session:
        endpoint = TableEndpoint(url=service.url, credential=credential)
        pages = HttpTablePages(endpoint, session, clock=FakeClock(), jitter=lambda: 0.0)
        return [page async for page in pages.pages(rows)]


def row_keys(pages: list[Page]) -> list[str]:
    return [row["RowKey"] for page in pages for row in json.loads(page.body)["value"]]


async def test_all_pages_are_read_and_dated(service: Service) -> None:
    """Each goes on where the one before says, letter by letter; and the service says when."""
    pages = await read(service)

    assert row_keys(pages) == ["r1", "r2", "r3"]
    assert {page.served_at for page in pages} == {datetime(2026, 11, 23, 9, tzinfo=UTC)}
    assert [request.query.get("NextPartitionKey") for request in service.asked] == [None, "a/b c", "a/b c"]


async def test_a_range_is_asked_for_as_a_filter(service: Service) -> None:
    """A quote in a key must not end it."""
    await read(service)
    query = service.asked[0].query

    assert query["$filter"] == "PartitionKey eq 'o''brien_t' and RowKey gt 'a' and RowKey lt 'z'"
    assert query["$select"] == "RowKey,calls"
    assert service.asked[0].headers["Authorization"].startswith("SharedKeyLite contoso:")


async def test_versions_are_asked_for_only_where_they_are_wanted(service: Service) -> None:
    """They make a page half as long again."""
    await read(service)
    await read(service, RowRange(table="rollups", with_versions=True))

    assert [service.asked[number].headers["Accept"].partition("odata=")[2] for number in (0, -1)] == [
        "nometadata",
        "minimalmetadata",
    ]


@pytest.mark.parametrize("trouble", [refuses(503, "ServerBusy"), refuses(500), refuses(429)])
async def test_passing_trouble_costs_a_try(service: Service, trouble: web.Response) -> None:
    """Reading twice is reading once."""
    service.answers.append(trouble)

    assert row_keys(await read(service)) == ["r1", "r2", "r3"]


async def test_a_service_that_stays_away_is_an_error(service: Service) -> None:
    """Half a table would be a cheap month."""
    service.answers.extend(refuses(503, "ServerBusy") for _ in range(10))
    with pytest.raises(StorageUnavailable, match="'usage' cannot be read: 503"):
        await read(service)

    assert len(service.asked) == 4


async def test_where_nobody_answers_it_is_an_error(service: Service) -> None:
    """As above."""
    service.url = "http://127.0.0.1:9"
    with pytest.raises(StorageUnavailable):
        await read(service)


async def test_a_table_that_is_not_there_is_empty(service: Service) -> None:
    """Nothing has been written yet: one page, which has a date."""
    service.answers.append(refuses(404, "TableNotFound"))
    pages = await read(service)

    assert row_keys(pages) == []
    assert len(pages) == 1


async def test_what_is_refused_is_told_at_once(service: Service) -> None:
    """A filter we have wrong stays wrong."""
    service.answers.append(refuses(400, "InvalidInput"))
    with pytest.raises(StorageRejected, match="400 InvalidInput"):
        await read(service)

    assert len(service.asked) == 1


async def test_a_key_that_is_not_accepted_is_told_as_such(service: Service) -> None:
    """The operator has a role to give."""
    service.answers.append(refuses(403, "AuthorizationFailure"))
    with pytest.raises(StorageNotAuthorized):
        await read(service)


async def test_a_token_that_is_not_accepted_is_renewed_once(service: Service) -> None:
    """It may have been taken back."""
    service.answers.append(refuses(401, "InvalidAuthenticationInfo"))

    assert row_keys(await read(service, credential=FakeCredential(FakeClock()))) == ["r1", "r2", "r3"]


async def test_a_sas_goes_into_the_url(service: Service) -> None:
    """Beside the filter."""
    await read(service, credential=AzureSasCredential("?sv=1&sig=a%2Bb"))

    assert service.asked[0].query["sig"] == "a+b"

"""Our errors as callers see them: the official client reads every one, and none tells what is the operator's."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterator

import openai
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from shared.domain import errors
from shared.domain.errors import LedgerError
from shared.web.errors import HTTP_ERRORS, answering_errors, error_response
from tests.web.asgi import running

SECRET = "AccountKey=c2VjcmV0"


def all_kinds(kind: type[LedgerError] = LedgerError) -> Iterator[type[LedgerError]]:
    """Yield every kind of error of ours there is."""
    yield kind
    for each in kind.__subclasses__():
        # A test's own kinds are none of the product's.
        if each.__module__.startswith("shared."):
            yield from all_kinds(each)


KINDS = sorted(all_kinds(), key=lambda kind: kind.__name__)
PRIVATE = [kind for kind in KINDS if issubclass(kind, errors.StorageError | errors.OurError)]


def test_the_table_has_every_error_and_no_other() -> None:
    """A kind that is missing is a KeyError at the edge, beyond which nothing may be raised."""
    assert set(HTTP_ERRORS) == set(KINDS)


def test_all_errors_are_declared_where_the_table_looks() -> None:
    """An error of another module is known only once that is imported; the table must not depend on it."""
    assert {kind.__module__ for kind in KINDS} == {"shared.domain.errors"}


def test_a_kind_has_a_code_of_its_own_and_a_status_of_its_family() -> None:
    """Callers branch on the code; the SDKs retry by the status, and what the caller got wrong stays wrong."""
    shared_codes = {errors.LedgerError.code}
    codes = [kind.code for kind in KINDS if kind.code not in shared_codes]

    assert len(codes) == len(set(codes))
    for kind, http in HTTP_ERRORS.items():
        assert (400 <= http.status < 500) == issubclass(kind, errors.CallerError)


class Endpoint:
    """An endpoint that raises what it is told to, or answers."""

    def __init__(self) -> None:
        self.failure: Exception | None = None

    @answering_errors
    async def __call__(self, request: Request) -> Response:
        if self.failure:
            raise self.failure
        return PlainTextResponse("ok")


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture
async def client(endpoint: Endpoint) -> AsyncIterator[openai.AsyncOpenAI]:
    """The official client of a server whose every answer is the endpoint's."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (await endpoint(Request(scope)))(scope, receive, send)

    async with running(app) as url, openai.AsyncOpenAI(base_url=url, api_key="x", max_retries=0) as client:
        yield client


EXCEPTIONS: dict[int, type[openai.APIStatusError]] = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    413: openai.APIStatusError,
    431: openai.APIStatusError,
    499: openai.APIStatusError,
    500: openai.InternalServerError,
    502: openai.InternalServerError,
    503: openai.InternalServerError,
    504: openai.InternalServerError,
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
async def test_the_official_client_raises_what_we_mean(
    kind: type[LedgerError], endpoint: Endpoint, client: openai.AsyncOpenAI
) -> None:
    """Its users catch AuthenticationError and read `code`; a body it cannot read is a riddle."""
    endpoint.failure = kind("names what is wrong, in “any” characters")
    with pytest.raises(openai.APIStatusError) as raised:
        await client.models.list()
    http, error = HTTP_ERRORS[kind], raised.value

    assert type(error) is EXCEPTIONS[http.status]
    assert (error.status_code, error.code, error.type, error.param) == (http.status, kind.code, http.type, None)
    assert isinstance(error.body, dict)
    message = error.body["message"]
    assert message == str(endpoint.failure) if kind not in {*PRIVATE, LedgerError} else message


async def test_the_official_client_tries_again_what_may_succeed_later(endpoint: Endpoint) -> None:
    """It waits as long as `retry-after` says: an overloaded ledger is not helped by haste."""
    response = error_response(errors.StorageUnavailable("down"))

    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert "retry-after" not in error_response(errors.MalformedRequest("no")).headers


def test_who_is_not_proved_is_told_how_to_prove_itself() -> None:
    """A 401 without a challenge is no HTTP. https://www.rfc-editor.org/rfc/rfc9110#section-15.5.2"""
    assert error_response(errors.PrincipalNotProved("no")).headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("kind", PRIVATE, ids=lambda kind: kind.__name__)
async def test_what_is_the_operators_never_reaches_the_caller(
    kind: type[LedgerError], endpoint: Endpoint, client: openai.AsyncOpenAI, caplog: pytest.LogCaptureFixture
) -> None:
    """Table names, accounts and settings are no caller's business; the operator reads them in the log."""
    endpoint.failure = kind(SECRET)
    with pytest.raises(openai.APIStatusError) as raised:
        await client.models.list()

    assert SECRET not in raised.value.response.text
    assert SECRET not in str(raised.value.response.headers)
    assert any(SECRET in str(record.__dict__) for record in caplog.records)


async def test_what_nobody_expected_is_an_error_that_clients_can_read(
    endpoint: Endpoint, client: openai.AsyncOpenAI, caplog: pytest.LogCaptureFixture
) -> None:
    """And the operator gets the trace, which the caller does not."""
    endpoint.failure = KeyError(SECRET)
    with pytest.raises(openai.InternalServerError) as raised:
        await client.models.list()
    (logged,) = (record for record in caplog.records if record.message == "call.failed")

    assert raised.value.code == "internal_error"
    assert raised.value.response.headers["content-type"] == "application/json"
    for told in (SECRET, "KeyError", "Traceback", "test_errors"):
        assert told not in raised.value.response.text
    assert logged.levelno == logging.ERROR
    assert logged.exc_info


async def test_what_the_caller_got_wrong_is_not_logged(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    """It is told, and anybody could fill the log with it."""
    endpoint.failure = errors.MalformedRequest("the path does not stay below /openai/")
    await endpoint(Request({"type": "http"}))

    assert not caplog.records


async def test_an_answer_goes_through_as_it_is(endpoint: Endpoint) -> None:
    """The edge is for errors alone."""
    response = await endpoint(Request({"type": "http"}))

    assert (response.status_code, response.body) == (200, b"ok")


def test_an_error_without_a_message_says_its_code() -> None:
    """An empty message in a client's traceback helps nobody."""
    body = json.loads(bytes(error_response(errors.UpstreamCut()).body))

    assert "upstream_cut" in body["error"]["message"]

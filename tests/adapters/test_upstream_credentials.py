"""Our own credentials upstream: one token for many calls, renewed before anybody has to wait for it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

from shared.adapters.entra_token_source import RENEW_AHEAD_SECONDS
from shared.adapters.upstream_credentials import ApiKey, CallersOwn, EntraToken
from shared.domain.errors import UpstreamNotAuthorized
from tests.fakes import FakeClock

SCOPE = "https://cognitiveservices.azure.com/.default"
HOUR = 3600


class Entra:
    """An AsyncTokenCredential: `t0p-secret-1` and on, for an hour each. Set `failure` to have it raise that."""

    def __init__(self, clock: FakeClock) -> None:
        self.scopes: list[str] = []
        self.failure: Exception | None = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self._clock = clock

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        self.scopes.extend(scopes)
        number = len(self.scopes)
        await self.may_answer.wait()
        await asyncio.sleep(0)
        if self.failure:
            raise self.failure
        return AccessToken(f"t0p-secret-{number}", int(self._clock.now().timestamp()) + HOUR)

    async def close(self) -> None: ...

    async def __aenter__(self) -> Entra:
        return self

    async def __aexit__(self, *_: object) -> None: ...


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def entra(clock: FakeClock) -> Entra:
    return Entra(clock)


@pytest.fixture
def credential(entra: Entra, clock: FakeClock) -> EntraToken:
    return EntraToken(entra, SCOPE, clock)


async def token_of(credential: EntraToken) -> str:
    """Return the token a call would show."""
    ((name, value),) = await credential.headers()
    assert name == "authorization"
    return value.removeprefix("Bearer ")


async def let_run() -> None:
    """Let what runs in the background run."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_key_goes_where_azure_reads_it() -> None:
    """Azure OpenAI takes a key in `api-key`, and refuses it as a bearer on most routes."""
    assert list(await ApiKey("k").headers()) == [("api-key", "k")]


async def test_where_callers_bring_their_own_we_add_nothing() -> None:
    """Two credentials on one request are an error, or worse: ours."""
    assert list(await CallersOwn().headers()) == []


async def test_many_at_once_fetch_one_token(credential: EntraToken, entra: Entra) -> None:
    """A cold worker gets a burst, and the identity endpoint throttles bursts."""
    tokens = await asyncio.gather(*(token_of(credential) for _ in range(50)))

    assert set(tokens) == {"t0p-secret-1"}
    assert entra.scopes == [SCOPE]


async def test_a_token_is_kept_while_it_is_good(credential: EntraToken, entra: Entra, clock: FakeClock) -> None:
    """A token a call would double what a call takes."""
    await token_of(credential)
    clock.advance(HOUR - RENEW_AHEAD_SECONDS)

    assert await token_of(credential) == "t0p-secret-1"
    await let_run()
    assert len(entra.scopes) == 1


async def test_it_is_renewed_ahead_while_calls_go_on_with_the_old(
    credential: EntraToken, entra: Entra, clock: FakeClock
) -> None:
    """No call waits for a renewal; and there is one, however many calls see that it is due."""
    await token_of(credential)
    clock.advance(HOUR - RENEW_AHEAD_SECONDS + 1)
    entra.may_answer.clear()
    async with asyncio.timeout(1):
        during = {await token_of(credential) for _ in range(20)}
        await let_run()
        during.add(await token_of(credential))
    entra.may_answer.set()
    await let_run()

    assert during == {"t0p-secret-1"}
    assert await token_of(credential) == "t0p-secret-2"
    assert len(entra.scopes) == 2


async def test_a_renewal_still_under_way_when_the_old_token_ends_is_waited_for(
    credential: EntraToken, entra: Entra, clock: FakeClock
) -> None:
    """An expired token must not go out, and a second request for a new one would help nobody."""
    await token_of(credential)
    clock.advance(HOUR - 1)
    entra.may_answer.clear()
    await token_of(credential)
    await let_run()
    clock.advance(1)
    waiting = asyncio.create_task(token_of(credential))
    await let_run()
    was_waiting = not waiting.done()
    entra.may_answer.set()

    assert was_waiting
    assert await waiting == "t0p-secret-2"
    assert len(entra.scopes) == 2


@pytest.mark.parametrize("failure", [ClientAuthenticationError("no identity"), ServiceRequestError("no endpoint")])
async def test_a_failed_renewal_does_no_harm_while_the_old_token_lasts(
    credential: EntraToken, entra: Entra, clock: FakeClock, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """An outage of Entra shorter than ten minutes is nobody's outage; the operator sees it coming."""
    await token_of(credential)
    clock.advance(HOUR - 1)
    entra.failure = failure
    for _ in range(3):
        assert await token_of(credential) == "t0p-secret-1"
        await let_run()

    assert {record.message for record in caplog.records} == {"token.not_renewed"}
    assert caplog.records[0].__dict__["reason"] == type(failure).__name__


async def test_without_a_token_that_is_good_a_call_is_not_authorized(
    credential: EntraToken, entra: Entra, clock: FakeClock
) -> None:
    """Neither an expired token goes out nor none; and once Entra is back, so are we."""
    await token_of(credential)
    clock.advance(HOUR)
    entra.failure = ClientAuthenticationError("gone")
    with pytest.raises(UpstreamNotAuthorized):
        await token_of(credential)
    entra.failure = None

    assert await token_of(credential) == "t0p-secret-3"


async def test_many_that_fail_at_once_all_learn_of_it(credential: EntraToken, entra: Entra) -> None:
    """One request for all must not leave all but one hanging."""
    entra.failure = ClientAuthenticationError("gone")
    async with asyncio.timeout(1):
        failures = await asyncio.gather(*(token_of(credential) for _ in range(20)), return_exceptions=True)

    assert {type(failure) for failure in failures} == {UpstreamNotAuthorized}
    assert len(entra.scopes) == 1


async def test_a_caller_who_goes_does_not_take_the_token_from_the_others(credential: EntraToken, entra: Entra) -> None:
    """The first to ask is who started it, and hangs up like anybody else."""
    entra.may_answer.clear()
    first = asyncio.create_task(token_of(credential))
    await let_run()
    others = [asyncio.create_task(token_of(credential)) for _ in range(5)]
    await let_run()
    first.cancel()
    await let_run()
    entra.may_answer.set()

    assert set(await asyncio.gather(*others)) == {"t0p-secret-1"}
    assert first.cancelled()


async def test_no_token_reaches_a_log_or_an_error(
    credential: EntraToken, entra: Entra, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Who reads the log could call as us."""
    caplog.set_level(logging.DEBUG)
    await token_of(credential)
    clock.advance(HOUR)
    entra.failure = ClientAuthenticationError("gone")
    with pytest.raises(UpstreamNotAuthorized) as raised:
        await token_of(credential)
    await let_run()
    told = [str(raised.value), repr(raised.value), *(str(record.__dict__) for record in caplog.records)]

    assert caplog.records
    assert not any("t0p-secret" in each for each in told)

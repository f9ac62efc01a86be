"""Entra's signing keys, from a real server: when they are asked for, and what is taken."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from jwt.utils import to_base64url_uint

from shared.adapters.entra_signing_keys import EntraSigningKeys
from shared.domain.errors import KeysUnavailable
from tests.adapters.entra import OTHER_TENANT, TENANT, Entra, jwk, rsa_key
from tests.fakes import FakeClock

DAY = 24 * 3600
_TOO_LARGE = json.dumps({"keys": [jwk("second")]}).encode() + b" " * (1 << 20)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def entra() -> AsyncIterator[Entra]:
    entra = Entra()
    await entra.server.start_server()
    yield entra
    await entra.server.close()


@pytest.fixture
async def keys(entra: Entra, clock: FakeClock) -> AsyncIterator[EntraSigningKeys]:
    async with aiohttp.ClientSession() as session:
        yield EntraSigningKeys(authority=entra.authority, session=session, clock=clock)


async def test_the_key_is_the_one_published(keys: EntraSigningKeys) -> None:
    """All proof of tokens hangs on it."""
    found = await keys.find(TENANT, "first")

    assert found is not None
    assert found.public_numbers() == rsa_key("first").public_key().public_numbers()


async def test_keys_are_asked_for_once_by_many_at_once(keys: EntraSigningKeys, entra: Entra) -> None:
    """A cold worker gets a burst of calls."""
    await asyncio.gather(*(keys.find(TENANT, "first") for _ in range(50)))

    assert entra.asked == [TENANT]


async def test_each_tenant_has_its_own_keys(keys: EntraSigningKeys, entra: Entra) -> None:
    """A key of one tenant must not sign for another."""
    await keys.find(TENANT, "first")
    await keys.find(OTHER_TENANT, "first")

    assert entra.asked == [TENANT, OTHER_TENANT]


async def test_keys_are_kept_for_a_day(keys: EntraSigningKeys, entra: Entra, clock: FakeClock) -> None:
    """Long enough to cost nothing, short enough to drop a key Entra has withdrawn."""
    await keys.find(TENANT, "first")
    clock.advance(DAY - 1)
    await keys.find(TENANT, "first")
    entra.keys = [jwk("second")]

    assert len(entra.asked) == 1

    clock.advance(1)

    assert await keys.find(TENANT, "first") is None
    assert len(entra.asked) == 2


async def test_a_rotated_key_is_found_without_a_restart(keys: EntraSigningKeys, entra: Entra, clock: FakeClock) -> None:
    """Entra changes its keys unannounced."""
    await keys.find(TENANT, "first")
    entra.keys = [jwk("first"), jwk("second")]
    clock.advance(300)

    assert await keys.find(TENANT, "second") is not None
    assert len(entra.asked) == 2


async def test_unknown_keys_make_one_refresh_in_five_minutes(
    keys: EntraSigningKeys, entra: Entra, clock: FakeClock
) -> None:
    """Whoever invents key ids must not make us flood Entra."""
    await keys.find(TENANT, "first")
    clock.advance(300)
    found = await asyncio.gather(*(keys.find(TENANT, f"invented-{number}") for number in range(50)))
    clock.advance(299)
    found.append(await keys.find(TENANT, "invented"))

    assert set(found) == {None}
    assert len(entra.asked) == 2

    clock.advance(1)
    await keys.find(TENANT, "invented")

    assert len(entra.asked) == 3


@pytest.mark.parametrize(
    "change",
    [{"status": 500}, {"status": 302}, {"body": b"<html>"}, {"body": b"{}"}, {"keys": []}, {"body": _TOO_LARGE}],
    ids=lambda change: str(change)[:40],
)
async def test_keys_held_stay_good_when_entra_does_not_answer(
    keys: EntraSigningKeys, entra: Entra, clock: FakeClock, caplog: pytest.LogCaptureFixture, change: dict[str, Any]
) -> None:
    """An outage of Entra must not become ours, nor each call wait for it."""
    await keys.find(TENANT, "first")
    vars(entra).update(change)
    clock.advance(DAY)
    with caplog.at_level(logging.WARNING):
        found = [await keys.find(TENANT, "first") for _ in range(3)]

    assert None not in found
    assert len(entra.asked) == 2
    assert [record.message for record in caplog.records] == ["signing_keys.not_fetched"]


async def test_with_no_keys_at_all_entra_is_asked_again_soon(
    keys: EntraSigningKeys, entra: Entra, clock: FakeClock
) -> None:
    """Nothing can be checked until it answers; but a burst of calls must not wait in line for it."""
    entra.status = 503
    refused = await asyncio.gather(*(keys.find(TENANT, "first") for _ in range(20)), return_exceptions=True)
    entra.status = 200

    assert {type(error) for error in refused} == {KeysUnavailable}
    assert len(entra.asked) == 1
    with pytest.raises(KeysUnavailable):
        await keys.find(TENANT, "first")

    clock.advance(5)

    assert await keys.find(TENANT, "first") is not None


async def test_entra_out_of_reach_is_keys_unavailable(clock: FakeClock, unused_tcp_port: int) -> None:
    """Nobody listens: no DNS, no route, no firewall rule."""
    async with aiohttp.ClientSession() as session:
        keys = EntraSigningKeys(authority=f"http://127.0.0.1:{unused_tcp_port}", session=session, clock=clock)
        with pytest.raises(KeysUnavailable):
            await keys.find(TENANT, "first")


async def test_a_caller_that_hangs_up_does_not_bar_the_next(keys: EntraSigningKeys, entra: Entra) -> None:
    """The fetch dies with the call that made it; the next one makes its own."""
    first = asyncio.create_task(keys.find(TENANT, "first"))
    while not entra.asked:
        await asyncio.sleep(0)
    first.cancel()

    assert await keys.find(TENANT, "first") is not None
    assert len(entra.asked) == 2


@pytest.mark.parametrize(
    "odd",
    [
        jwk("odd", kty="EC"),
        jwk("odd", use="enc"),
        jwk("odd", use=7),
        jwk("odd", n="not base64!"),
        jwk("odd", n=""),
        jwk("odd", e="AA"),
        jwk("odd", issuer="https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"),
        {**jwk("odd"), "n": None},
        {"kty": "RSA"},
        "odd",
        None,
    ],
    ids=lambda odd: json.dumps(odd)[:60],
)
async def test_a_key_that_cannot_be_used_is_passed_over(keys: EntraSigningKeys, entra: Entra, odd: object) -> None:
    """Entra may publish keys of other kinds any day; the ones we know must go on working."""
    entra.keys = [odd, jwk("first")]

    assert await keys.find(TENANT, "odd") is None
    assert await keys.find(TENANT, "first") is not None


async def test_a_short_key_is_passed_over(keys: EntraSigningKeys, entra: Entra) -> None:
    """RS256 with fewer than 2048 bits is no proof."""
    numbers = rsa_key("short", 1024).public_key().public_numbers()
    entra.keys = [jwk("first"), jwk("first", kid="short", n=_base64url_of(numbers.n))]

    assert await keys.find(TENANT, "short") is None


@pytest.mark.parametrize("issuer", [None, f"https://login.microsoftonline.com/{TENANT}/v2.0"])
async def test_a_key_for_the_tenant_is_taken(keys: EntraSigningKeys, entra: Entra, issuer: str | None) -> None:
    """The issuer is a limit where it is given, and no limit where it is not."""
    entra.keys = [jwk("first", issuer=issuer)]

    assert await keys.find(TENANT, "first") is not None


def _base64url_of(number: int) -> str:
    return to_base64url_uint(number).decode()

"""Gateway keys held for a minute."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from shared.adapters.gateway_key_cache import GatewayKeyCache
from shared.domain.errors import StorageRejected, StorageUnavailable
from shared.domain.gateway_key import GatewayKey, hash_key
from shared.domain.principal import Principal
from tests.fakes import FakeClock, FakeGatewayKeys

CLOCK_START = FakeClock().now()
KEY = GatewayKey(key_hash=hash_key("aoai-a"), principal=Principal.from_name("dev"), issued_at=CLOCK_START)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def stored() -> FakeGatewayKeys:
    return FakeGatewayKeys(KEY)


@pytest.fixture
def cache(stored: FakeGatewayKeys, clock: FakeClock) -> GatewayKeyCache:
    return GatewayKeyCache(stored, clock)


async def test_a_key_found_is_asked_for_again_after_a_minute(
    cache: GatewayKeyCache, stored: FakeGatewayKeys, clock: FakeClock
) -> None:
    """A revoked key stops within that minute; a call does not wait for storage."""
    await cache.find(KEY.key_hash)
    stored.held[KEY.key_hash] = replace(KEY, revoked_at=clock.now())
    clock.advance(59)
    before = await cache.find(KEY.key_hash)
    finds = stored.finds
    clock.advance(1)
    after = await cache.find(KEY.key_hash)

    assert before is not None
    assert before.revoked_at is None
    assert finds == 1
    assert after is not None
    assert after.revoked_at is not None


async def test_a_key_not_found_is_asked_for_again_after_five_seconds(
    cache: GatewayKeyCache, stored: FakeGatewayKeys, clock: FakeClock
) -> None:
    """A key issued a moment ago works a moment later; a flood of wrong keys does not reach storage."""
    del stored.held[KEY.key_hash]
    await cache.find(KEY.key_hash)
    stored.held[KEY.key_hash] = KEY
    clock.advance(4)
    before = await cache.find(KEY.key_hash)
    finds = stored.finds
    clock.advance(1)

    assert before is None
    assert finds == 1
    assert await cache.find(KEY.key_hash) == KEY


async def test_many_at_once_ask_storage_once(cache: GatewayKeyCache, stored: FakeGatewayKeys) -> None:
    """A cold worker gets a burst of calls with the same key."""
    await asyncio.gather(*(cache.find(KEY.key_hash) for _ in range(50)))

    assert stored.finds == 1


async def test_a_key_deleted_from_storage_is_forgotten(
    cache: GatewayKeyCache, stored: FakeGatewayKeys, clock: FakeClock
) -> None:
    """Deleting the row is a way to revoke, and it must hold while storage is down too."""
    await cache.find(KEY.key_hash)
    del stored.held[KEY.key_hash]
    clock.advance(60)
    gone = await cache.find(KEY.key_hash)
    stored.failure = StorageUnavailable("down")
    clock.advance(5)

    assert gone is None
    with pytest.raises(StorageUnavailable):
        await cache.find(KEY.key_hash)


async def test_a_flood_of_wrong_keys_pushes_no_right_one_out(cache: GatewayKeyCache, stored: FakeGatewayKeys) -> None:
    """Else anybody could make every call wait for storage."""
    await cache.find(KEY.key_hash)
    for number in range(5000):
        await cache.find(f"wrong{number}")
    finds = stored.finds
    await cache.find(KEY.key_hash)

    assert stored.finds == finds


async def test_a_key_held_stays_good_while_storage_is_down(
    cache: GatewayKeyCache, stored: FakeGatewayKeys, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """LEDGER_WHEN_UNAVAILABLE=allow would mean nothing to callers with keys; but not for ever."""
    await cache.find(KEY.key_hash)
    stored.failure = StorageUnavailable("down")
    clock.advance(60)
    with caplog.at_level(logging.WARNING):
        held = [await cache.find(KEY.key_hash) for _ in range(20)]
    finds = stored.finds
    clock.advance(840)

    assert {key and key.key_id for key in held} == {KEY.key_id}
    assert finds == 2
    assert [record.message for record in caplog.records] == ["gateway_key.not_refreshed"]
    with pytest.raises(StorageUnavailable):
        await cache.find(KEY.key_hash)


@pytest.mark.parametrize("failure", [StorageUnavailable("down"), StorageRejected("no")])
async def test_a_key_not_held_cannot_be_told_while_storage_fails(
    cache: GatewayKeyCache, stored: FakeGatewayKeys, failure: Exception
) -> None:
    """The caller must hear that we cannot say, not that its key is unknown."""
    stored.failure = failure  # type: ignore[assignment]

    with pytest.raises(type(failure)):
        await cache.find(KEY.key_hash)

    stored.failure = None

    assert await cache.find(KEY.key_hash) == KEY


async def test_the_last_use_is_written_once_an_hour(
    cache: GatewayKeyCache, stored: FakeGatewayKeys, clock: FakeClock
) -> None:
    """Often enough to see a key nobody uses, seldom enough to cost nothing."""
    written: list[datetime | None] = []
    for _ in range(130):
        await cache.find(KEY.key_hash)
        written.append(stored.held[KEY.key_hash].last_used_at)
        clock.advance(60)

    hour = timedelta(hours=1)
    assert sorted({at for at in written if at}) == [CLOCK_START, CLOCK_START + hour, CLOCK_START + 2 * hour]


async def test_a_use_another_worker_wrote_is_not_written_again(stored: FakeGatewayKeys, clock: FakeClock) -> None:
    """A hundred workers are to write as often as one."""
    for _ in range(3):
        await GatewayKeyCache(stored, clock).find(KEY.key_hash)
        clock.advance(60)

    assert stored.held[KEY.key_hash].last_used_at == CLOCK_START


async def test_a_key_that_opens_nothing_is_not_used(
    cache: GatewayKeyCache, stored: FakeGatewayKeys, clock: FakeClock
) -> None:
    """The last use tells whether somebody still depends on a key; a refused call does not."""
    stored.held[KEY.key_hash] = replace(KEY, revoked_at=clock.now())
    await cache.find(KEY.key_hash)

    assert stored.held[KEY.key_hash].last_used_at is None


@pytest.mark.parametrize("failure", [StorageUnavailable("down"), StorageRejected("no"), TimeoutError()])
async def test_a_last_use_that_cannot_be_written_costs_nobody_the_call(
    stored: FakeGatewayKeys,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    failure: Exception,
) -> None:
    """It is a nicety; the call is what the gate is for."""

    async def fails(key_hash: str, used_at: datetime) -> None:
        raise failure

    monkeypatch.setattr(stored, "mark_used", fails)
    with caplog.at_level(logging.WARNING):
        found = await GatewayKeyCache(stored, clock).find(KEY.key_hash)

    assert found == KEY
    assert [record.message for record in caplog.records] == ["gateway_key.last_use_not_written"]
    assert KEY.key_hash not in caplog.text


async def test_a_key_put_through_the_cache_is_seen_at_once(cache: GatewayKeyCache, clock: FakeClock) -> None:
    """The worker that revokes a key must not be the last to know."""
    await cache.find(KEY.key_hash)
    revoked = replace(KEY, revoked_at=clock.now())
    await cache.put(revoked)

    assert await cache.find(KEY.key_hash) == revoked
    assert await cache.all() == [revoked]

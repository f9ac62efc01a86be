"""Gateway keys issued, listed and revoked."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from shared.domain.errors import KeyNotFound, StorageUnavailable
from shared.domain.gateway_key import hash_key
from shared.domain.principal import Principal
from shared.usecases.identify_principal import Credentials, IdentifyPrincipal
from shared.usecases.manage_keys import ManageKeys
from tests.fakes import FakeClock, FakeGatewayKeys

DEV = Principal.from_name("dev")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def stored() -> FakeGatewayKeys:
    return FakeGatewayKeys()


@pytest.fixture
def manage(stored: FakeGatewayKeys, clock: FakeClock) -> ManageKeys:
    return ManageKeys(keys=stored, clock=clock)


async def test_an_issued_key_opens_the_gate_and_says_which_key_it_was(
    manage: ManageKeys, stored: FakeGatewayKeys, clock: FakeClock
) -> None:
    """The record of a call names the key, so that a leaked one can be traced."""
    issued = await manage.issue(DEV, lifetime=timedelta(days=1))
    identified = await IdentifyPrincipal(keys=stored, clock=clock)(Credentials(api_key=issued.secret))

    assert identified.principal.object_id == "dev"
    assert identified.principal.key_id == issued.key.key_id
    assert issued.key.issued_at == clock.now()
    assert issued.key.expires_at == clock.now() + timedelta(days=1)


async def test_every_key_is_another_256_random_bits(manage: ManageKeys) -> None:
    """A fast hash is only enough because there is nothing to guess."""
    secrets = {(await manage.issue(DEV)).secret for _ in range(50)}

    assert len(secrets) == 50
    assert all(re.fullmatch(r"aoai-[A-Za-z0-9_-]{43}", secret) for secret in secrets)


async def test_the_key_itself_is_kept_nowhere(manage: ManageKeys, stored: FakeGatewayKeys) -> None:
    """Neither in storage nor in what may be logged."""
    issued = await manage.issue(DEV)

    assert issued.secret not in repr(stored.held)
    assert issued.secret not in repr(issued)
    assert issued.key.key_hash == hash_key(issued.secret)


async def test_a_key_that_was_not_kept_is_not_issued(manage: ManageKeys, stored: FakeGatewayKeys) -> None:
    """An operator would hand out a key that opens nothing."""
    stored.failure = StorageUnavailable("down")

    with pytest.raises(StorageUnavailable):
        await manage.issue(DEV)


@pytest.mark.parametrize("length", [8, 12])
async def test_a_key_is_revoked_by_its_id_or_the_start_of_it(manage: ManageKeys, clock: FakeClock, length: int) -> None:
    """From now on, and only that key."""
    other = (await manage.issue(DEV)).key
    issued = (await manage.issue(DEV)).key
    clock.advance(60)
    revoked = await manage.revoke(issued.key_id[:length])
    still_good = [key.key_id for key in await manage.list_all() if key.revoked_at is None]

    assert revoked.key_hash == issued.key_hash
    assert revoked.revoked_at == clock.now()
    assert still_good == [other.key_id]


async def test_a_leaked_key_is_revoked_by_itself(manage: ManageKeys) -> None:
    """Whoever finds one in a repository has nothing else of it."""
    issued = await manage.issue(DEV)

    assert (await manage.revoke(issued.secret)).key_id == issued.key.key_id


async def test_a_key_revoked_twice_stays_revoked_since_the_first_time(manage: ManageKeys, clock: FakeClock) -> None:
    """Since when it opened nothing is a fact."""
    issued = (await manage.issue(DEV)).key
    first = await manage.revoke(issued.key_id)
    clock.advance(60)

    assert await manage.revoke(issued.key_id) == first


@pytest.mark.parametrize("unknown", ["", "ffffffffffff0", "aoai-unknown"])
async def test_an_id_nobody_has_is_told(manage: ManageKeys, unknown: str) -> None:
    """A typo must not look like a revoked key, and a key must not come back in a message."""
    await manage.issue(DEV)

    with pytest.raises(KeyNotFound, match="no gateway key has the id") as missing:
        await manage.revoke(unknown)

    assert "aoai-" not in str(missing.value)


async def test_an_id_that_two_keys_have_revokes_neither(manage: ManageKeys) -> None:
    """Seventeen keys cannot all begin with another of sixteen letters."""
    issued = [(await manage.issue(DEV)).key for _ in range(17)]
    first_letters = [key.key_id[0] for key in issued]
    shared_letter = max(first_letters, key=first_letters.count)

    with pytest.raises(KeyNotFound, match="give the whole id"):
        await manage.revoke(shared_letter)

    assert all(key.revoked_at is None for key in await manage.list_all())

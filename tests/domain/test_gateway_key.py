"""Gateway keys: what we know of one without having it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.gateway_key import GatewayKey, KeyState, hash_key, is_gateway_key, key_id
from shared.domain.principal import Principal

ISSUED = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LATER = ISSUED + timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)


def key(*, expires_at: datetime | None = None, revoked_at: datetime | None = None) -> GatewayKey:
    return GatewayKey(
        key_hash=hash_key("aoai-secret"),
        principal=Principal.from_name("dev"),
        issued_at=ISSUED,
        expires_at=expires_at,
        revoked_at=revoked_at,
    )


@pytest.mark.parametrize(
    ("held", "at", "state"),
    [
        (key(), LATER, KeyState.ACTIVE),
        (key(expires_at=LATER), LATER - MICROSECOND, KeyState.ACTIVE),
        (key(expires_at=LATER), LATER, KeyState.EXPIRED),
        (key(revoked_at=LATER), LATER - MICROSECOND, KeyState.ACTIVE),
        (key(revoked_at=LATER), LATER, KeyState.REVOKED),
        (key(revoked_at=LATER, expires_at=ISSUED), LATER, KeyState.REVOKED),
    ],
)
def test_a_key_ends_at_the_very_moment_it_says(held: GatewayKey, at: datetime, state: KeyState) -> None:
    """Off by one here is a key that opens the gate after its end."""
    assert held.state_at(at) is state


def test_the_id_is_the_start_of_the_hash_and_says_nothing_of_the_key() -> None:
    """Ids are in logs and lists."""
    assert hash_key("aoai-secret").startswith(key().key_id)
    assert key().key_id == key_id(hash_key("aoai-secret"))
    assert len(key().key_id) == 12


@pytest.mark.parametrize(
    ("credential", "ours"),
    [("aoai-x", True), ("aoai-", True), ("AOAI-x", False), ("", False), ("0123456789abcdef0123456789abcdef", False)],
)
def test_our_keys_are_told_from_azures(credential: str, *, ours: bool) -> None:
    """Azure's own key beside ours is none of our business."""
    assert is_gateway_key(credential) is ours


def test_any_text_a_header_may_hold_has_a_hash() -> None:
    """A lone surrogate must not break the lookup."""
    assert len(hash_key("aoai-\udcff")) == 64

"""A bounded cache whose entries expire."""

from __future__ import annotations

from shared.adapters.expiring_cache import ExpiringCache


def test_an_entry_lives_until_its_time_and_not_a_moment_longer() -> None:
    """It holds what was proved; after its time that is proved no more."""
    cache: ExpiringCache[str, int] = ExpiringCache(2)
    cache.put("a", 1, expires_at=10)

    assert cache.get("a", 9.999) == 1
    assert cache.get("a", 10) is None
    assert len(cache) == 0


def test_the_one_not_asked_for_the_longest_makes_room() -> None:
    """Whoever sends many tokens must not fill the memory, nor push out the one in use."""
    cache: ExpiringCache[str, int] = ExpiringCache(2)
    cache.put("a", 1, expires_at=10)
    cache.put("b", 2, expires_at=10)
    cache.get("a", 0)
    cache.put("c", 3, expires_at=10)

    assert [cache.get(key, 0) for key in "abc"] == [1, None, 3]


def test_an_entry_put_again_replaces_the_old_one() -> None:
    """A key that was revoked must not stay good beside itself."""
    cache: ExpiringCache[str, int] = ExpiringCache(2)
    cache.put("a", 1, expires_at=10)
    cache.put("a", 2, expires_at=20)

    assert cache.get("a", 15) == 2
    assert len(cache) == 1


def test_what_is_dropped_is_gone_and_may_be_dropped_again() -> None:
    """Whoever drops need not know whether it was there."""
    cache: ExpiringCache[str, int] = ExpiringCache(2)
    cache.put("a", 1, expires_at=10)
    cache.drop("a")
    cache.drop("a")

    assert cache.get("a", 0) is None

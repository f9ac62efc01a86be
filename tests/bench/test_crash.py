"""A host that is killed again and again, as the bench does it, for as long as a test may take."""

from __future__ import annotations

from bench.crash import crash


def test_every_call_that_reached_upstream_has_one_row_whenever_the_host_was_killed() -> None:
    """The first promise. The bench makes a thousand calls over fifty kills; here the way is walked."""
    aftermath, kills = crash(calls=40, kills=4, seed=7)

    assert kills == 4
    assert aftermath.received.total() >= 40
    assert (aftermath.lost, aftermath.doubled, aftermath.open) == ([], [], 0)
    assert aftermath.outcomes["abandoned"] > 0

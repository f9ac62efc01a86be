"""Lines on their way: none is lost, doubled or mixed with another, wherever a write is cut or fails."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from local.simulated_exports.outbox import Outbox
from local.simulated_exports.resource import ExportedBlob

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
BLOBS = [ExportedBlob(container="logs", name=name) for name in ("one", "two")]

# After how many seconds a line is due, in which blob, and after how many blocks the write behind it fails.
sent_lines = st.lists(st.tuples(st.integers(0, 20), st.sampled_from(BLOBS), st.integers(0, 4)), max_size=40)


@given(sent_lines, st.integers(0, 1000))
def test_each_blob_has_its_lines_whole_and_once(lines: list[tuple[int, ExportedBlob, int]], seed: int) -> None:
    """Storage fails in the middle of a blob, and the next write goes on where it stopped."""
    outbox = Outbox(random.Random(seed))
    written = {blob: bytearray() for blob in BLOBS}
    for number, (seconds, blob, blocks_until_failure) in enumerate(lines):
        outbox.add(blob, _line(number), NOON + timedelta(seconds=seconds))
        _write(outbox, written, NOON + timedelta(seconds=number), blocks_until_failure)
    _write(outbox, written, None, None)

    for blob in BLOBS:
        sent = [_line(number) for number, (_, line_blob, _) in enumerate(lines) if line_blob == blob]
        assert sorted(bytes(written[blob]).splitlines(keepends=True)) == sorted(sent)


def test_lines_are_written_in_the_order_they_are_due_in_and_not_before() -> None:
    """Which is not that of the events: a late line stands behind younger ones."""
    outbox = Outbox(random.Random(1))
    written = {blob: bytearray() for blob in BLOBS}
    for number, seconds in enumerate([9, 2, 5]):
        outbox.add(BLOBS[0], _line(number), NOON + timedelta(seconds=seconds))
    _write(outbox, written, NOON + timedelta(seconds=1), None)
    early = bytes(written[BLOBS[0]])
    _write(outbox, written, None, None)

    assert early == b""
    assert bytes(written[BLOBS[0]]) == _line(1) + _line(2) + _line(0)


def _write(outbox: Outbox, written: dict[ExportedBlob, bytearray], until: datetime | None, most: int | None) -> None:
    for blob in outbox.ripen(until):
        for number, block in enumerate(outbox.blocks(blob, whole=until is None)):
            if number == most:
                return
            written[blob] += block


def _line(number: int) -> bytes:
    return f"{number:04}{'x' * 200}\n".encode()

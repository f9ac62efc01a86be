"""What the timer of reconciliation runs."""

from __future__ import annotations

import pytest

from shared.bootstrap.reconciling import reconcile_and_announce
from shared.domain.errors import StorageUnavailable


async def test_what_is_found_is_told_also_where_a_window_failed() -> None:
    """One hour that cannot be read must not keep an alarm of another back."""
    told = []

    async def reconcile() -> None:
        raise StorageUnavailable("down")

    async def announce() -> None:
        told.append("told")

    with pytest.raises(StorageUnavailable):
        await reconcile_and_announce(reconcile, announce)  # type: ignore[arg-type]

    assert told == ["told"]

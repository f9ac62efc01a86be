"""Takes rows of logs, somewhere people query them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from shared.domain.log_rows import LogValue


class LogSink(Protocol):
    """Takes rows of logs."""

    async def send(self, rows: Sequence[dict[str, LogValue]]) -> None:
        """
        Send rows. They may arrive more than once.

        Raises:
            StorageError: some of them may not have arrived.
        """
        ...

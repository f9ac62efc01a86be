"""Writes what calls used."""

from __future__ import annotations

from typing import Protocol

from shared.domain.usage_record import OpenCall, UsageRecord


class UsageLedger(Protocol):
    """Writes what calls used. Every write may be repeated without harm."""

    async def begin(self, call: OpenCall) -> None:
        """
        Make the beginning of a call durable.

        Raises:
            StorageError: it is not durable.
        """
        ...

    async def end(self, record: UsageRecord) -> None:
        """
        Make the end of a call durable: one row, which a repeated end replaces.

        Raises:
            StorageError: it is not durable.
        """
        ...

    async def abandon(self, record: UsageRecord) -> None:
        """
        Make the record of a call durable whose worker is gone. One that is there already stays: it knows more.

        Raises:
            StorageError: it is not durable.
        """
        ...

    async def withdraw(self, record: UsageRecord) -> None:
        """
        Take a record away again that was made of Azure's logs, for the call turned out to be ours.

        One that is not there is as good as taken away.

        Raises:
            StorageError: it is not known to be gone.
        """
        ...

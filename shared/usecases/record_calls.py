"""Record calls in storage; what it does not take in time, on this machine's disk until it does."""

from __future__ import annotations

import asyncio
import logging
from enum import StrEnum

from shared.domain.errors import StorageRejected, StorageUnavailable
from shared.domain.usage_record import OpenCall, Origin, UsageRecord
from shared.ports.spool import Spool
from shared.ports.usage_ledger import UsageLedger

logger = logging.getLogger(__name__)


class WhenUnavailable(StrEnum):
    """What becomes of a new call while the ledger cannot be written. Calls under way are spooled either way."""

    REFUSE = "refuse"  # it is not made
    ALLOW = "allow"  # it is made, and recorded later


class RecordCalls:
    """
    Fulfils UsageLedger in front of one that writes to storage.

    A call that is let through is on disk before anything is sent, so that no call is ever answered
    and unrecorded; DrainSpool records it later.
    """

    def __init__(self, *, stored: UsageLedger, spool: Spool, when_unavailable: WhenUnavailable) -> None:
        self._stored = stored
        self._spool = spool
        self._when_unavailable = when_unavailable
        # Calls whose beginning is in the spool: if storage takes their end, that must go.
        self._begun_in_spool: set[str] = set()

    async def begin(self, call: OpenCall) -> None:
        """
        Make the beginning of a call durable, in storage or, where that is allowed, on disk.

        Raises:
            StorageUnavailable: it is neither here nor there.
            StorageRejected: storage refuses this call's row, and would refuse its end.
        """
        try:
            await self._stored.begin(call)
        except StorageUnavailable:
            if self._when_unavailable is WhenUnavailable.REFUSE:
                raise
            await self._spool_beginning(call)

    async def end(self, record: UsageRecord) -> None:
        """
        Make the end of a call durable, in storage or on disk; of one that only Azure's logs tell of, in storage.

        Raises:
            StorageUnavailable: it is neither here nor there.
            StorageRejected: storage will never take this row; it is set aside.
        """
        if record.origin is Origin.AZURE_LOGS:
            # Whoever found that it went round the gate finds it again. Kept here it could be written when it is known
            # by then to be another's call, and by nobody looked at any more.
            await self._stored.end(record)
            return
        try:
            await self._stored.end(record)
        except StorageUnavailable:
            # In the place of its beginning, if that is there.
            await self._spool.keep(record)
            self._begun_in_spool.discard(record.call.call_id)
        except StorageRejected as error:
            await set_aside(self._spool, record, error)
            raise
        else:
            await self._drop_beginning(record.call.call_id)

    async def abandon(self, record: UsageRecord) -> None:
        """See UsageLedger. Whoever found it abandoned finds it again, so it is not spooled."""
        await self._stored.abandon(record)

    async def withdraw(self, record: UsageRecord) -> None:
        """See UsageLedger. Whoever found that it is ours finds it again, so it is not spooled."""
        await self._stored.withdraw(record)

    async def _spool_beginning(self, call: OpenCall) -> None:
        self._begun_in_spool.add(call.call_id)
        keeping = asyncio.ensure_future(self._spool.keep(call))
        try:
            await asyncio.shield(keeping)
        except StorageUnavailable:
            self._begun_in_spool.discard(call.call_id)
            raise
        except asyncio.CancelledError:
            # The caller has gone and nothing is sent, but the disk writes on: what it wrote must go.
            await asyncio.gather(keeping, return_exceptions=True)
            await self._drop_beginning(call.call_id)
            raise

    async def _drop_beginning(self, call_id: str) -> None:
        if call_id not in self._begun_in_spool:
            return
        self._begun_in_spool.discard(call_id)
        try:
            await self._spool.drop(call_id)
        except StorageUnavailable as error:
            # When this process is gone it is taken for abandoned, which changes no row that is there.
            logger.warning("spool.not_dropped", extra={"call_id": call_id, "reason": str(error)})


async def set_aside(spool: Spool, record: UsageRecord, error: StorageRejected) -> None:
    """Keep a record that storage will never take for the operator to look at, and say so. Never raises."""
    extra = {"call_id": record.call.call_id, "reason": str(error)}
    try:
        await spool.set_aside(record)
    except StorageUnavailable as failure:
        logger.error("usage.lost", extra=extra | {"not_kept": str(failure)})  # noqa: TRY400 - an event
    else:
        logger.error("usage.set_aside", extra=extra)

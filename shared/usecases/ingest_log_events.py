"""Ingest log events: what a diagnostic setting sends to an Event Hub, the same lines in an envelope."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable

from shared.domain.errors import LineUnreadable
from shared.domain.logs.line_reading import records_of
from shared.domain.logs.reading import DeadLetter, Ingested, LogBlob, LogLine
from shared.ports.logs import DeadLetters
from shared.usecases.store_log_lines import StoreLogLines

logger = logging.getLogger(__name__)

# No storage account has such a name.
_ACCOUNT = "event-hub"


class IngestLogEvents:
    """An event may come any number of times: its dead letters are kept under the hash of what it says."""

    def __init__(self, *, store: StoreLogLines, dead_letters: DeadLetters) -> None:
        self._store = store
        self._dead_letters = dead_letters

    async def __call__(self, hub: str, bodies: Iterable[bytes]) -> Ingested:
        """
        Ingest events of a hub, and return what came of them, each as a blob.

        Raises:
            StorageError: let the events come again.
        """
        done = Ingested()
        for body in bodies:
            done += await self._ingest(hub, body)
        return done

    async def _ingest(self, hub: str, body: bytes) -> Ingested:
        done, letters = await self._read(body)
        if letters:
            event = LogBlob(account=_ACCOUNT, container=hub, name=hashlib.sha256(body).hexdigest())
            await self._dead_letters.keep(event, letters, 0)
            extra = {"container": hub, "blob": event.name, "lines": len(letters), "reason": letters[0].reason}
            logger.warning("logblob.dead_letters", extra=extra)
        return done + Ingested(blobs=1)

    async def _read(self, body: bytes) -> tuple[Ingested, list[DeadLetter]]:
        try:
            records = records_of(body)
        except LineUnreadable as error:
            return Ingested(lines=1, dead_letters=1), [DeadLetter(LogLine(0, body), str(error))]
        # The place of a record is its number in the event.
        return await self._store([LogLine(number, record) for number, record in enumerate(records)])

"""What logs are kept in, wherever they are read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from azure.data.tables.aio import TableServiceClient
from azure.storage.blob.aio import BlobServiceClient

from shared.adapters.blob_dead_letters import BlobDeadLetters
from shared.adapters.table_checkpoints import TABLE as CHECKPOINTS_TABLE
from shared.adapters.table_checkpoints import TableCheckpoints
from shared.adapters.table_log_store import TableLogStore
from shared.adapters.table_transactions import TableTransactions
from shared.adapters.table_windows import TABLE as WINDOWS_TABLE
from shared.adapters.table_windows import TableWindows
from shared.ports.logs import LogBlobs
from shared.usecases.ingest_log_blob import IngestLogBlob
from shared.usecases.ingest_log_events import IngestLogEvents
from shared.usecases.mark_windows import MarkLoggedWindows
from shared.usecases.store_log_lines import StoreLogLines


@dataclass(frozen=True, slots=True, kw_only=True)
class LogIngestion:
    """What logs are kept in, wherever they are read from."""

    checkpoints: TableCheckpoints
    store: StoreLogLines
    dead_letters: BlobDeadLetters

    @classmethod
    def over(cls, tables: TableServiceClient, transactions: TableTransactions, blobs: BlobServiceClient) -> Self:
        """Return it over the ledger's tables and blobs, which whoever opened them closes."""
        return cls(
            checkpoints=TableCheckpoints(tables.get_table_client(CHECKPOINTS_TABLE)),
            store=StoreLogLines(
                MarkLoggedWindows(
                    TableLogStore(tables, transactions), TableWindows(tables.get_table_client(WINDOWS_TABLE))
                )
            ),
            dead_letters=BlobDeadLetters(blobs),
        )

    def of_blobs(self, blobs: LogBlobs) -> IngestLogBlob:
        """Return what reads a blob of these."""
        return IngestLogBlob(
            blobs=blobs, checkpoints=self.checkpoints, store=self.store, dead_letters=self.dead_letters
        )

    def of_events(self) -> IngestLogEvents:
        """Return what reads events."""
        return IngestLogEvents(store=self.store, dead_letters=self.dead_letters)

"""Azurite, Microsoft's storage emulator, as a child process: blobs, queues and tables on free ports."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.child import Child
from local.errors import NotInstalled
from local.node import node_executable

_LOCAL = Path(__file__).parent
_ENTRY = _LOCAL / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
_START_SECONDS = 60.0

# The account every emulator has, the same everywhere and no secret.
# https://learn.microsoft.com/azure/storage/common/storage-use-azurite#well-known-storage-account-and-key
_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclass(frozen=True, slots=True, kw_only=True)
class Azurite:
    """A running emulator: the ports it answers on, and the process that does."""

    blob_port: int
    queue_port: int
    table_port: int
    process: Child

    @property
    def connection_string(self) -> str:
        """What the storage SDKs and AzureWebJobsStorage take."""
        endpoints = {"Blob": self.blob_port, "Queue": self.queue_port, "Table": self.table_port}
        parts = [f"{name}Endpoint=http://127.0.0.1:{port}/{_ACCOUNT};" for name, port in endpoints.items()]
        return f"DefaultEndpointsProtocol=http;AccountName={_ACCOUNT};AccountKey={_KEY};" + "".join(parts)


@contextmanager
def running_azurite(location: Path | None = None) -> Iterator[Azurite]:
    """
    Run Azurite until the context ends, its data in `location`, else in memory.

    Raises:
        NotInstalled: `make setup` has not been run.
        ChildFailed: it did not start.
    """
    with Child("Azurite", _command(location)) as process:
        blob, queue, table = (_port(process, service) for service in ("Blob", "Queue", "Table"))
        yield Azurite(blob_port=blob, queue_port=queue, table_port=table, process=process)


def _command(location: Path | None) -> list[str]:
    if not _ENTRY.exists():
        raise NotInstalled("Azurite is not in local/node_modules: run `make setup`")
    # Port 0: the system picks a free one, so there is no race for it. The storage SDKs speak newer
    # API versions than Azurite knows and get 400 InvalidHeaderValue unless it skips the check.
    ports = [argument for service in ("blob", "queue", "table") for argument in (f"--{service}Port", "0")]
    kept = ["--location", str(location)] if location else ["--inMemoryPersistence"]
    end_with_us = ["--require", str(_LOCAL / "end_with_parent.cjs")]
    options = ["--skipApiVersionCheck", "--silent", "--disableTelemetry"]
    return [str(node_executable()), *end_with_us, str(_ENTRY), *ports, *kept, *options]


def _port(process: Child, service: str) -> int:
    line = rf"Azurite {service} service is successfully listening at http://127\.0\.0\.1:(\d+)"
    return int(process.wait_for_line(line, _START_SECONDS)[1])

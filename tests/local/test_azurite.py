"""Azurite as the tests and `make run` use it."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient

from local import azurite as azurite_module
from local.azurite import Azurite, running_azurite
from local.errors import NotInstalled


def test_blobs_and_tables_answer_the_current_storage_sdks(azurite: Azurite) -> None:
    """The SDKs send newer API versions than the emulator knows; it must not refuse them."""
    with BlobServiceClient.from_connection_string(azurite.connection_string) as blobs:
        blobs.create_container("answers").upload_blob("blob", b"kept")
        content = blobs.get_blob_client("answers", "blob").download_blob().readall()
    with TableServiceClient.from_connection_string(azurite.connection_string) as tables:
        table = tables.create_table("answers")
        table.create_entity({"PartitionKey": "p", "RowKey": "r", "Kept": True})
        entity = table.get_entity("p", "r")

    assert content == b"kept"
    assert entity["Kept"] is True


def test_what_is_kept_in_a_folder_survives_a_restart(tmp_path: Path) -> None:
    """`make run` shows yesterday's usage."""
    with running_azurite(tmp_path) as first, _tables(first) as tables:
        tables.create_table("kept").create_entity({"PartitionKey": "p", "RowKey": "r"})
    with running_azurite(tmp_path) as second, _tables(second) as tables:
        entity = tables.get_table_client("kept").get_entity("p", "r")

    assert entity["RowKey"] == "r"


def test_two_at_once_share_neither_ports_nor_data(azurite: Azurite) -> None:
    """Test sessions run beside each other, and beside `make run`."""
    with running_azurite() as other, _tables(azurite) as ours, _tables(other) as theirs:
        ours.create_table("onlyours")
        with pytest.raises(ResourceNotFoundError):
            theirs.get_table_client("onlyours").create_entity({"PartitionKey": "p", "RowKey": "r"})


def test_it_ends_when_its_starter_is_killed() -> None:
    """A killed test run must not leave a server behind for every time it was started."""
    starter = subprocess.Popen([sys.executable, "-c", _STARTER], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    port = int(starter.stdout.readline())
    answered = _answers(port)
    starter.kill()
    starter.communicate()
    deadline = time.monotonic() + 30
    while _answers(port) and time.monotonic() < deadline:
        time.sleep(0.05)

    assert answered
    assert not _answers(port)


def test_it_says_what_to_do_when_it_is_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The first thing a newcomer may meet."""
    monkeypatch.setattr(azurite_module, "_ENTRY", tmp_path / "azurite.js")

    with pytest.raises(NotInstalled, match="make setup"), running_azurite():
        pass


_STARTER = """
import time
from local.azurite import running_azurite

with running_azurite() as azurite:
    print(azurite.blob_port, flush=True)
    time.sleep(60)
"""


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return False
    return True


def _tables(azurite: Azurite) -> TableServiceClient:
    return TableServiceClient.from_connection_string(azurite.connection_string)

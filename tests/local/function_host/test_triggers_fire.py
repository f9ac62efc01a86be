"""Timers and blob triggers, on our host and on the core of Microsoft's worker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from azure.storage.blob import ContainerClient

from local.azurite import Azurite
from tests.hosts import HOSTS
from tests.local.sample_app import running_sample


@pytest.mark.parametrize("host", HOSTS)
def test_a_timer_runs_at_startup_and_goes_on_after_a_failure(host: str, tmp_path: Path) -> None:
    """The first tick fails; a timer that stopped at that would stop the rollups for good."""
    with running_sample(host, tmp_path, {"SAMPLE_SCHEDULE": "* * * * * *"}) as app:
        app.wait_for_notes("tick 1", "tick 2")

    assert "function.failed function=tick" in app.host.process.last_lines(200)


@pytest.mark.parametrize("host", HOSTS)
def test_a_blob_trigger_runs_for_each_blob_that_is_new_or_has_changed(
    host: str, tmp_path: Path, azurite: Azurite
) -> None:
    """The log blobs grow all hour, so a change counts as much as a new blob."""
    container = _container(azurite, host)
    container.upload_blob("logs/a/first.json", b"12345")
    container.upload_blob("logs/ignored.txt", b"")
    container.upload_blob("elsewhere/ignored.json", b"")
    with container, running_sample(host, tmp_path, _settings(azurite, container)) as app:
        app.wait_for_notes(_note(container, "logs/a/first.json", 5))
        container.upload_blob("logs/a/first.json", b"1234567", overwrite=True)
        container.upload_blob("logs/second.json", b"1")
        app.wait_for_notes(_note(container, "logs/a/first.json", 7), _note(container, "logs/second.json", 1))
        blobs = [line for line in app.notes() if "blob" in line]

    assert len(blobs) == 3


def test_a_blob_that_always_fails_is_tried_five_times(tmp_path: Path, azurite: Azurite) -> None:
    """As in Azure; after that the log names it, and the blobs behind it have their turn."""
    container = _container(azurite, "poison")
    container.upload_blob("logs/1.json", b"poison")
    container.upload_blob("logs/2.json", b"fine")
    with container, running_sample("local.function_host", tmp_path, _settings(azurite, container)) as app:
        app.host.process.wait_for_line("blob.poisoned.*logs/1.json", 30)
        notes = app.notes()

    assert notes.count(_note(container, "logs/1.json", 6)) == 5
    assert notes.count(_note(container, "logs/2.json", 4)) == 1


def _container(azurite: Azurite, name: str) -> ContainerClient:
    name = f"incoming-{name.rpartition('.')[2].replace('_', '-')}"
    container = ContainerClient.from_connection_string(azurite.connection_string, name)
    container.create_container()
    return container


def _settings(azurite: Azurite, container: ContainerClient) -> dict[str, str]:
    return {"AzureWebJobsStorage": azurite.connection_string, "SAMPLE_CONTAINER": container.container_name}


def _note(container: ContainerClient, name: str, length: int) -> str:
    return json.dumps({"blob": f"{container.container_name}/{name}", "length": length})

"""Triggers read from bindings."""

from __future__ import annotations

import logging

import pytest

from local.function_host.triggers import BlobTrigger, Function, TriggerInvalid, read_triggers


def _blob(path: str, **more: str) -> Function:
    binding = {"type": "blobTrigger", "name": "blob", "path": path, "connection": "STORAGE", **more}
    return Function(name="read_blob", bindings=(binding,))


@pytest.mark.parametrize(
    ("path", "prefix", "taken", "left"),
    [
        ("logs", "", "any/thing", None),
        ("logs/{name}", "", "any/thing", None),
        ("logs/y=2026/{name}.json", "y=2026/", "y=2026/m=1/PT1H.json", "y=2026/m=1/PT1H.json.gz"),
        ("%CONTAINER%/exact.json", "exact.json", "exact.json", "exact-json"),
    ],
)
def test_a_blob_path_says_which_blobs(path: str, prefix: str, taken: str, left: str | None) -> None:
    """Exports lie deep in folders, so a name takes slashes too."""
    settings = {"STORAGE": "connection", "CONTAINER": "logs"}
    [trigger] = read_triggers([_blob(path)], route_prefix="", settings=settings)

    assert isinstance(trigger, BlobTrigger)
    assert (trigger.container, trigger.prefix, trigger.connection) == ("logs", prefix, "connection")
    assert trigger.blob_pattern.fullmatch(taken)
    assert left is None or not trigger.blob_pattern.fullmatch(left)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (_blob("{container}/x"), "read_blob: the container of a blob trigger must be a fixed name"),
        (_blob("logs/x", connection="OTHER"), "read_blob: the setting OTHER holds no connection string"),
        (_blob("%OTHER%/x"), "read_blob: the setting OTHER is missing, which a binding names as %OTHER%"),
    ],
)
def test_a_trigger_that_cannot_work_is_named(function: Function, message: str) -> None:
    """A trigger that never fires is found out late."""
    with pytest.raises(TriggerInvalid) as raised:
        read_triggers([function], route_prefix="", settings={"STORAGE": "connection"})

    assert str(raised.value) == message


@pytest.mark.parametrize(
    "function",
    [
        Function(name="f", bindings=({"type": "eventHubTrigger", "name": "events"},)),
        _blob("logs/{name}", source="EventGrid"),
        Function(
            name="f",
            bindings=(
                {"type": "timerTrigger", "name": "t", "schedule": "0 * * * * *"},
                {"type": "queue", "name": "out"},
            ),
        ),
    ],
)
def test_what_cannot_be_hosted_here_is_left_out_with_a_warning(
    function: Function, caplog: pytest.LogCaptureFixture
) -> None:
    """The rest of the app runs, and the log says what does not."""
    with caplog.at_level(logging.WARNING):
        triggers = read_triggers([function], route_prefix="", settings={})

    assert triggers == []
    assert [record.getMessage() for record in caplog.records] == ["function.not_hosted"]


@pytest.mark.parametrize("name", ["AzureWebJobs.f.Disabled", "AzureWebJobs__f__Disabled"])
def test_a_setting_disables_a_function(name: str) -> None:
    """As in Azure."""
    function = Function(name="f", bindings=({"type": "httpTrigger", "name": "req", "route": "f"},))

    assert read_triggers([function], route_prefix="", settings={name: "true"}) == []
    assert len(read_triggers([function], route_prefix="", settings={name: "false"})) == 1

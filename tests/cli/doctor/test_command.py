"""`doctor` from a shell: every check in its place, an exit code for scripts, and nothing secret."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from local.azurite import Azurite
from shared.cli.doctor import command
from shared.cli.doctor.environment import settings_in
from shared.domain.check import CheckResult, failed, ok, skipped, warning
from shared.domain.errors import MalformedRequest
from tests.cli.ledger import run


@pytest.fixture(autouse=True)
def environment(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that are whole, of an upstream that is not there, and of nobody who is logged in."""
    for name in [name for name in os.environ if name.startswith(("AZURE_", "ENTRA_", "UPSTREAM_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AzureWebJobsStorage", azurite.connection_string)
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("UPSTREAM_AUTH", "key")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "s3cret")
    # Or it would look for a managed identity, and for the tools that somebody may be logged in with.
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")


def results(*arguments: str) -> list[CheckResult]:
    return [CheckResult(**each) for each in json.loads(run("doctor", *arguments, "--json").stdout)]


def test_every_check_is_told_once_and_a_failure_ends_it_with_1() -> None:
    """A pipeline runs it after a deployment."""
    result = run("doctor", "--json")
    found = [CheckResult(**each) for each in json.loads(result.stdout)]
    statuses = {each.name: each.status for each in found}

    assert result.exit_code == 1
    assert statuses["settings"] == statuses["storage tables"] == statuses["storage blobs"] == statuses["clock"] == "ok"
    assert (statuses["upstream"], statuses["resource keys"], statuses["entra"]) == ("failed", "skipped", "warning")
    assert {"tables", "sweep", "log blobs", "dead letters", "findings", "gateway keys"} <= statuses.keys()
    assert "s3cret" not in result.output


def test_every_check_is_described() -> None:
    """What it looks at, and what is bad: whoever reads `failed` looks there."""
    page = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
    described = {
        name for row in re.findall(r"^\| (`[^|]+) \|", page, re.MULTILINE) for name in re.findall("`([^`]+)`", row)
    }

    assert {each.name for each in results()} <= described


def test_settings_that_are_wrong_are_told_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what can be looked at without them is, all the same."""
    monkeypatch.delenv("AZURE_OPENAI_ENDPOINT")
    monkeypatch.setenv("ON_HANGUP", "ignore")
    found = results()
    settings = [each.seen for each in found if each.name == "settings"]

    assert settings == [
        "AZURE_OPENAI_ENDPOINT is missing: https://NAME.openai.azure.com",
        "ON_HANGUP is one of drain, abort",
    ]
    assert {each.name: each.status for each in found}["storage tables"] == "ok"


def test_without_storage_there_is_nothing_to_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first thing a newcomer meets."""
    monkeypatch.delenv("AzureWebJobsStorage")
    result = run("doctor")

    assert result.exit_code == 1
    assert "AzureWebJobsStorage" in result.stdout


def test_a_file_of_settings_takes_the_place_of_the_environment(azurite: Azurite, tmp_path: Path) -> None:
    """As Azure hands them out: what is asked is about the app, and not about this machine."""
    entries = [
        {"name": "AzureWebJobsStorage", "slotSetting": False, "value": azurite.connection_string},
        {"name": "AZURE_OPENAI_ENDPOINT", "slotSetting": False, "value": "no-url"},
        {"name": "EMPTY", "value": None},
    ]
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(entries))

    assert "AZURE_OPENAI_ENDPOINT is not a URL" in [each.seen for each in results("--app-settings", str(file))]


@pytest.mark.parametrize(
    "content", ['{"Values":{"A":"1"},"IsEncrypted":false}', '[{"name":"A","value":"1"}]', '{"A":"1"}']
)
def test_settings_are_read_in_every_form_they_come_in(content: str, tmp_path: Path) -> None:
    """From `az`, from local.settings.json, from a script."""
    file = tmp_path / "settings.json"
    file.write_text(content)

    assert settings_in(file) == {"A": "1"}


@pytest.mark.parametrize("content", ["1", "{", "", '"x"'])
def test_what_is_no_settings_ends_with_2(content: str, tmp_path: Path) -> None:
    """Nothing is looked at then."""
    file = tmp_path / "settings.json"
    file.write_text(content)
    with pytest.raises(MalformedRequest):
        settings_in(file)

    assert run("doctor", "--app-settings", str(file)).exit_code == 2
    assert run("doctor", "--app-settings", str(tmp_path / "none.json")).exit_code == 2


def test_it_is_read_in_80_columns_and_commands_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that is cut in lines cannot be copied; what somebody else wrote does nothing."""
    told = [
        ok("clock", "well"),
        warning("tables", "word " * 40, "do " * 60, "az command " * 20),
        failed("entra", "\x1b[31m'evil' [red]", "mend it"),
        skipped("sweep", "x" * 200),
    ]

    async def examine(*_: object) -> list[CheckResult]:
        return told

    monkeypatch.setattr(command, "_examine", examine)
    lines = run("doctor", columns=80).stdout.splitlines()
    long = [line.strip() for line in lines if cell_len(line) > 80]

    assert long == [f"$ {'az command ' * 20}".strip(), f"skipped  sweep           {'x' * 200}"]
    assert lines[0] == "ok       clock           well"
    assert any("\ufffd[31m'evil' [red]" in line for line in lines)
    assert lines[-1] == "1 ok, 1 warning, 1 failed, 1 skipped"
    assert all(each.isprintable() for each in lines)


def test_nothing_that_failed_is_0(monkeypatch: pytest.MonkeyPatch) -> None:
    """Warnings are for people."""

    async def examine(*_: object) -> list[CheckResult]:
        return [warning("tables", "x", "y"), skipped("z", "z")]

    monkeypatch.setattr(command, "_examine", examine)

    assert run("doctor").exit_code == 0

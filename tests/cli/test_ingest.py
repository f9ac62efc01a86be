"""`ingest` from a shell: a container, a folder, a file; interrupted, and gone on with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from local.azurite import Azurite
from shared.cli.__main__ import app
from shared.usecases import ingest_log_blob
from tests.usecases.ingesting import LogAccount, call_line, log_account, new_resource


@pytest.fixture(autouse=True)
def storage(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AzureWebJobsStorage", azurite.connection_string)


def run(source: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["ingest", source, *arguments], env={"COLUMNS": "140", "TERM": "dumb"})


def last_line(result: Result) -> dict[str, int]:
    assert result.exit_code == 0, result.output
    summary: dict[str, int] = json.loads(result.stdout.splitlines()[-1])
    return summary


def with_account(azurite: Azurite, work: Callable[[LogAccount], Awaitable[None]]) -> LogAccount:
    """Do something with an account that nothing is in, and return it, closed."""

    async def do() -> LogAccount:
        async with log_account(azurite) as account:
            await work(account)
            return account

    return asyncio.run(do())


def url(azurite: Azurite, account: LogAccount, path: str = "") -> str:
    return f"http://127.0.0.1:{azurite.blob_port}/{account.blobs.account}/{account.container}{path}"


def test_a_container_is_read_whatever_its_age(azurite: Azurite) -> None:
    """What was exported before the ledger was there; a second run finds nothing new."""

    async def fill(account: LogAccount) -> None:
        for number in range(3):
            lines = [call_line(account.resource, f"c{number}-{each}") for each in range(5)]
            await account.append(account.blob(resource=f"{account.resource}{number}"), b"\n".join(lines) + b"\n?\n")

    account = with_account(azurite, fill)
    first, second = (last_line(run(url(azurite, account), "--json")) for _ in range(2))

    assert first == {"blobs": 3, "lines": 18, "stored": 15, "duplicates": 0, "dead_letters": 3}
    assert second == {"blobs": 3, "lines": 0, "stored": 0, "duplicates": 0, "dead_letters": 0}


def test_a_url_may_go_on_to_the_beginning_of_names(azurite: Azurite) -> None:
    """One resource of many, or one day."""

    async def fill(account: LogAccount) -> None:
        for number in range(2):
            blob = account.blob(resource=f"{account.resource}{number}")
            await account.append(blob, call_line(account.resource, f"c{number}") + b"\n")

    account = with_account(azurite, fill)
    prefix = f"/resourceId=/{account.resource[1:].upper()}1"

    assert last_line(run(url(azurite, account, prefix), "--json"))["stored"] == 1


def test_a_folder_and_a_file_are_read_to_their_ends(tmp_path: Path) -> None:
    """Downloaded, or sent by somebody: the last line of a file need have no newline, and no other file is touched."""
    resource = new_resource()
    folder = tmp_path / "resourceId=" / "y=2026"
    folder.mkdir(parents=True)
    (folder / "PT1H.json").write_bytes(call_line(resource, "c1") + b"\r\n" + call_line(resource, "c2"))
    (folder / "picture.png").write_bytes(b"\x89PNG")
    file = tmp_path / "lines.txt"
    file.write_bytes(b"\xef\xbb\xbf" + call_line(resource, "c2") + b"\n\n" + call_line(resource, "c3") + b"\n{")
    of_folder, of_file = (last_line(run(str(path), "--json")) for path in (tmp_path, file))

    assert of_folder == {"blobs": 1, "lines": 2, "stored": 2, "duplicates": 0, "dead_letters": 0}
    assert of_file == {"blobs": 1, "lines": 3, "stored": 1, "duplicates": 1, "dead_letters": 1}


def test_what_was_interrupted_goes_on_from_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A year of logs takes hours; Ctrl-C, or a closed laptop, costs a part of a blob."""
    monkeypatch.setattr(ingest_log_blob, "_PART_BYTES", 3000)
    resource = new_resource()
    file = tmp_path / "lines.jsonl"
    file.write_bytes(b"".join(call_line(resource, f"c{number}") + b"\n" for number in range(30)))
    parts = 0

    class Interrupted(ingest_log_blob.IngestLogBlob):
        async def _ingest(self, *args: object) -> object:  # type: ignore[override]
            nonlocal parts
            parts += 1
            if parts == 4:
                raise KeyboardInterrupt
            return await super()._ingest(*args)  # type: ignore[arg-type]

    with monkeypatch.context() as interrupted:
        interrupted.setattr("shared.bootstrap.log_ingestion.IngestLogBlob", Interrupted)
        first = run(str(file))
    rest = last_line(run(str(file), "--json"))

    assert first.exit_code == 130
    assert "the same command goes on from here" in first.stderr
    assert (rest["stored"], rest["duplicates"]) == (30 - 9, 0)


def test_people_read_a_sentence(tmp_path: Path) -> None:
    """With what they look for first."""
    (tmp_path / "lines.json").write_bytes(call_line(new_resource(), "c1") + b"\n?\n")

    assert run(str(tmp_path)).stdout == "2 lines of 1 blobs: 1 stored, 0 known already, 1 dead letters\n"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("no/such/file", "error: no/such/file cannot be read: No such file or directory"),
        ("https://contoso.blob.core.windows.net/", "error: the URL names no container"),
    ],
)
def test_a_source_that_is_none_is_named(source: str, message: str) -> None:
    """In one line, without a trace."""
    result = run(source)

    assert (result.exit_code, result.stderr.strip()) == (1, message)

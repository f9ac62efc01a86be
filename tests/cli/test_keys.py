"""`keys issue`, `keys list`, `keys revoke` from a shell, with the keys in real tables."""

from __future__ import annotations

import json
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableServiceClient
from typer.testing import CliRunner, Result

from local.azurite import Azurite
from shared.cli.__main__ import app

TENANT = "99999999-0000-4000-8000-000000000000"
OBJECT = "11111111-2222-4333-8444-555555555555"
ENTRA = ("--tenant", TENANT, "--object-id", OBJECT)


@pytest.fixture(autouse=True)
def storage(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account without a single key."""
    monkeypatch.setenv("AzureWebJobsStorage", azurite.connection_string)
    with TableServiceClient.from_connection_string(azurite.connection_string) as service:
        try:
            for row in service.get_table_client("keys").list_entities():
                service.get_table_client("keys").delete_entity(row)
        except ResourceNotFoundError:
            return


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["keys", *arguments], env={"COLUMNS": "100", "TERM": "dumb"})


def issue(*arguments: str) -> dict[str, Any]:
    issued: dict[str, Any] = json.loads(run("issue", *arguments, "--json").stdout)
    return issued


def listed() -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = json.loads(run("list", "--json").stdout)
    return keys


def test_a_key_is_printed_alone_so_that_a_script_can_take_it() -> None:
    """`KEY=$(… keys issue --name dev)`; what is for people goes beside it."""
    result = run("issue", "--name", "dev")

    assert result.exit_code == 0
    assert result.stdout.startswith("aoai-")
    assert len(result.stdout.strip()) == len("aoai-") + 43
    assert listed()[0]["id"] in result.stderr
    assert "gateway/dev (gateway)" in result.stderr
    assert "expires never" in result.stderr


def test_a_key_is_shown_once() -> None:
    """Whoever can list keys must not be able to use them."""
    secret = issue("--name", "dev")["key"]

    assert secret not in run("list").output
    assert secret not in run("list", "--json").output


def test_a_name_alone_makes_a_principal_of_the_gateway() -> None:
    """A team without an Entra identity is charged all the same."""
    issued = issue("--name", "Team Zürich")

    assert (issued["tenant_id"], issued["object_id"]) == ("gateway", "team-zurich")
    assert (issued["kind"], issued["name"], issued["state"]) == ("gateway", "Team Zürich", "active")


def test_a_key_can_be_charged_to_an_entra_principal() -> None:
    """Its calls then add up with those it makes with tokens."""
    issued = issue("--name", "batch", *ENTRA, "--app-id", "app", "--role", "A", "--role", "B", "--kind", "user")
    expected = {"tenant_id": TENANT, "object_id": OBJECT, "app_id": "app", "kind": "user", "roles": ["A", "B"]}

    assert expected.items() <= issued.items()
    assert expected.items() <= listed()[0].items()


def test_an_entra_principal_is_an_application_unless_it_is_said() -> None:
    """A key is what a program holds."""
    assert issue("--name", "batch", *ENTRA)["kind"] == "application"


def test_a_key_expires_when_it_is_said() -> None:
    """Days from now, not from midnight."""
    issued = issue("--name", "dev", "--expires-in-days", "30")

    assert issued["expires_at"][:10] > issued["issued_at"][:10]
    assert issued["expires_at"][10:] == issued["issued_at"][10:]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--object-id", OBJECT), "go together"),
        (("--tenant", TENANT), "go together"),
        (("--kind", "user"), "--object-id"),
        (("--tenant", TENANT, "--object-id", "a/b"), "object id has a form"),
        (("--expires-in-days", "0"), "expires-in-days"),
    ],
)
def test_what_does_not_fit_together_issues_nothing(arguments: tuple[str, ...], says: str) -> None:
    """A key for the wrong principal is worse than no key."""
    result = run("issue", "--name", "dev", *arguments)

    assert result.exit_code == 2
    assert says in result.stderr
    assert listed() == []


def test_a_name_no_id_can_be_made_of_issues_nothing() -> None:
    """It says what to do."""
    result = run("issue", "--name", "日本")

    assert result.exit_code == 2
    assert "Latin letter" in result.stderr


def test_the_list_shows_every_key_and_its_state() -> None:
    """Oldest first; markup in a name is a name."""
    old = issue("--name", "[red]old[/red]", "--expires-in-days", "1")
    new = issue("--name", "new")
    run("revoke", new["id"])
    lines = [line for line in run("list").stdout.splitlines() if "ctive" in line or "revoked" in line]

    assert [line.split()[:2] for line in lines] == [[old["id"], "[red]old[/red]"], [new["id"], "new"]]
    assert [line.split()[-1] for line in lines] == ["active", "revoked"]


def test_a_revoked_key_stays_in_the_list() -> None:
    """Its calls are in the ledger under its id."""
    first, second = issue("--name", "a"), issue("--name", "b")
    result = run("revoke", first["id"])

    assert (result.exit_code, result.stdout) == (0, f"revoked {first['id']} (a)\n")
    assert {key["id"]: key["state"] for key in listed()} == {first["id"]: "revoked", second["id"]: "active"}


def test_an_id_nobody_has_ends_with_1() -> None:
    """A script must notice that nothing was revoked."""
    result = run("revoke", "nobody")

    assert result.exit_code == 1
    assert result.stderr == "error: no gateway key has the id 'nobody'\n"


def test_missing_settings_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first thing a newcomer meets."""
    monkeypatch.delenv("AzureWebJobsStorage")
    result = run("list")

    assert result.exit_code == 1
    assert "AzureWebJobsStorage" in result.stderr

"""Storage looked over: reached, read, written, kept out of, and its clock."""

from __future__ import annotations

from datetime import timedelta

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.data.tables.aio import TableServiceClient
from azure.storage.blob.aio import BlobServiceClient

from local.azurite import Azurite
from shared.adapters.system_clock import SystemClock
from shared.cli.doctor.storage import CONTAINER, TABLE, check_blobs, check_clock, check_tables
from shared.domain.check import CheckStatus
from tests.adapters.credential import FakeCredential
from tests.cli.doctor.patient import answering, patient
from tests.fakes import FakeClock

FORBIDDEN = (
    '{"odata.error":{"code":"AuthorizationPermissionMismatch","message":{"lang":"en-US","value":"This request is not '
    'authorized to perform this operation using this permission."}}}'
)


async def test_good_storage_is_read_and_written_and_left_as_it_was(azurite: Azurite) -> None:
    """The proof is a row and a blob; neither stays."""
    async with patient(azurite) as ours:
        results = [*await check_tables(ours.tables), *await check_blobs(ours.blobs)]
        rows = [row async for row in ours.tables.get_table_client(TABLE).list_entities()]
        blobs = [blob.name async for blob in ours.blobs.get_container_client(CONTAINER).list_blobs()]

    assert [result.status for result in results] == [CheckStatus.OK, CheckStatus.OK]
    assert (rows, blobs) == ([], [])


def at(url: str) -> str:
    """Return the connection string of an account that answers there."""
    return f"AccountName=contoso;AccountKey=c2VjcmV0;TableEndpoint={url}/contoso;BlobEndpoint={url}/contoso;"


async def test_a_role_that_is_missing_is_named_with_the_command_that_gives_it() -> None:
    """403 is the first thing that most people meet."""
    async with (
        answering(403, FORBIDDEN) as (_, url),
        TableServiceClient.from_connection_string(at(url), retry_total=0) as tables,
    ):
        (result,) = await check_tables(tables)

    assert result.status is CheckStatus.FAILED
    assert "Storage Table Data Contributor" in result.advice
    assert result.command.startswith('az role assignment create --role "Storage Table Data Contributor"')


async def test_blobs_have_a_role_of_their_own() -> None:
    """One is not the other. Without it reports work: it is a warning."""
    async with (
        answering(403, "<Error><Code>AuthorizationPermissionMismatch</Code></Error>") as (_, url),
        BlobServiceClient.from_connection_string(at(url), retry_total=0) as blobs,
    ):
        (result,) = await check_blobs(blobs)

    assert (result.status, "Storage Blob Data Contributor" in result.command) == (CheckStatus.WARNING, True)


async def test_to_read_and_not_to_write_is_enough_for_reports(
    azurite: Azurite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a warning: the app's identity is another."""
    error = ClientAuthenticationError("no")
    error.status_code = 403

    async def kept_out(*args: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(TableServiceClient, "create_table_if_not_exists", kept_out)
    async with patient(azurite) as ours:
        (result,) = await check_tables(ours.tables)

    assert (result.status, "can be read and not written" in result.seen) == (CheckStatus.WARNING, True)


async def test_who_is_not_logged_in_is_told_to() -> None:
    """It is not the role that is missing."""
    credential = FakeCredential(FakeClock(SystemClock().now()))
    credential.failure = ClientAuthenticationError("no account")
    async with TableServiceClient("https://127.0.0.1:1", credential=credential, retry_total=0) as tables:
        (result,) = await check_tables(tables)

    assert (result.status, result.command) == (CheckStatus.FAILED, "az login")


async def test_an_account_that_is_not_there_is_said_not_to_be_reached() -> None:
    """A slip in its name, or a network that lets nobody in."""
    async with TableServiceClient.from_connection_string(at("http://127.0.0.1:1"), retry_total=0) as tables:
        (result,) = await check_tables(tables)

    assert result.status is CheckStatus.FAILED
    assert "contoso is the account's name" in result.advice
    assert "c2VjcmV0" not in str(result)


@pytest.mark.parametrize(
    ("ahead", "status"),
    [
        (timedelta(0), CheckStatus.OK),
        (timedelta(minutes=2), CheckStatus.WARNING),
        (timedelta(minutes=-2), CheckStatus.WARNING),
        (timedelta(minutes=20), CheckStatus.FAILED),
        (timedelta(minutes=-20), CheckStatus.FAILED),
    ],
)
async def test_a_clock_is_held_against_storages(azurite: Azurite, ahead: timedelta, status: CheckStatus) -> None:
    """What is signed too far from it is refused, with an error that says nothing of clocks."""
    async with patient(azurite) as ours:
        (result,) = await check_clock(ours.tables, FakeClock(SystemClock().now() + ahead))

    assert result.status is status
    assert ("behind" in result.seen) is (ahead < timedelta(0))

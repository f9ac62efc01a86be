"""Table Storage: how a client is made, and what its errors mean to us."""

from __future__ import annotations

import pytest
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseTimeoutError,
)

from local.azurite import Azurite
from shared.adapters.table_service import StorageSettings, open_tables, storage_errors, table_service
from shared.domain.errors import (
    SettingsInvalid,
    StorageError,
    StorageNotAuthorized,
    StorageRejected,
    StorageUnavailable,
)

ENDPOINT = "https://ledger.table.core.windows.net"


def answered(status: int | None) -> HttpResponseError:
    error = HttpResponseError("the SDK's message, which quotes AccountKey=secret")
    error.status_code = status
    return error


@pytest.mark.parametrize(
    ("sdk_error", "ours"),
    [
        (answered(500), StorageUnavailable),
        (answered(503), StorageUnavailable),
        (answered(408), StorageUnavailable),
        (answered(429), StorageUnavailable),
        (answered(None), StorageUnavailable),
        (answered(400), StorageRejected),
        (answered(401), StorageNotAuthorized),
        (answered(403), StorageNotAuthorized),
        (answered(404), StorageRejected),
        (answered(413), StorageRejected),
        (ClientAuthenticationError("no managed identity"), StorageNotAuthorized),
        (ServiceRequestError("no route"), StorageUnavailable),
        (ServiceResponseTimeoutError("too slow"), StorageUnavailable),
        (AzureError("other"), StorageUnavailable),
    ],
    ids=repr,
)
def test_the_sdks_errors_say_whether_coming_again_may_help(sdk_error: AzureError, ours: type[StorageError]) -> None:
    """The relay answers 503 to the one and 500 to the other, and retries only the one."""
    with pytest.raises(ours, match=r"^writing a row: ") as raised, storage_errors("writing a row"):
        raise sdk_error

    assert raised.value.__cause__ is sdk_error
    assert "secret" not in str(raised.value)


def test_what_is_no_error_of_storage_is_left_alone() -> None:
    """A bug must not look like an outage."""
    with pytest.raises(KeyError), storage_errors("writing a row"):
        raise KeyError("bug")


async def test_a_connection_string_opens_the_account_it_names(azurite: Azurite) -> None:
    """As AzureWebJobsStorage on a laptop."""
    async with open_tables(StorageSettings(connection_string=azurite.connection_string)) as service:
        names = [table.name async for table in service.list_tables()]

    assert isinstance(names, list)
    assert str(azurite.table_port) in service.url


async def test_an_endpoint_is_opened_with_an_identity() -> None:
    """As in Azure, where no account key is wanted."""
    async with open_tables(StorageSettings(table_endpoint=ENDPOINT)) as service:
        assert service.url == ENDPOINT


@pytest.mark.parametrize("storage", [StorageSettings(), StorageSettings(table_endpoint=ENDPOINT)])
def test_too_little_to_open_an_account_is_told(storage: StorageSettings) -> None:
    """An endpoint without a credential would only fail at the first call."""
    with pytest.raises(SettingsInvalid, match="storage needs"):
        table_service(storage)


def test_a_connection_string_that_cannot_be_read_is_not_quoted() -> None:
    """It holds the account key."""
    with pytest.raises(SettingsInvalid) as invalid:
        table_service(StorageSettings(connection_string="AccountKey=secret"))

    assert "secret" not in str(invalid.value)
    assert invalid.value.__suppress_context__


def test_settings_do_not_show_the_account_key() -> None:
    """A repr ends up in logs."""
    assert "secret" not in repr(StorageSettings(connection_string="AccountKey=secret"))

"""Table Storage: how a client is made, and what its errors mean to us."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError
from azure.data.tables.aio import TableServiceClient
from azure.identity.aio import DefaultAzureCredential

from shared.domain.errors import SettingsInvalid, StorageNotAuthorized, StorageRejected, StorageUnavailable

# Timeout, throttled, and the whole 5xx: the same request may succeed later.
# https://learn.microsoft.com/rest/api/storageservices/table-service-error-codes
_TRANSIENT = frozenset({408, 429})
_NOT_AUTHORIZED = frozenset({401, 403})


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSettings:
    """
    The storage account: a connection string, or an endpoint opened with an Entra identity.

    `client_id` names a user-assigned managed identity; None is the system-assigned one, or
    whoever is logged in to the Azure CLI.
    """

    connection_string: str | None = field(default=None, repr=False)
    table_endpoint: str | None = None
    blob_endpoint: str | None = None
    client_id: str | None = None


def table_service(storage: StorageSettings, credential: AsyncTokenCredential | None = None) -> TableServiceClient:
    """
    Return a client for the account's tables. The caller closes it, and the credential.

    Raises:
        SettingsInvalid: the connection string cannot be read, or there is an endpoint and no credential.
    """
    if storage.connection_string:
        try:
            return TableServiceClient.from_connection_string(storage.connection_string)
        except ValueError:
            # `from None`: the library's message may quote the string, and with it the account key.
            raise SettingsInvalid("the storage connection string cannot be read") from None
    if not storage.table_endpoint or credential is None:
        raise SettingsInvalid("storage needs a connection string, or a table endpoint and a credential")
    return TableServiceClient(storage.table_endpoint, credential=credential)


@asynccontextmanager
async def open_tables(storage: StorageSettings) -> AsyncIterator[TableServiceClient]:
    """Yield a client for the account's tables, for a program that runs and ends. Raises SettingsInvalid."""
    if storage.connection_string:
        async with table_service(storage) as service:
            yield service
        return
    async with (
        DefaultAzureCredential(managed_identity_client_id=storage.client_id) as credential,
        table_service(storage, credential) as service,
    ):
        yield service


@contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """
    Turn the SDK's exceptions into ours. `what` says what failed, as "reading a gateway key".

    Raises:
        StorageUnavailable, StorageRejected
    """
    try:
        yield
    except ClientAuthenticationError as error:
        raise StorageNotAuthorized(f"{what}: storage does not accept our identity") from error
    except HttpResponseError as error:
        raise _meaning(what, error) from error
    except AzureError as error:
        raise StorageUnavailable(f"{what}: storage cannot be reached") from error


def _meaning(what: str, error: HttpResponseError) -> StorageUnavailable | StorageRejected:
    # The SDK's own message quotes the answer; its status is all that is sure to hold no secret.
    status = error.status_code
    if status is None or status >= 500 or status in _TRANSIENT:
        return StorageUnavailable(f"{what}: storage answered {status}")
    if status in _NOT_AUTHORIZED:
        return StorageNotAuthorized(f"{what}: storage answered {status}")
    return StorageRejected(f"{what}: storage answered {status}")


async def check_tables(service: TableServiceClient) -> None:
    """
    Return when the tables answer and let us in.

    Raises:
        StorageUnavailable, StorageRejected
    """
    with storage_errors("checking the tables"):
        async for _ in service.list_tables(results_per_page=1):
            return

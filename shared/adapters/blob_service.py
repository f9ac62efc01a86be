"""Blob Storage: how a client is made. Its errors mean what those of Table Storage mean: see table_service.py."""

from __future__ import annotations

from azure.core.credentials_async import AsyncTokenCredential
from azure.storage.blob.aio import BlobServiceClient

from shared.adapters.table_service import StorageSettings
from shared.domain.errors import SettingsInvalid

# The SDK's own first pause is 15 s: longer than a run of a timer should hang on one blob.
_FIRST_PAUSE_SECONDS = 1


def blob_service(storage: StorageSettings, credential: AsyncTokenCredential | None = None) -> BlobServiceClient:
    """
    Return a client for the account's blobs. The caller closes it, and the credential.

    Raises:
        SettingsInvalid: the connection string cannot be read, or there is an endpoint and no credential.
    """
    if storage.connection_string:
        try:
            return BlobServiceClient.from_connection_string(
                storage.connection_string, initial_backoff=_FIRST_PAUSE_SECONDS
            )
        except ValueError:
            # `from None`: the library's message may quote the string, and with it the account key.
            raise SettingsInvalid("the storage connection string cannot be read") from None
    if not storage.blob_endpoint or credential is None:
        raise SettingsInvalid("storage needs a connection string, or a blob endpoint and a credential")
    return BlobServiceClient(storage.blob_endpoint, credential=credential, initial_backoff=_FIRST_PAUSE_SECONDS)

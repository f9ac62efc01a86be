"""Where the ledger is kept."""

from __future__ import annotations

from shared.adapters.table_service import StorageSettings
from shared.settings.reader import Reader


def read_storage(read: Reader) -> StorageSettings:
    """Read them, and tell the reader what is wrong with them."""
    # As the Functions host itself finds it: a connection string, or an identity and an account.
    # https://learn.microsoft.com/azure/azure-functions/functions-reference#connecting-to-host-storage-with-an-identity
    connection_string = read.text("AzureWebJobsStorage")
    account = read.text("AzureWebJobsStorage__accountName")
    endpoint = read.url("AzureWebJobsStorage__tableServiceUri")
    if account and not endpoint:
        endpoint = f"https://{account}.table.core.windows.net"
    if not connection_string and not endpoint:
        read.problem("AzureWebJobsStorage (or AzureWebJobsStorage__accountName) is missing")
    blob_endpoint = read.url("AzureWebJobsStorage__blobServiceUri")
    return StorageSettings(
        connection_string=connection_string,
        table_endpoint=endpoint,
        blob_endpoint=blob_endpoint or (endpoint.replace(".table.", ".blob.") if endpoint else None),
        client_id=read.text("AzureWebJobsStorage__clientId"),
    )

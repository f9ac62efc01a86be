"""How a hand-written request to the Table service proves whose it is: account key, SAS, or Entra token."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import Protocol
from urllib.parse import urlsplit

from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError
from azure.data.tables.aio import TableServiceClient

from shared.adapters.entra_token_source import EntraTokenSource
from shared.domain.errors import SettingsInvalid, StorageUnavailable
from shared.ports.clock import Clock

SCOPE = "https://storage.azure.com/.default"

TableCredential = AzureNamedKeyCredential | AzureSasCredential | AsyncTokenCredential | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableEndpoint:
    """Where the tables are, as https://account.table.core.windows.net, and what opens them."""

    url: str
    query: str = field(default="", repr=False)  # a SAS, where the URL carries it
    credential: TableCredential = field(default=None, repr=False)

    @classmethod
    def of(cls, service: TableServiceClient) -> TableEndpoint:
        """Return the endpoint the SDK's client speaks to: connection strings are read in one place."""
        url, _, query = service.url.partition("?")
        return cls(url=url.rstrip("/"), query=query, credential=service.credential)


class Authorization(Protocol):
    """Signs requests, one by one."""

    @property
    def query(self) -> str:
        """What is added to every URL; may be empty."""
        ...

    async def headers(self, path: str) -> Mapping[str, str]:
        """
        Return the headers for a request to this percent-encoded path below the service's URL.

        Raises:
            StorageUnavailable: no token can be had just now.
        """
        ...

    def renew(self) -> bool:
        """Forget what the service did not accept; return whether another try may have something better."""
        ...


def authorization(endpoint: TableEndpoint, clock: Clock) -> Authorization:
    """
    Return what signs requests to an endpoint.

    Raises:
        SettingsInvalid: there is nothing to sign with, or an account key that is none.
    """
    credential = endpoint.credential
    if isinstance(credential, AzureNamedKeyCredential):
        return SharedKeyLite(endpoint.url, credential, clock)
    if isinstance(credential, AzureSasCredential):
        return SharedAccessSignature(credential.signature)
    if credential is not None:
        return BearerToken(credential, clock)
    if endpoint.query:
        return SharedAccessSignature(endpoint.query)
    raise SettingsInvalid("the table endpoint has no account key, SAS or identity")


class SharedKeyLite:
    """
    Signs with the account key.

    https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
    """

    query = ""

    def __init__(self, url: str, credential: AzureNamedKeyCredential, clock: Clock) -> None:
        self._account, key = credential.named_key
        try:
            self._key = base64.b64decode(key)
        except ValueError:
            # `from None`: the key is all the library could quote.
            raise SettingsInvalid("the storage account key is not base64") from None
        # The emulator has the account in its path too, so there it stands twice.
        self._resource = f"/{self._account}{urlsplit(url).path}/"
        self._clock = clock

    async def headers(self, path: str) -> Mapping[str, str]:
        """Return a signature of the date and path. Never raises."""
        date = format_datetime(self._clock.now(), usegmt=True)
        signature = hmac.digest(self._key, f"{date}\n{self._resource}{path}".encode(), "sha256")
        return {
            "x-ms-date": date,
            "Authorization": f"SharedKeyLite {self._account}:{base64.b64encode(signature).decode()}",
        }

    def renew(self) -> bool:
        """Return False: the key is the key."""
        return False


class SharedAccessSignature:
    """Shows a SAS, which goes into the URL."""

    def __init__(self, signature: str) -> None:
        self.query = signature.removeprefix("?")

    async def headers(self, path: str) -> Mapping[str, str]:  # noqa: ARG002 - a SAS is good for every path
        """Return nothing. Never raises."""
        return {}

    def renew(self) -> bool:
        """Return False: the SAS is the SAS."""
        return False


class BearerToken:
    """Shows a token of our identity."""

    query = ""

    def __init__(self, credential: AsyncTokenCredential, clock: Clock) -> None:
        self._tokens = EntraTokenSource(credential, SCOPE, clock)

    async def headers(self, path: str) -> Mapping[str, str]:  # noqa: ARG002 - a token is good for every path
        """
        Return the token.

        Raises:
            StorageUnavailable: there is none, and none can be had just now.
        """
        try:
            return {"Authorization": f"Bearer {await self._tokens.get()}"}
        except AzureError as error:
            raise StorageUnavailable(f"no token for storage: {type(error).__name__}") from error

    def renew(self) -> bool:
        """Forget the token, and return whether there was one to forget."""
        return self._tokens.forget()

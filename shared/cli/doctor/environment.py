"""What the doctor looks at: the settings, whole or not, and what is opened with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from azure.core.credentials_async import AsyncTokenCredential
from azure.data.tables.aio import TableServiceClient
from azure.storage.blob.aio import BlobServiceClient

from shared.domain.errors import MalformedRequest
from shared.ports.clock import Clock
from shared.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """An installation. Where its settings are not whole, `settings` is None and `problems` says why."""

    settings: Settings | None
    problems: tuple[str, ...]
    clock: Clock
    tables: TableServiceClient
    blobs: BlobServiceClient
    log_blobs: BlobServiceClient
    session: aiohttp.ClientSession
    credential: AsyncTokenCredential
    resource_id: str | None = None


def settings_in(path: Path) -> dict[str, str]:
    """
    Return the settings in a file, in any form they are handed out in.

    As `az functionapp config appsettings list` prints them, as `local.settings.json` has them, or a plain object.

    Raises:
        MalformedRequest: it is none of these.
    """
    try:
        content = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise MalformedRequest(f"{path} cannot be read: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise MalformedRequest(f"{path} is no JSON") from error
    if isinstance(content, list):
        content = {entry["name"]: entry.get("value") for entry in content if _is_entry(entry)}
    if isinstance(content, dict) and isinstance(content.get("Values"), dict):
        content = content["Values"]
    if not isinstance(content, Mapping):
        raise MalformedRequest(f"{path} holds no settings")
    return {name: value for name, value in content.items() if isinstance(value, str)}


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("name"), str)

"""The settings, and the only reader of the environment. Each is described in docs/settings.md."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from shared.adapters.table_service import StorageSettings
from shared.settings.entra import EntraSettings, read_entra
from shared.settings.exports import ExportSettings, read_exports
from shared.settings.ledger import LedgerSettings, read_ledger
from shared.settings.logs import LogsSettings, LogTriggers, read_log_triggers, read_logs
from shared.settings.pricing import PricingSettings, read_pricing
from shared.settings.reader import Reader
from shared.settings.reconciliation import ReconciliationSettings, read_reconciliation
from shared.settings.relay import RelaySettings, read_relay
from shared.settings.storage import read_storage
from shared.settings.upstream import UpstreamSettings, read_upstream


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, read once."""

    storage: StorageSettings
    entra: EntraSettings
    upstream: UpstreamSettings
    relay: RelaySettings
    ledger: LedgerSettings
    pricing: PricingSettings
    logs: LogsSettings
    exports: ExportSettings
    reconciliation: ReconciliationSettings


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """
    Return the settings.

    Raises:
        SettingsInvalid: one error that names all that is missing or wrong.
    """
    read = Reader(environment)
    storage = read_storage(read)
    settings = Settings(
        storage=storage,
        entra=read_entra(read),
        upstream=read_upstream(read),
        relay=read_relay(read),
        ledger=read_ledger(read),
        pricing=read_pricing(read),
        logs=read_logs(read, storage),
        exports=read_exports(read),
        reconciliation=read_reconciliation(read),
    )
    read_log_triggers(read)
    read.raise_problems()
    return settings


def storage_settings(environment: Mapping[str, str] = os.environ) -> StorageSettings:
    """
    Return only where storage is, for tools that need no more.

    Raises:
        SettingsInvalid: it is not said.
    """
    read = Reader(environment)
    storage = read_storage(read)
    read.raise_problems()
    return storage


def export_settings(environment: Mapping[str, str] = os.environ) -> tuple[ExportSettings, PricingSettings]:
    """
    Return only what exports need beside storage, for a program that exports.

    Raises:
        SettingsInvalid: something of it is wrong.
    """
    read = Reader(environment)
    settings = read_exports(read), read_pricing(read)
    read.raise_problems()
    return settings


def log_triggers(environment: Mapping[str, str] = os.environ) -> LogTriggers:
    """Return what has logs read. What is wrong here takes its default; `read_settings` names it."""
    return read_log_triggers(Reader(environment))

"""The settings, and the only reader of the environment. Each is described in docs/settings.md."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from shared.adapters.json_prices import read_deployments, read_prices
from shared.adapters.table_service import StorageSettings
from shared.domain.deployment import Deployment
from shared.domain.errors import SettingsInvalid
from shared.domain.pricing import Price
from shared.usecases.pass_on_answer import OnHangup
from shared.usecases.record_calls import WhenUnavailable

_Choice = TypeVar("_Choice", bound=StrEnum)
_Number = TypeVar("_Number", int, float)
_Parsed = TypeVar("_Parsed")

# No user and password before the host: they would be written where the host is.
_URL = re.compile(r"https?://(\[[0-9a-f:.]+]|[a-z0-9_.-]+)(:\d+)?(/\S*)?", re.IGNORECASE)

# The audiences of tokens that clients of Azure OpenAI ask for already: with them a caller changes
# nothing but the endpoint.
_DEFAULT_AUDIENCES = "https://cognitiveservices.azure.com,https://ai.azure.com"

# As a diagnostic setting names them, and the export of the Activity Log.
# https://learn.microsoft.com/azure/azure-monitor/platform/resource-logs#send-to-azure-storage
_DEFAULT_LOGS_CONTAINERS = (
    "insights-logs-requestresponse,insights-logs-azureopenairequestusage,insights-logs-audit,insights-logs-trace,"
    "insights-metrics-pt1m,insights-activity-logs"
)

_EVERY_MINUTE = "0 * * * * *"


class UpstreamAuth(StrEnum):
    """Who we are upstream."""

    MANAGED_IDENTITY = "managed_identity"
    KEY = "key"
    CALLER = "caller"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntraSettings:
    """Whose access tokens are taken. No tenants: none are."""

    tenants: frozenset[str]
    audiences: frozenset[str]
    authority: str
    required_role: str | None
    easy_auth: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamSettings:
    """Which Azure OpenAI resource, and how to get in. Seconds."""

    endpoint: str
    auth: UpstreamAuth
    api_key: str | None = field(repr=False)
    scope: str
    idle_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySettings:
    """Bounds of the relay. Bytes and seconds."""

    max_body_bytes: int
    keep_alive_seconds: float
    on_hangup: OnHangup
    drain_seconds: float
    drain_max: int
    shutdown_grace_seconds: float
    count_audit_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSettings:
    """How calls are kept, and where while storage does not take them. Seconds and bytes."""

    worker_lease_seconds: float
    when_unavailable: WhenUnavailable
    spool_dir: Path
    spool_max_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PricingSettings:
    """What the operator says of prices, before ours are asked, and of deployments, by name in lower case."""

    prices: Sequence[Price]
    deployments: Mapping[str, Deployment]


class BlobTrigger(StrEnum):
    """What, beside the timer, has a log blob read when it is new or has changed."""

    OFF = "off"
    POLLING = "polling"
    EVENT_GRID = "event_grid"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsSettings:
    """Where Azure exports its logs to. `containers` are names, or patterns with a `*`."""

    storage: StorageSettings
    containers: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogTriggers:
    """
    What has logs read, for the host to bind functions to: a timer, and beside it what is asked for.

    `containers` are those with a blob trigger; `connection` names the settings of their account. Where
    `event_hub` is empty there is none.
    """

    schedule: str
    blobs: BlobTrigger
    containers: Sequence[str]
    connection: str
    event_hub: str
    consumer_group: str | None


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


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """
    Return the settings.

    Raises:
        SettingsInvalid: one error that names all that is missing or wrong.
    """
    read = _Reader(environment)
    storage = _storage(read)
    settings = Settings(
        storage=storage,
        entra=_entra(read),
        upstream=_upstream(read),
        relay=_relay(read),
        ledger=_ledger(read),
        pricing=_pricing(read),
        logs=_logs(read, storage),
    )
    _log_triggers(read)
    read.raise_problems()
    return settings


def storage_settings(environment: Mapping[str, str] = os.environ) -> StorageSettings:
    """
    Return only where storage is, for tools that need no more.

    Raises:
        SettingsInvalid: it is not said.
    """
    read = _Reader(environment)
    storage = _storage(read)
    read.raise_problems()
    return storage


def sweep_schedule(environment: Mapping[str, str] = os.environ) -> str:
    """Return when open calls are swept, as NCRONTAB. It is the host that reads it, and refuses it if it must."""
    return _Reader(environment).text("SWEEP_SCHEDULE") or _EVERY_MINUTE


def log_triggers(environment: Mapping[str, str] = os.environ) -> LogTriggers:
    """Return what has logs read. What is wrong here takes its default; `read_settings` names it."""
    return _log_triggers(_Reader(environment))


def _storage(read: _Reader) -> StorageSettings:
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


def _entra(read: _Reader) -> EntraSettings:
    return EntraSettings(
        tenants=read.words("ENTRA_TENANT_IDS"),
        audiences=read.words("ENTRA_AUDIENCES", _DEFAULT_AUDIENCES),
        authority=read.url("ENTRA_AUTHORITY", "https://login.microsoftonline.com") or "",
        required_role=read.text("ENTRA_REQUIRED_ROLE"),
        # Set by App Service where its authentication is on; nothing a caller can reach.
        easy_auth=read.flag("WEBSITE_AUTH_ENABLED"),
    )


def _upstream(read: _Reader) -> UpstreamSettings:
    auth = read.choice("UPSTREAM_AUTH", UpstreamAuth.MANAGED_IDENTITY)
    api_key = read.text("AZURE_OPENAI_API_KEY")
    if auth is UpstreamAuth.KEY and not api_key:
        read.problem("AZURE_OPENAI_API_KEY is missing, which UPSTREAM_AUTH=key needs")
    endpoint = read.url("AZURE_OPENAI_ENDPOINT")
    if not endpoint:
        read.problem("AZURE_OPENAI_ENDPOINT is missing: https://NAME.openai.azure.com")
    return UpstreamSettings(
        endpoint=endpoint or "",
        auth=auth,
        api_key=api_key,
        scope=read.text("AZURE_OPENAI_SCOPE") or "https://cognitiveservices.azure.com/.default",
        idle_seconds=read.number("UPSTREAM_IDLE_SECONDS", 600.0, above=0),
    )


def _relay(read: _Reader) -> RelaySettings:
    return RelaySettings(
        max_body_bytes=read.number("MAX_BODY_BYTES", 104_857_600, above=0),
        # Azure's front end drops a connection after 230 s of silence.
        keep_alive_seconds=read.number("KEEP_ALIVE_SECONDS", 60.0, above=0),
        on_hangup=read.choice("ON_HANGUP", OnHangup.DRAIN),
        drain_seconds=read.number("DRAIN_SECONDS", 120.0, above=0),
        drain_max=read.number("DRAIN_MAX", 100, above=0),
        shutdown_grace_seconds=read.number("SHUTDOWN_GRACE_SECONDS", 8.0, above=0),
        count_audit_share=read.share("COUNT_AUDIT_SHARE", 0.05),
    )


def _ledger(read: _Reader) -> LedgerSettings:
    spool_dir = read.text("SPOOL_DIR")
    return LedgerSettings(
        worker_lease_seconds=read.number("WORKER_LEASE_SECONDS", 90.0, above=0),
        when_unavailable=read.choice("LEDGER_WHEN_UNAVAILABLE", WhenUnavailable.REFUSE),
        # Each user of a machine has one, for nobody may write in another's.
        spool_dir=Path(spool_dir) if spool_dir else Path(tempfile.gettempdir(), f"aoai-ledger-{os.getuid()}"),
        spool_max_bytes=read.number("SPOOL_MAX_BYTES", 67_108_864, above=0),
    )


def _pricing(read: _Reader) -> PricingSettings:
    return PricingSettings(
        prices=read.parsed("PRICES", parse=read_prices, empty="[]"),
        deployments=read.parsed("DEPLOYMENTS", parse=read_deployments, empty="{}"),
    )


def _logs(read: _Reader, ledgers: StorageSettings) -> LogsSettings:
    return LogsSettings(storage=_log_storage(read) or ledgers, containers=_log_containers(read))


def _log_storage(read: _Reader) -> StorageSettings | None:
    """Return the account that logs are exported to, None where it is not another than the ledger's."""
    connection_string = read.text("LogsStorage")
    account = read.text("LogsStorage__accountName")
    endpoint = read.url("LogsStorage__blobServiceUri")
    if account and not endpoint:
        endpoint = f"https://{account}.blob.core.windows.net"
    if not connection_string and not endpoint:
        return None
    return StorageSettings(connection_string=connection_string, blob_endpoint=endpoint)


def _log_containers(read: _Reader) -> list[str]:
    return sorted(read.words("LOGS_CONTAINERS", _DEFAULT_LOGS_CONTAINERS))


def _log_triggers(read: _Reader) -> LogTriggers:
    blobs = read.choice("INGEST_BLOB_TRIGGER", BlobTrigger.OFF)
    # A blob trigger takes no pattern for its container.
    containers = [name for name in _log_containers(read) if "*" not in name]
    return LogTriggers(
        schedule=read.text("INGEST_SCHEDULE") or _EVERY_MINUTE,
        blobs=blobs,
        containers=[] if blobs is BlobTrigger.OFF else containers,
        connection="LogsStorage" if _log_storage(read) else "AzureWebJobsStorage",
        event_hub=read.text("LOGS_EVENT_HUB") or "",
        consumer_group=read.text("LOGS_CONSUMER_GROUP"),
    )


class _Reader:
    """Reads settings one by one and gathers what is wrong with them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._problems: list[str] = []

    def problem(self, text: str) -> None:
        self._problems.append(text)

    def raise_problems(self) -> None:
        if self._problems:
            # Some settings are read for two purposes.
            raise SettingsInvalid("; ".join(dict.fromkeys(self._problems)))

    def text(self, name: str) -> str | None:
        return self._environment.get(name, "").strip() or None

    def words(self, name: str, default: str = "") -> frozenset[str]:
        return frozenset(word.strip() for word in (self.text(name) or default).split(",") if word.strip())

    def flag(self, name: str) -> bool:
        return (self.text(name) or "").lower() in {"1", "true"}

    def url(self, name: str, default: str | None = None) -> str | None:
        text = self.text(name) or default
        if text is None:
            return None
        if not _is_url(text):
            self.problem(f"{name} is not a URL")
        return text.rstrip("/")

    def choice(self, name: str, default: _Choice) -> _Choice:
        text = self.text(name)
        try:
            return type(default)(text.lower()) if text else default
        except ValueError:
            self.problem(f"{name} is one of {', '.join(type(default))}")
            return default

    def number(self, name: str, default: _Number, *, above: int) -> _Number:
        convert: Callable[[str], _Number] = type(default)
        text = self.text(name)
        try:
            number = convert(text) if text else default
        except ValueError:
            number = None
        if number is None or not above < number < float("inf"):
            self.problem(f"{name} is a number above {above}")
            return default
        return number

    def share(self, name: str, default: float) -> float:
        text = self.text(name)
        try:
            share = float(text) if text else default
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            self.problem(f"{name} is a number from 0 to 1")
            return default
        return share

    def parsed(self, name: str, *, parse: Callable[[str], _Parsed], empty: str) -> _Parsed:
        try:
            return parse(self.text(name) or empty)
        except ValueError as error:
            self.problem(f"{name} cannot be read: {error}")
            return parse(empty)


def _is_url(text: str) -> bool:
    try:
        # To read the port is to check it.
        return _URL.fullmatch(text) is not None and urlsplit(text).port != 0
    except ValueError:
        return False

"""What is exported, and where to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.exports import ExportFormat, is_container_name
from shared.settings.reader import Reader

_DEFAULT_FORMATS = "parquet,focus"
_OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsIngestionSettings:
    """The data collection rule that takes usage records into Log Analytics."""

    endpoint: str
    rule_id: str
    stream: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSettings:
    """
    What is exported every day, and where to; no formats: nothing is.

    Of the last `days` days, not counting today. `billing_account_id` is what FOCUS files say of whose costs they are.
    """

    formats: Sequence[ExportFormat]
    container: str
    days: int
    billing_account_id: str
    logs: LogsIngestionSettings | None


def read_exports(read: Reader) -> ExportSettings:
    """Read them, and tell the reader what is wrong with them."""
    return ExportSettings(
        formats=_formats(read),
        container=_container(read),
        days=read.number("EXPORT_DAYS", 3, above=0),
        billing_account_id=read.text("FOCUS_BILLING_ACCOUNT_ID") or "aoai-ledger",
        logs=_logs(read),
    )


def _formats(read: Reader) -> list[ExportFormat]:
    words = read.words("EXPORT_FORMATS", _DEFAULT_FORMATS)
    if words == {_OFF}:
        return []
    if words - set(ExportFormat):
        read.problem(f"EXPORT_FORMATS is {_OFF}, or any of {', '.join(ExportFormat)}, separated by commas")
    return [each for each in ExportFormat if each in words]


def _container(read: Reader) -> str:
    name = read.text("EXPORT_CONTAINER") or "exports"
    if not is_container_name(name):
        read.problem("EXPORT_CONTAINER is not the name of a container: 3 to 63 small letters, digits and single dashes")
    return name


def _logs(read: Reader) -> LogsIngestionSettings | None:
    endpoint = read.url("LOGS_INGESTION_ENDPOINT")
    rule_id = read.text("LOGS_INGESTION_RULE_ID")
    stream = read.text("LOGS_INGESTION_STREAM") or "Custom-AoaiUsage_CL"
    if bool(endpoint) != bool(rule_id):
        read.problem("LOGS_INGESTION_ENDPOINT and LOGS_INGESTION_RULE_ID go together, and one is missing")
    if not endpoint or not rule_id:
        return None
    return LogsIngestionSettings(endpoint=endpoint, rule_id=rule_id, stream=stream)

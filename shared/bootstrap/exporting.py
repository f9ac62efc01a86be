"""What is exported, and where to."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import cache, partial

from shared.adapters.blob_export_files import BlobExportFiles
from shared.adapters.json_prices import shipped_prices
from shared.adapters.log_ingestion_api import LogIngestionApi
from shared.adapters.parquet_format import ParquetFormat
from shared.bootstrap.parts import Parts
from shared.domain.csv_format import CsvFormat
from shared.domain.exports import ExportFormat
from shared.domain.focus.table import FocusTable, FocusTerms
from shared.domain.pricing import PriceTable
from shared.ports.usage_records import UsageRecords
from shared.settings import Settings
from shared.settings.exports import ExportSettings
from shared.settings.pricing import PricingSettings
from shared.usecases.export_recent_days import ExportRecentDays
from shared.usecases.export_usage import Export, ExportUsage, RecordTable
from shared.usecases.price_records import describe_deployment
from shared.usecases.send_usage_logs import SendUsageLogs


def export_recent_days(settings: Settings, parts: Parts, records: UsageRecords) -> ExportRecentDays:
    """Return what the timer runs."""
    exports = settings.exports
    files = BlobExportFiles(parts.blobs, exports.container)
    tables = exports_of(exports.formats, exports, settings.pricing)
    send = None
    if exports.logs:
        sink = LogIngestionApi(
            parts.entra_session,
            parts.credential,
            endpoint=exports.logs.endpoint,
            rule_id=exports.logs.rule_id,
            stream=exports.logs.stream,
            jitter=random.random,
        )
        send = SendUsageLogs(records, files, sink)
    return ExportRecentDays(
        export=ExportUsage(records, files, tables) if tables else None,
        send=send,
        clock=parts.clock,
        days=exports.days,
    )


def exports_of(formats: Sequence[ExportFormat], exports: ExportSettings, pricing: PricingSettings) -> Sequence[Export]:
    """Return the files a day that these formats are. Tables of one kind and format have a folder of their own."""
    return [export for each in formats for export in _of_format(each, exports, pricing)]


def _of_format(each: ExportFormat, exports: ExportSettings, pricing: PricingSettings) -> Iterator[Export]:
    match each:
        case ExportFormat.CSV:
            yield Export(folder="usage_csv", table=lambda _: RecordTable(), format=CsvFormat())
        case ExportFormat.PARQUET:
            yield Export(folder="usage", table=lambda _: RecordTable(), format=ParquetFormat())
        case ExportFormat.FOCUS:
            table = _focus_table(exports, pricing)
            yield Export(folder="focus", table=table, format=ParquetFormat())
            yield Export(folder="focus_csv", table=table, format=CsvFormat())


def _focus_table(exports: ExportSettings, pricing: PricingSettings) -> Callable[[date], FocusTable]:
    # Not before they are needed: a cold start would wait for the list of prices once more.
    terms = cache(partial(_terms, exports, pricing))
    return lambda day: FocusTable(day, terms())


def _terms(exports: ExportSettings, pricing: PricingSettings) -> FocusTerms:
    return FocusTerms(
        billing_account_id=exports.billing_account_id,
        describe=partial(describe_deployment, pricing.deployments),
        prices=[PriceTable(pricing.prices), PriceTable(shipped_prices())],
    )

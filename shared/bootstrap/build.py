"""Builds the app from its settings."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial

from shared import VERSION
from shared.adapters.parquet_format import ParquetFormat
from shared.adapters.table_service import check_tables
from shared.adapters.table_usage_records import TableUsageRecords
from shared.adapters.tiktoken_counter import TiktokenCounter
from shared.bootstrap.app import App
from shared.bootstrap.exporting import export_recent_days
from shared.bootstrap.identifying import identify_principal
from shared.bootstrap.log_reading import ingest_log_blob, ingest_recent_logs
from shared.bootstrap.parts import Parts
from shared.bootstrap.reconciling import reconciling
from shared.bootstrap.records import query_records, tell_call
from shared.bootstrap.relaying import relay_call
from shared.bootstrap.rolling_up import UsageRollups
from shared.ports.usage_ledger import UsageLedger
from shared.settings import Settings
from shared.settings.upstream import UpstreamAuth
from shared.usecases.attempt import Bookkeeping
from shared.usecases.audit_counts import AuditCounts
from shared.usecases.open_attempts import OpenAttempts
from shared.usecases.query_drift import QueryDrift
from shared.usecases.sweep_open_calls import SweepOpenCalls
from shared.web.description import DescriptionEndpoint
from shared.web.drift import DriftEndpoint
from shared.web.health import HealthEndpoint
from shared.web.page.caller import CallerEndpoint
from shared.web.page.endpoint import PageEndpoint
from shared.web.page.files import read_page
from shared.web.records import CallEndpoint, RecordsEndpoint
from shared.web.relay import RelayEndpoint
from shared.web.usage import UsageEndpoint


async def build_app(settings: Settings, *, ledger: UsageLedger | None = None) -> App:
    """
    Return the app for these settings; its `close` ends what was opened. Nothing is sent anywhere yet.

    A `ledger` takes the place of the one in Table Storage; who made it closes it.

    Raises:
        SettingsInvalid: the settings cannot work together.
    """
    stack = AsyncExitStack()
    try:
        parts = await Parts.open(settings, stack)
        return _assemble(settings, replace(parts, ledger=ledger) if ledger else parts, stack)
    except BaseException:
        await stack.aclose()
        raise


def _assemble(settings: Settings, parts: Parts, stack: AsyncExitStack) -> App:
    identify = identify_principal(settings.entra, parts)
    counter = TiktokenCounter()
    audits = AuditCounts(ledger=parts.ledger, counter=counter, share=settings.relay.count_audit_share)
    stack.push_async_callback(audits.close)
    books = Bookkeeping(
        ledger=parts.ledger,
        counter=counter,
        clock=parts.clock,
        models=parts.models,
        audits=audits,
        open_attempts=OpenAttempts(),
    )
    relay = relay_call(settings, parts, books)
    # Closed before all it needs: it waits for the calls under way.
    stack.push_async_callback(relay.close)
    records = TableUsageRecords(parts.tables)
    proof = reconciling(settings, parts, identify)
    rollups = UsageRollups.over(parts.table_endpoint, parts.table_session, parts.transactions, parts.clock)
    reports, parquet = rollups.query_usage(), ParquetFormat()
    return App(
        relay_call=RelayEndpoint(
            identify,
            relay,
            credentials_of_caller=settings.upstream.auth is UpstreamAuth.CALLER,
        ),
        query_usage=UsageEndpoint(identify, reports, parts.clock, parquet),
        query_my_usage=UsageEndpoint(identify, reports, parts.clock, parquet, only_mine=True),
        query_drift=DriftEndpoint(identify, QueryDrift(records), parts.clock),
        usage_page=PageEndpoint(read_page(easy_auth=settings.entra.easy_auth)),
        usage_page_me=CallerEndpoint(identify),
        query_records=RecordsEndpoint(identify, query_records(parts.tables, parts.clock), parts.clock),
        tell_call=CallEndpoint(identify, tell_call(parts.tables, parts.clock)),
        query_findings=proof.query_findings,
        accept_finding=proof.accept_finding,
        query_reconciliation=proof.query_reconciliation,
        describe_api=DescriptionEndpoint(VERSION),
        health=HealthEndpoint(lambda: check_tables(parts.tables), VERSION),
        sweep_open_calls=SweepOpenCalls(parts.open_calls, parts.ledger),
        reconcile_usage=proof.reconcile_usage,
        roll_up_usage=rollups.roll_up_usage(),
        ingest_logs=ingest_recent_logs(settings.logs, parts),
        ingest_log_blob=partial(ingest_log_blob, parts),
        ingest_log_events=parts.logs.of_events(),
        export_usage=export_recent_days(settings, parts, records),
        close=stack.aclose,
    )

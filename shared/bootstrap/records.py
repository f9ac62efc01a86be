"""Calls one by one: for the endpoints and for the command line."""

from __future__ import annotations

from azure.data.tables.aio import TableServiceClient

from shared.adapters.table_call_log import TableCallLog
from shared.adapters.table_findings import TABLE as FINDINGS_TABLE
from shared.adapters.table_findings import TableFindings
from shared.adapters.table_logged_calls import TableLoggedCalls
from shared.adapters.table_record_search import TableRecordSearch
from shared.adapters.table_usage_records import TableUsageRecords
from shared.adapters.table_windows import TABLE as WINDOWS_TABLE
from shared.adapters.table_windows import TableWindows
from shared.ports.clock import Clock
from shared.usecases.find_logged_call import FindLoggedCall
from shared.usecases.query_records import QueryRecords
from shared.usecases.tell_call import TellCall


def query_records(tables: TableServiceClient, clock: Clock) -> QueryRecords:
    """Return what lists calls."""
    return QueryRecords(TableRecordSearch(tables), clock)


def tell_call(tables: TableServiceClient, clock: Clock) -> TellCall:
    """Return what tells one call."""
    logged = FindLoggedCall(
        TableCallLog(tables),
        TableUsageRecords(tables),
        TableLoggedCalls(tables),
        TableWindows(tables.get_table_client(WINDOWS_TABLE)),
    )
    findings = TableFindings(tables.get_table_client(FINDINGS_TABLE))
    return TellCall(TableRecordSearch(tables), logged, findings, clock)

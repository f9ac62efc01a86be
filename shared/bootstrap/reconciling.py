"""What holds the ledger against Azure's logs, and tells what does not add up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from shared.adapters.standard_webhook import StandardWebhook
from shared.adapters.table_findings import TABLE as FINDINGS_TABLE
from shared.adapters.table_findings import TableFindings
from shared.adapters.table_logged_calls import TableLoggedCalls
from shared.adapters.table_usage_records import TableUsageRecords
from shared.adapters.table_windows import TABLE as WINDOWS_TABLE
from shared.adapters.table_windows import TableWindows
from shared.bootstrap.parts import Parts
from shared.settings import Settings
from shared.settings.reconciliation import ReconciliationSettings
from shared.usecases.accept_finding import AcceptFinding
from shared.usecases.announce_findings import AnnounceFindings
from shared.usecases.identify_principal import IdentifyPrincipal
from shared.usecases.keep_findings import KeepFindings
from shared.usecases.query_findings import QueryFindings
from shared.usecases.query_reconciliation import QueryReconciliation
from shared.usecases.reconcile_hour import HourSources, KnownOfAzure, ReconcileHour
from shared.usecases.reconcile_usage import ReconcileUsage
from shared.usecases.review_control_plane import ReviewControlPlane
from shared.web.findings import AcceptFindingEndpoint, FindingsEndpoint, announcement_body
from shared.web.reconciliation import ReconciliationEndpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciling:
    """What the timer runs, and the endpoints that answer what came of it."""

    reconcile_usage: Callable[[], Awaitable[None]]
    query_findings: FindingsEndpoint
    accept_finding: AcceptFindingEndpoint
    query_reconciliation: ReconciliationEndpoint


def reconciling(settings: Settings, parts: Parts, identify: IdentifyPrincipal) -> Reconciling:
    """Return them. Raises SettingsInvalid."""
    windows = TableWindows(parts.tables.get_table_client(WINDOWS_TABLE))
    findings = TableFindings(parts.tables.get_table_client(FINDINGS_TABLE))
    announce = AnnounceFindings(
        findings=findings,
        webhook=_webhook(settings.reconciliation, parts.webhook_session),
        body_of=announcement_body,
        clock=parts.clock,
    )
    reconcile = _reconcile(settings, parts, windows, findings)
    return Reconciling(
        reconcile_usage=lambda: reconcile_and_announce(reconcile, announce),
        query_findings=FindingsEndpoint(identify, QueryFindings(findings), parts.clock),
        accept_finding=AcceptFindingEndpoint(identify, AcceptFinding(findings, parts.clock)),
        query_reconciliation=ReconciliationEndpoint(identify, QueryReconciliation(windows, parts.clock), parts.clock),
    )


async def reconcile_and_announce(reconcile: ReconcileUsage, announce: AnnounceFindings) -> None:
    """Reconcile; then tell what is found, also where a window failed. Raises StorageError."""
    try:
        await reconcile()
    finally:
        await announce()


def _reconcile(settings: Settings, parts: Parts, windows: TableWindows, findings: TableFindings) -> ReconcileUsage:
    keep = KeepFindings(findings, parts.clock)
    logged = TableLoggedCalls(parts.tables)
    return ReconcileUsage(
        windows=windows,
        open_calls=parts.open_calls,
        reconcile_hour=ReconcileHour(
            sources=HourSources(records=TableUsageRecords(parts.tables), logged=logged, open_calls=parts.open_calls),
            windows=windows,
            ledger=parts.ledger,
            keep=keep,
            known=_known(settings),
        ),
        review=ReviewControlPlane(logged=logged, windows=windows, findings=findings, keep=keep),
        clock=parts.clock,
    )


def _known(settings: Settings) -> KnownOfAzure:
    resource_id, tenants = settings.reconciliation.resource_id, sorted(settings.entra.tenants)
    host = (urlsplit(settings.upstream.endpoint).hostname or "").lower()
    return KnownOfAzure(
        resources={host: resource_id} if resource_id else {},
        tenant_id=tenants[0].lower() if len(tenants) == 1 else None,
    )


def _webhook(settings: ReconciliationSettings, session: aiohttp.ClientSession) -> StandardWebhook | None:
    if settings.webhook_url is None or settings.webhook_secret is None:
        return None
    return StandardWebhook(session, settings.webhook_url, settings.webhook_secret)

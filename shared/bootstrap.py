"""Builds the app: settings to adapters to use cases to endpoints, once per worker."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

import aiohttp
from azure.core.credentials_async import AsyncTokenCredential
from azure.data.tables.aio import TableServiceClient
from azure.identity.aio import DefaultAzureCredential
from azure.storage.blob.aio import BlobServiceClient
from starlette.requests import Request
from starlette.responses import Response

from shared import VERSION
from shared.adapters.aiohttp_upstream import AiohttpUpstream, upstream_session
from shared.adapters.blob_dead_letters import BlobDeadLetters
from shared.adapters.blob_log_reader import BlobLogReader
from shared.adapters.blob_service import blob_service
from shared.adapters.disk_spool import DiskSpool
from shared.adapters.easy_auth import EasyAuth
from shared.adapters.entra_token_verifier import EntraTokenVerifier
from shared.adapters.gateway_key_cache import GatewayKeyCache
from shared.adapters.json_prices import shipped_prices
from shared.adapters.system_clock import SystemClock
from shared.adapters.table_authorization import TableEndpoint
from shared.adapters.table_checkpoints import TABLE as CHECKPOINTS_TABLE
from shared.adapters.table_checkpoints import TableCheckpoints
from shared.adapters.table_deployment_models import TABLE as DEPLOYMENTS_TABLE
from shared.adapters.table_deployment_models import TableDeploymentModels
from shared.adapters.table_gateway_keys import TABLE as KEYS_TABLE
from shared.adapters.table_gateway_keys import TableGatewayKeys
from shared.adapters.table_log_store import TableLogStore
from shared.adapters.table_open_calls import TableOpenCalls
from shared.adapters.table_service import check_tables, table_service
from shared.adapters.table_transactions import TableTransactions
from shared.adapters.table_usage_ledger import Patience, TableUsageLedger
from shared.adapters.table_usage_records import TableUsageRecords
from shared.adapters.tiktoken_counter import TiktokenCounter
from shared.adapters.upstream_credentials import ApiKey, CallersOwn, EntraToken, UpstreamCredential
from shared.domain.deployment_models import DeploymentModels
from shared.domain.errors import OurError, SettingsInvalid
from shared.domain.logs.reading import LogBlob
from shared.domain.pricing import PriceTable
from shared.ports import Clock, LogBlobs, OpenCalls, UsageLedger
from shared.settings import (
    EntraSettings,
    LogsSettings,
    PricingSettings,
    Settings,
    UpstreamAuth,
    UpstreamSettings,
    read_settings,
)
from shared.usecases.attempt import Bookkeeping
from shared.usecases.audit_counts import AuditCounts
from shared.usecases.drain_spool import DrainSpool
from shared.usecases.guarded_ledger import GuardedLedger
from shared.usecases.identify_principal import IdentifyPrincipal
from shared.usecases.ingest_log_blob import IngestLogBlob
from shared.usecases.ingest_log_events import IngestLogEvents
from shared.usecases.ingest_recent_logs import IngestRecentLogs
from shared.usecases.learn_models import LearnModels
from shared.usecases.open_attempts import OpenAttempts
from shared.usecases.pass_on_answer import HangupPolicy
from shared.usecases.price_records import PriceRecords
from shared.usecases.query_drift import QueryDrift
from shared.usecases.query_usage import QueryUsage
from shared.usecases.record_calls import RecordCalls, WhenUnavailable
from shared.usecases.relay_call import RelayCall, RelayPolicy
from shared.usecases.store_log_lines import StoreLogLines
from shared.usecases.sweep_open_calls import SweepOpenCalls
from shared.web.drift import DriftEndpoint
from shared.web.errors import error_response
from shared.web.health import HealthEndpoint
from shared.web.relay import RelayEndpoint
from shared.web.usage import UsageEndpoint

logger = logging.getLogger(__name__)

Endpoint = Callable[[Request], Awaitable[Response]]

_TABLE_CONNECTIONS = 64
# A caller who would be refused has time to wait for storage; one who is let through anyway has not.
# Nor has an end: the disk takes it.
_PATIENCE = {
    WhenUnavailable.REFUSE: Patience(begin_seconds=10.0, end_seconds=10.0),
    WhenUnavailable.ALLOW: Patience(begin_seconds=3.0, end_seconds=5.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """What the triggers run."""

    relay_call: Endpoint
    query_usage: Endpoint
    query_drift: Endpoint
    health: Endpoint
    sweep_open_calls: Callable[[], Awaitable[None]]
    ingest_logs: Callable[[], Awaitable[object]]
    ingest_log_blob: Callable[[str], Awaitable[object]]
    ingest_log_events: Callable[[str, Sequence[bytes]], Awaitable[object]]
    close: Callable[[], Awaitable[None]]


_building: asyncio.Task[App] | None = None


async def app() -> App:
    """Return the worker's app, built when it is first asked for. Never raises: see `build_app_or_refusal`."""
    global _building
    if _building is None:
        _building = asyncio.create_task(build_app_or_refusal())
    return await asyncio.shield(_building)


async def close_app() -> None:
    """End what the worker's app has opened, its calls under way first. Nothing where none was built."""
    if _building is not None:
        await (await app()).close()


async def build_app_or_refusal() -> App:
    """Return the app, or where the settings are wrong one that answers every request with that error."""
    try:
        return await build_app(read_settings())
    except SettingsInvalid as error:
        logger.critical("settings.invalid", extra={"reason": str(error)})
        return _refusal(error)
    except Exception:
        # Azure's libraries read settings of their own, and raise what they like. To raise it here would be
        # a bare 500 for every call.
        logger.exception("app.not_built")
        return _refusal(OurError("the app could not be built"))


async def build_app(settings: Settings, *, ledger: UsageLedger | None = None) -> App:
    """
    Return the app for these settings; its `close` ends what was opened. Nothing is sent anywhere yet.

    A `ledger` takes the place of the one in Table Storage; who made it closes it.

    Raises:
        SettingsInvalid: the settings cannot work together.
    """
    stack = AsyncExitStack()
    try:
        parts = await _Parts.open(settings, stack)
        return _assemble(settings, replace(parts, ledger=ledger) if ledger else parts, stack)
    except BaseException:
        await stack.aclose()
        raise


@dataclass(frozen=True, slots=True, kw_only=True)
class LogIngestion:
    """What logs are kept in, wherever they are read from."""

    checkpoints: TableCheckpoints
    store: StoreLogLines
    dead_letters: BlobDeadLetters

    @classmethod
    def over(cls, tables: TableServiceClient, transactions: TableTransactions, blobs: BlobServiceClient) -> Self:
        """Return it over the ledger's tables and blobs, which whoever opened them closes."""
        return cls(
            checkpoints=TableCheckpoints(tables.get_table_client(CHECKPOINTS_TABLE)),
            store=StoreLogLines(TableLogStore(tables, transactions)),
            dead_letters=BlobDeadLetters(blobs),
        )

    def of_blobs(self, blobs: LogBlobs) -> IngestLogBlob:
        """Return what reads a blob of these."""
        return IngestLogBlob(
            blobs=blobs, checkpoints=self.checkpoints, store=self.store, dead_letters=self.dead_letters
        )

    def of_events(self) -> IngestLogEvents:
        """Return what reads events."""
        return IngestLogEvents(store=self.store, dead_letters=self.dead_letters)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What is opened once and shared."""

    clock: Clock
    tables: TableServiceClient
    table_endpoint: TableEndpoint
    table_session: aiohttp.ClientSession
    upstream_session: aiohttp.ClientSession
    entra_session: aiohttp.ClientSession
    credential: AsyncTokenCredential
    ledger: UsageLedger
    models: DeploymentModels
    open_calls: OpenCalls
    logs: LogIngestion
    log_blobs: BlobLogReader

    @classmethod
    async def open(cls, settings: Settings, stack: AsyncExitStack) -> _Parts:
        clock = SystemClock()
        credential = await stack.enter_async_context(
            DefaultAzureCredential(managed_identity_client_id=settings.storage.client_id)
        )
        tables = await stack.enter_async_context(table_service(settings.storage, credential))
        endpoint = TableEndpoint.of(tables)
        table_session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=_TABLE_CONNECTIONS))
        )
        transactions = TableTransactions(
            endpoint,
            table_session,
            create_table=tables.create_table_if_not_exists,
            clock=clock,
            jitter=random.random,
        )
        # Closed before the session above: what they still have to write goes through it.
        ledger = _open_ledger(settings, endpoint, transactions, clock, stack)
        models = DeploymentModels(
            {name: described.model for name, described in settings.pricing.deployments.items() if described.model}
        )
        learning = LearnModels(ledger, models, TableDeploymentModels(tables.get_table_client(DEPLOYMENTS_TABLE), clock))
        stack.push_async_callback(learning.close)
        open_calls = TableOpenCalls(tables, transactions, lease_seconds=settings.ledger.worker_lease_seconds)
        stack.push_async_callback(open_calls.close)
        return cls(
            clock=clock,
            tables=tables,
            table_endpoint=endpoint,
            table_session=table_session,
            upstream_session=await stack.enter_async_context(upstream_session(settings.upstream.idle_seconds)),
            entra_session=await stack.enter_async_context(aiohttp.ClientSession()),
            credential=credential,
            ledger=learning,
            models=models,
            open_calls=open_calls,
            logs=LogIngestion.over(
                tables, transactions, await stack.enter_async_context(blob_service(settings.storage, credential))
            ),
            log_blobs=BlobLogReader(await stack.enter_async_context(blob_service(settings.logs.storage, credential))),
        )


def _open_ledger(
    settings: Settings,
    endpoint: TableEndpoint,
    transactions: TableTransactions,
    clock: Clock,
    stack: AsyncExitStack,
) -> RecordCalls:
    tables = TableUsageLedger(
        transactions,
        worker_id=uuid.uuid4().hex,
        lease_seconds=settings.ledger.worker_lease_seconds,
        patience=_PATIENCE[settings.ledger.when_unavailable],
    )
    stack.push_async_callback(tables.close)
    # What is kept for one storage account must never be recorded in another.
    folder = settings.ledger.spool_dir / re.sub(r"\W+", "-", endpoint.url)
    spool = DiskSpool(folder, max_bytes=settings.ledger.spool_max_bytes)
    stack.push_async_callback(spool.close)
    stored = GuardedLedger(_priced(settings.pricing, tables), clock)
    drain = DrainSpool(spool=spool, stored=stored, jitter=random.random)
    drain.start()
    stack.push_async_callback(drain.close)
    return RecordCalls(stored=stored, spool=spool, when_unavailable=settings.ledger.when_unavailable)


def _priced(settings: PricingSettings, ledger: UsageLedger) -> PriceRecords:
    tables = [PriceTable(settings.prices), PriceTable(shipped_prices())]
    return PriceRecords(ledger, settings.deployments, tables)


def _assemble(settings: Settings, parts: _Parts, stack: AsyncExitStack) -> App:
    identify = _identify_principal(settings.entra, parts)
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
    relay = _relay_call(settings, parts, books)
    # Closed before all it needs: it waits for the calls under way.
    stack.push_async_callback(relay.close)
    records = TableUsageRecords(parts.tables)
    return App(
        relay_call=RelayEndpoint(
            identify,
            relay,
            credentials_of_caller=settings.upstream.auth is UpstreamAuth.CALLER,
        ),
        query_usage=UsageEndpoint(identify, QueryUsage(records), parts.clock),
        query_drift=DriftEndpoint(identify, QueryDrift(records), parts.clock),
        health=HealthEndpoint(lambda: check_tables(parts.tables), VERSION),
        sweep_open_calls=SweepOpenCalls(parts.open_calls, parts.ledger),
        ingest_logs=_ingest_recent_logs(settings.logs, parts),
        ingest_log_blob=partial(_ingest_log_blob, parts),
        ingest_log_events=parts.logs.of_events(),
        close=stack.aclose,
    )


def _ingest_recent_logs(logs: LogsSettings, parts: _Parts) -> IngestRecentLogs:
    return IngestRecentLogs(
        blobs=parts.log_blobs,
        containers=parts.log_blobs,
        checkpoints=parts.logs.checkpoints,
        ingest=parts.logs.of_blobs(parts.log_blobs),
        clock=parts.clock,
        patterns=logs.containers,
    )


def _ingest_log_blob(parts: _Parts, path: str) -> Awaitable[object]:
    container, _, name = path.partition("/")
    blob = LogBlob(account=parts.log_blobs.account, container=container, name=name)
    return parts.logs.of_blobs(parts.log_blobs)(blob)


def _relay_call(settings: Settings, parts: _Parts, books: Bookkeeping) -> RelayCall:
    relay = settings.relay
    return RelayCall(
        upstream=AiohttpUpstream(
            parts.upstream_session, settings.upstream.endpoint, _upstream_credential(settings.upstream, parts)
        ),
        books=books,
        new_id=lambda: uuid.uuid4().hex,
        policy=RelayPolicy(
            max_body_bytes=relay.max_body_bytes,
            keep_alive_seconds=relay.keep_alive_seconds,
            shutdown_grace_seconds=relay.shutdown_grace_seconds,
            hangup=HangupPolicy(
                on_hangup=relay.on_hangup,
                drain_seconds=relay.drain_seconds,
                drains=asyncio.Semaphore(relay.drain_max),
            ),
        ),
    )


def _upstream_credential(upstream: UpstreamSettings, parts: _Parts) -> UpstreamCredential:
    match upstream.auth:
        case UpstreamAuth.KEY:
            return ApiKey(upstream.api_key or "")
        case UpstreamAuth.CALLER:
            return CallersOwn()
        case UpstreamAuth.MANAGED_IDENTITY:
            return EntraToken(parts.credential, upstream.scope, parts.clock)


def _identify_principal(entra: EntraSettings, parts: _Parts) -> IdentifyPrincipal:
    verifier = EntraTokenVerifier(
        tenants=entra.tenants,
        audiences=entra.audiences,
        session=parts.entra_session,
        clock=parts.clock,
        authority=entra.authority,
    )
    return IdentifyPrincipal(
        keys=GatewayKeyCache(TableGatewayKeys(parts.tables.get_table_client(KEYS_TABLE)), parts.clock),
        clock=parts.clock,
        verifier=verifier if entra.tenants else None,
        read_client_principal=EasyAuth(tenants=entra.tenants).read if entra.easy_auth else None,
        required_role=entra.required_role,
    )


def _refusal(error: OurError) -> App:
    async def refuse(request: Request) -> Response:  # noqa: ARG001 - an endpoint
        return error_response(error)

    async def fail(*_: object) -> None:
        raise error

    async def close() -> None:
        return None

    return App(
        relay_call=refuse,
        query_usage=refuse,
        query_drift=refuse,
        health=refuse,
        sweep_open_calls=fail,
        ingest_logs=fail,
        ingest_log_blob=fail,
        ingest_log_events=fail,
        close=close,
    )

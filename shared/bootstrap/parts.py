"""What is opened once in a worker, and shared."""

from __future__ import annotations

import random
from contextlib import AsyncExitStack
from dataclasses import dataclass

import aiohttp
from azure.core.credentials_async import AsyncTokenCredential
from azure.data.tables.aio import TableServiceClient
from azure.identity.aio import DefaultAzureCredential
from azure.storage.blob.aio import BlobServiceClient

from shared.adapters.aiohttp_upstream import upstream_session
from shared.adapters.blob_log_reader import BlobLogReader
from shared.adapters.blob_service import blob_service
from shared.adapters.system_clock import SystemClock
from shared.adapters.table_authorization import TableEndpoint
from shared.adapters.table_deployment_models import TABLE as DEPLOYMENTS_TABLE
from shared.adapters.table_deployment_models import TableDeploymentModels
from shared.adapters.table_open_calls import TableOpenCalls
from shared.adapters.table_service import table_service
from shared.adapters.table_transactions import TableTransactions
from shared.bootstrap.keeping import open_ledger
from shared.bootstrap.log_ingestion import LogIngestion
from shared.domain.deployment_models import DeploymentModels
from shared.ports.clock import Clock
from shared.ports.open_calls import OpenCalls
from shared.ports.usage_ledger import UsageLedger
from shared.settings import Settings
from shared.usecases.learn_models import LearnModels

_TABLE_CONNECTIONS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What is opened once and shared."""

    clock: Clock
    tables: TableServiceClient
    table_endpoint: TableEndpoint
    table_session: aiohttp.ClientSession
    transactions: TableTransactions
    upstream_session: aiohttp.ClientSession
    entra_session: aiohttp.ClientSession
    webhook_session: aiohttp.ClientSession
    credential: AsyncTokenCredential
    ledger: UsageLedger
    models: DeploymentModels
    open_calls: OpenCalls
    logs: LogIngestion
    log_blobs: BlobLogReader
    blobs: BlobServiceClient

    @classmethod
    async def open(cls, settings: Settings, stack: AsyncExitStack) -> Parts:
        """Open them all; the stack closes them."""
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
        ledger = open_ledger(settings, tables, endpoint, transactions, clock, stack)
        models = DeploymentModels(
            {name: described.model for name, described in settings.pricing.deployments.items() if described.model}
        )
        learning = LearnModels(ledger, models, TableDeploymentModels(tables.get_table_client(DEPLOYMENTS_TABLE), clock))
        stack.push_async_callback(learning.close)
        blobs = await stack.enter_async_context(blob_service(settings.storage, credential))
        open_calls = TableOpenCalls(tables, transactions, lease_seconds=settings.ledger.worker_lease_seconds)
        stack.push_async_callback(open_calls.close)
        return cls(
            clock=clock,
            tables=tables,
            table_endpoint=endpoint,
            table_session=table_session,
            transactions=transactions,
            upstream_session=await stack.enter_async_context(upstream_session(settings.upstream.idle_seconds)),
            entra_session=await stack.enter_async_context(aiohttp.ClientSession()),
            webhook_session=await stack.enter_async_context(aiohttp.ClientSession()),
            credential=credential,
            ledger=learning,
            models=models,
            open_calls=open_calls,
            logs=LogIngestion.over(tables, transactions, blobs),
            log_blobs=BlobLogReader(await stack.enter_async_context(blob_service(settings.logs.storage, credential))),
            blobs=blobs,
        )

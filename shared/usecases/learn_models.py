"""Learn models: remember which model a deployment serves, and say it where a call's own answer did not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from shared.domain.deployment_models import DeploymentKey, DeploymentModels
from shared.domain.errors import StorageError
from shared.domain.usage_record import OpenCall, Origin, UsageRecord
from shared.ports.deployment_models import DeploymentModelStore
from shared.ports.usage_ledger import UsageLedger

logger = logging.getLogger(__name__)


class LearnModels:
    """
    Fulfils UsageLedger in front of another that does.

    What is learnt is kept for other workers, and for those after this one; nothing waits for that.
    """

    def __init__(self, ledger: UsageLedger, models: DeploymentModels, store: DeploymentModelStore) -> None:
        self._ledger = ledger
        self._models = models
        self._store = store
        self._under_way: set[asyncio.Task[None]] = set()
        self._has_loaded = False

    async def begin(self, call: OpenCall) -> None:
        """See UsageLedger."""
        if not self._has_loaded:
            self._has_loaded = True
            self._in_background(self._load())
        await self._ledger.begin(call)

    async def end(self, record: UsageRecord) -> None:
        """See UsageLedger."""
        # What is made of Azure's logs may be of last month, when the deployment served another.
        if record.origin is Origin.RELAY and (key := self._models.learn(record)):
            self._in_background(self._keep(key, record.model or ""))
        await self._ledger.end(self._with_model(record))

    async def abandon(self, record: UsageRecord) -> None:
        """See UsageLedger."""
        if not self._has_loaded:
            # The sweeper runs where no call has been.
            self._has_loaded = True
            await self._load()
        await self._ledger.abandon(self._with_model(record))

    async def withdraw(self, record: UsageRecord) -> None:
        """See UsageLedger."""
        await self._ledger.withdraw(record)

    async def close(self) -> None:
        """Return when what was learnt is kept, or could not be. Never raises."""
        if self._under_way:
            await asyncio.wait(self._under_way)

    def _with_model(self, record: UsageRecord) -> UsageRecord:
        call = record.call
        is_known = record.model is not None and record.model.lower() != (call.deployment or "").lower()
        model = self._models.model_of(call.resource, call.deployment)
        return record if is_known or model is None else replace(record, model=model)

    async def _load(self) -> None:
        try:
            for key, model in await self._store.all():
                self._models.remember(key, model)
        except StorageError as error:
            # It will be learnt again from the first answer.
            logger.warning("models.not_loaded", extra={"reason": str(error)})

    async def _keep(self, key: DeploymentKey, model: str) -> None:
        try:
            await self._store.put(key, model)
        except StorageError as error:
            logger.warning("models.not_kept", extra={"deployment": key.deployment, "reason": str(error)})

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

"""The exports of one simulated resource: what happened goes in, lines in append blobs come out."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from http import HTTPStatus

from azure.core.exceptions import AzureError
from azure.storage.blob.aio import BlobServiceClient

from local.simulated_azure_openai.served_call import ServedCall
from local.simulated_exports import control_plane
from local.simulated_exports.activity_log import Administrator, Operation, activity_lines
from local.simulated_exports.append_blobs import AppendBlobs
from local.simulated_exports.audit import list_key_line
from local.simulated_exports.forms import Forms
from local.simulated_exports.lateness import Lateness
from local.simulated_exports.metrics import MinuteMetrics
from local.simulated_exports.outbox import Outbox
from local.simulated_exports.request_response import request_response_lines
from local.simulated_exports.request_usage import request_usage_line
from local.simulated_exports.resource import (
    ACTIVITY_LOG,
    AUDIT,
    METRICS,
    REQUEST_RESPONSE,
    REQUEST_USAGE,
    TRACE,
    ExportedBlob,
    Resource,
)
from local.simulated_exports.trace import trace_line
from local.simulated_exports.wire import Line, new_guid
from shared.ports.clock import Clock

_LOOK_SECONDS = 0.5
_CLOSE_SECONDS = 1.0
# A line that came in at the end of an hour is written to that hour's blob, though the next is begun already.
_LONGEST_FROM_RECEIPT = timedelta(seconds=3)
_ADMINISTRATOR = Administrator()

_logger = logging.getLogger(__name__)


class SimulatedExports:
    """
    What Azure exports of one resource. See the package for how to use it.

    All methods but `flush`, `write_due` and `running` return at once. Those that tell of the control plane return
    the correlation id that the Activity Log has for it. `at` is when it happened, by default now.
    """

    def __init__(
        self,
        storage: BlobServiceClient,
        resource: Resource,
        *,
        clock: Clock,
        chance: random.Random,
        lateness: Lateness | None = None,
        forms: Forms | None = None,
    ) -> None:
        self.resource = resource
        self._clock = clock
        self._chance = chance
        self._lateness = lateness or Lateness()
        self._forms = forms or Forms()
        self._metrics = MinuteMetrics(resource)
        self._outbox = Outbox(chance)
        self._append_blobs = AppendBlobs(storage)
        self._silent = False
        self._writing = asyncio.Lock()

    @property
    def blobs(self) -> list[ExportedBlob]:
        """The blobs that were written to, in the order of their first block."""
        return self._append_blobs.opened

    def call(self, call: ServedCall) -> None:
        """Tell of a call that the service answered, whatever with."""
        if self._silent:
            return
        forms, chance = self._forms, self._chance
        self._send(REQUEST_RESPONSE, request_response_lines(call, self.resource, chance, forms))
        if call.tokens is not None:
            self._send(REQUEST_USAGE, [request_usage_line(call, call.tokens, self.resource, chance, forms)])
        if call.status >= HTTPStatus.BAD_REQUEST:
            self._send(TRACE, [trace_line(call, self.resource)])
        self._metrics.add(call)

    def keys_listed(self, by: Administrator = _ADMINISTRATOR, *, at: datetime | None = None) -> str:
        """Tell that somebody read the keys: in the Activity Log, and without a name in the Audit log."""
        at = at or self._clock.now()
        if not self._silent:
            self._send(AUDIT, [list_key_line(at, self.resource, self._chance)])
        return self._done(control_plane.list_keys(self.resource), by, at)

    def key_regenerated(self, by: Administrator = _ADMINISTRATOR, *, at: datetime | None = None) -> str:
        """Tell that a key was made anew."""
        return self._done(control_plane.regenerate_key(self.resource), by, at)

    def role_granted(
        self,
        to: str,
        *,
        role: str = control_plane.OPENAI_USER,
        by: Administrator = _ADMINISTRATOR,
        at: datetime | None = None,
    ) -> str:
        """Tell that a principal, by its object id, got a role on the resource, by the GUID of its definition."""
        assignment = new_guid(self._chance)
        return self._done(control_plane.assign_role(self.resource, to=to, role=role, assignment=assignment), by, at)

    def deployment_written(
        self,
        name: str,
        *,
        model: str = "gpt-4o",
        version: str = "2024-11-20",
        by: Administrator = _ADMINISTRATOR,
        at: datetime | None = None,
    ) -> str:
        """Tell that a deployment was made or changed."""
        return self._done(
            control_plane.write_deployment(self.resource, name=name, model=model, version=version), by, at
        )

    def local_auth_enabled(self, by: Administrator = _ADMINISTRATOR, *, at: datetime | None = None) -> str:
        """Tell that keys work again."""
        return self._done(control_plane.set_local_auth(self.resource, disabled=False), by, at)

    def local_auth_disabled(self, by: Administrator = _ADMINISTRATOR, *, at: datetime | None = None) -> str:
        """Tell that keys do not work any more."""
        return self._done(control_plane.set_local_auth(self.resource, disabled=True), by, at)

    def diagnostics_silent(self) -> None:
        """
        Export nothing of the resource from now on: what happens meanwhile is in no log, ever.

        The Activity Log, which is the subscription's, goes on; and what was told before still comes.
        """
        self._silent = True

    def diagnostics_resumed(self) -> None:
        """Export again."""
        self._silent = False

    async def write_due(self) -> None:
        """Write what is due by the clock. Raises azure.core.exceptions.AzureError; nothing is lost by it."""
        await self._write(self._clock.now())

    async def flush(self) -> None:
        """Write all that was told, due or not, up to whole lines. Raises as `write_due`."""
        await self._write(None)

    @asynccontextmanager
    async def running(self, *, close_seconds: float = _CLOSE_SECONDS) -> AsyncIterator[None]:
        """Write what is due, as it comes due; at the end the rest, as far as it is written in time."""
        stopped = asyncio.Event()
        task = asyncio.create_task(self._keep_writing(stopped))
        try:
            yield
        finally:
            stopped.set()
            try:
                await asyncio.wait_for(task, close_seconds)
            except TimeoutError:
                _logger.warning("exports.dropped")

    async def _keep_writing(self, stopped: asyncio.Event) -> None:
        while not stopped.is_set():
            await self._try_to_write(self._clock.now())
            try:
                await asyncio.wait_for(stopped.wait(), _LOOK_SECONDS)
            except TimeoutError:
                continue
        await self._try_to_write(None)

    async def _try_to_write(self, until: datetime | None) -> None:
        try:
            await self._write(until)
        except AzureError as error:
            _logger.warning("exports.not_written: %s", type(error).__name__)

    async def _write(self, until: datetime | None) -> None:
        async with self._writing:
            self._send(METRICS, self._metrics.untold(until))
            for blob in self._outbox.ripen(until):
                for block in self._outbox.blocks(blob, whole=until is None):
                    await self._append_blobs.append(blob, block)

    def _done(self, operation: Operation, by: Administrator, at: datetime | None) -> str:
        correlation_id, lines = activity_lines(operation, by, at or self._clock.now(), self.resource, self._chance)
        self._send(ACTIVITY_LOG, lines)
        return correlation_id

    def _send(self, container: str, lines: Iterable[Line]) -> None:
        for line in lines:
            lateness = self._lateness.draw(self._chance)
            on_its_way = min(lateness, _LONGEST_FROM_RECEIPT) * self._chance.random()
            blob = self.resource.blob(container, line.time + lateness - on_its_way)
            self._outbox.add(blob, line.data, line.time + lateness)

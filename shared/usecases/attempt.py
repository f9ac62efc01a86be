"""One attempt at a call: begun once, ended once, whatever happens between."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import timedelta

from shared.domain.completion_watcher import CompletionWatcher
from shared.domain.deployment_models import DeploymentModels
from shared.domain.errors import StorageError
from shared.domain.operation import Metered
from shared.domain.token_counting import CountableCall
from shared.domain.usage_record import NO_TOKENS, UNKNOWN_TOKENS, OpenCall, Outcome, TokenUsage, UsageRecord
from shared.ports.clock import Clock
from shared.ports.token_counter import TokenCounter
from shared.ports.upstream import UpstreamResponse
from shared.ports.usage_ledger import UsageLedger
from shared.usecases.audit_counts import AuditCounts
from shared.usecases.open_attempts import OpenAttempts

logger = logging.getLogger(__name__)

# A prompt larger than this is not kept in memory while its answer is awaited, only
# to be counted if Azure should not report.
COUNTABLE_BODY_LIMIT = 8 * 1024 * 1024

# The end of an answer waits for its estimate, but not for long behind many others.
COUNTING_SECONDS = 10.0

# Outcomes for which nothing can have reached a model.
_NEVER_SENT = frozenset({Outcome.REFUSED_BY_US, Outcome.UPSTREAM_UNREACHABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookkeeping:
    """What every attempt of a worker is written down with."""

    ledger: UsageLedger
    counter: TokenCounter
    clock: Clock
    models: DeploymentModels
    audits: AuditCounts
    open_attempts: OpenAttempts


class Attempt:
    """Gathers what becomes of a call, and writes it down exactly once."""

    def __init__(
        self,
        call: OpenCall,
        books: Bookkeeping,
        *,
        metered: Metered | None,
        request_body: bytes | bytearray | None = None,
    ) -> None:
        self.call = call
        self.watcher = CompletionWatcher(metered)
        self.request_bytes = call.request_bytes
        self.response_bytes = 0
        self.response: UpstreamResponse | None = None
        self.error_code: str | None = None
        self._metered = metered
        self._books = books
        self._started = books.clock.monotonic()
        self._first_chunk_ms: int | None = None
        self._request_body = request_body if request_body and len(request_body) <= COUNTABLE_BODY_LIMIT else None
        self._ending: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """
        Make the beginning durable; send nothing before this returns.

        Raises:
            StorageError: the ledger cannot be written, so the call must not be made.
            ShuttingDown: the worker has been told to stop.
        """
        self._books.open_attempts.add(self)
        try:
            await self._books.ledger.begin(self.call)
        except BaseException:
            self._books.open_attempts.discard(self)
            raise

    def note_request_bytes(self, read: int) -> None:
        """Note how much of the request has been read, where its length was only declared or not known."""
        self.request_bytes = read

    def saw(self, chunk: bytes) -> None:
        """Note bytes of the answer as they arrive."""
        if self._first_chunk_ms is None:
            self._first_chunk_ms = self._elapsed_ms()
        self.response_bytes += len(chunk)

    @property
    def is_ended(self) -> bool:
        """Whether somebody has already decided how this attempt ended."""
        return self._ending is not None

    async def end(self, outcome: Outcome) -> None:
        """
        Write down how it ended, and return when that is durable. The first to call decides.

        A caller that is cancelled while it waits does not undo the writing.
        """
        if self._ending is None:
            self._ending = asyncio.create_task(self._write_end(outcome))
        await asyncio.shield(self._ending)

    async def _write_end(self, outcome: Outcome) -> None:
        duration_ms = self._elapsed_ms()
        try:
            record = await self._record(outcome, duration_ms)
            await self._books.ledger.end(record)
            if (metered := self._metered) is not None and outcome is Outcome.COMPLETED:
                self._books.audits.consider(record, lambda: self._countable(metered))
        except StorageError as error:
            # The answer was paid for and is the caller's. What has begun stays in
            # `opencalls` or in the spool, so the call is not forgotten.
            logger.error("usage.not_recorded", extra={"call_id": self.call.call_id, "reason": str(error)})  # noqa: TRY400
        finally:
            self._books.open_attempts.discard(self)

    async def _record(self, outcome: Outcome, duration_ms: int) -> UsageRecord:
        watcher, response = self.watcher, self.response
        return UsageRecord(
            call=replace(self.call, request_bytes=self.request_bytes),
            # By the steady clock: an end is never before its beginning.
            ended_at=self.call.begun_at + timedelta(milliseconds=duration_ms),
            duration_ms=duration_ms,
            outcome=outcome,
            usage=await self._usage(outcome),
            status=response.status if response else None,
            first_chunk_ms=self._first_chunk_ms,
            model=self._model(),
            finish_reason=watcher.finish_reason,
            error_code=self.error_code or watcher.error_code,
            apim_request_id=response.header("apim-request-id") if response else None,
            region=response.header("x-ms-region") if response else None,
            service_tier=watcher.service_tier,
            spilled_over=_is_spilled_over(response),
            response_bytes=self.response_bytes,
        )

    def _model(self) -> str | None:
        # The Responses API names the deployment where the others name the model; the
        # header, where Azure sends it, names the model for all of them.
        served = self.response.header("x-ms-served-model") if self.response else None
        named = served or self.watcher.model
        if named is not None and named.lower() != (self.call.deployment or "").lower():
            return named
        return self._books.models.model_of(self.call.resource, self.call.deployment) or named

    async def _usage(self, outcome: Outcome) -> TokenUsage:
        if self.watcher.usage is not None:
            return self.watcher.usage
        if self._metered is None or outcome in _NEVER_SENT or self._is_free():
            return NO_TOKENS
        call = self._countable(self._metered)
        if call.request_body is None and not call.answer.choices:
            return UNKNOWN_TOKENS
        try:
            async with asyncio.timeout(COUNTING_SECONDS):
                return await self._books.counter.estimate(call)
        except TimeoutError:
            return UNKNOWN_TOKENS
        except Exception:
            # A fault in counting costs the count, not the row.
            logger.exception("usage.not_counted", extra={"call_id": self.call.call_id})
            return UNKNOWN_TOKENS

    def _countable(self, metered: Metered) -> CountableCall:
        return CountableCall(
            metered=metered,
            model=self._model() or self.call.requested_model or self.call.deployment,
            request_body=self._request_body,
            answer=self.watcher.answer(),
            cut=not self.watcher.is_complete,
            compacts=self.call.operation == "responses.compact",
        )

    def _is_free(self) -> bool:
        """
        Return whether Azure refused before it did any work.

        It charges for the prompt of a call that a content filter, an input limit or a
        time-out stopped (400, 408), and for no other error:
        https://learn.microsoft.com/azure/ai-foundry/openai/how-to/manage-costs
        """
        if self.response is None or self.response.status < 400:
            return False
        if self.response.status == 400:
            return self.watcher.error_code not in {"content_filter", "context_length_exceeded"}
        return self.response.status != 408

    def _elapsed_ms(self) -> int:
        return round((self._books.clock.monotonic() - self._started) * 1000)


def _is_spilled_over(response: UpstreamResponse | None) -> bool:
    """
    Return whether a standard deployment answered in place of a provisioned one that was full.

    https://learn.microsoft.com/azure/foundry/openai/how-to/spillover-traffic-management
    """
    return response is not None and (response.header("x-ms-is-spilled-over") or "").lower() == "true"

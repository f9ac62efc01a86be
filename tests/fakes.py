"""One fake per port. Each passes the contract tests of the real adapter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shared.domain.errors import CallerError, LedgerError, PrincipalNotProved, UpstreamCut
from shared.domain.gateway_key import GatewayKey
from shared.domain.liveness import Heartbeat, LeftOpen, Workers
from shared.domain.principal import VerifiedClaims
from shared.domain.relayed_headers import header_value
from shared.domain.token_counting import CountableCall
from shared.domain.usage_record import UNKNOWN_TOKENS, CountAudit, OpenCall, TokenUsage, UsageRecord
from shared.ports.spool import SpooledCall
from shared.ports.upstream import Header, UpstreamRequest


class FakeClock:
    """A Clock that stands still until it is moved."""

    def __init__(self, now: datetime = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)) -> None:
        self._now = now
        self._monotonic = 1000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Move both clocks."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds


class FakeGatewayKeys:
    """GatewayKeys in memory. Set `failure` to have everything raise it; `finds` counts the reads of one key."""

    def __init__(self, *keys: GatewayKey) -> None:
        self.held = {key.key_hash: key for key in keys}
        self.failure: LedgerError | None = None
        self.finds = 0

    async def find(self, key_hash: str) -> GatewayKey | None:
        self.finds += 1
        # As storage does, it lets others go on meanwhile.
        await asyncio.sleep(0)
        self._fail()
        return self.held.get(key_hash)

    async def put(self, key: GatewayKey) -> None:
        self._fail()
        self.held[key.key_hash] = key

    async def mark_used(self, key_hash: str, used_at: datetime) -> None:
        self._fail()
        if key := self.held.get(key_hash):
            self.held[key_hash] = replace(key, last_used_at=used_at)

    async def all(self) -> Sequence[GatewayKey]:
        self._fail()
        return sorted(self.held.values(), key=lambda key: key.issued_at)

    def _fail(self) -> None:
        if self.failure:
            raise self.failure


class FakeTokenCounter:
    """A TokenCounter that says what it is told to; `calls` are those it was asked about."""

    def __init__(self, usage: TokenUsage = UNKNOWN_TOKENS) -> None:
        self.usage = usage
        self.audit: CountAudit | None = None
        self.calls: list[CountableCall] = []

    async def estimate(self, call: CountableCall) -> TokenUsage:
        self.calls.append(call)
        return self.usage

    async def recount(self, call: CountableCall) -> CountAudit | None:
        self.calls.append(call)
        return self.audit


class FakeTokenVerifier:
    """A TokenVerifier that knows the tokens it is given. Set `failure` to have it raise that."""

    def __init__(self, tokens: Mapping[str, VerifiedClaims] | None = None) -> None:
        self.tokens = dict(tokens or {})
        self.failure: LedgerError | None = None

    async def verify(self, unverified_token: str) -> VerifiedClaims:
        if self.failure:
            raise self.failure
        if unverified_token not in self.tokens:
            raise PrincipalNotProved("access token is not one the test made")
        return self.tokens[unverified_token]


class FakeUsageLedger:
    """
    A UsageLedger in memory: `open` holds what has begun and not ended, `records` what has ended, by call id.

    Set `begin_failure` or `end_failure` to have that raise it.
    """

    def __init__(self) -> None:
        self.open: dict[str, OpenCall] = {}
        self.records: dict[str, UsageRecord] = {}
        self.begin_failure: LedgerError | None = None
        self.end_failure: LedgerError | None = None

    async def begin(self, call: OpenCall) -> None:
        if self.begin_failure:
            raise self.begin_failure
        self.open[call.call_id] = call

    async def end(self, record: UsageRecord) -> None:
        if self.end_failure:
            raise self.end_failure
        self.records[record.call.call_id] = record
        self.open.pop(record.call.call_id, None)

    async def abandon(self, record: UsageRecord) -> None:
        if self.end_failure:
            raise self.end_failure
        self.records.setdefault(record.call.call_id, record)

    async def withdraw(self, record: UsageRecord) -> None:
        if self.end_failure:
            raise self.end_failure
        self.records.pop(record.call.call_id, None)


class FakeSpool:
    """
    A Spool in memory: `kept` is this process's, `left_behind` that of others, `rejected` what was set aside.

    Set `failure` to have everything raise it; call `die` to make the next one of this process.
    """

    def __init__(self) -> None:
        self.kept: dict[str, OpenCall | UsageRecord] = {}
        self.left_behind: dict[str, OpenCall | UsageRecord] = {}
        self.rejected: dict[str, UsageRecord] = {}
        self.failure: LedgerError | None = None

    async def keep(self, entry: OpenCall | UsageRecord) -> None:
        # As a disk does, it lets others go on meanwhile.
        await asyncio.sleep(0)
        self._fail()
        self.kept[entry.call.call_id if isinstance(entry, UsageRecord) else entry.call_id] = entry

    async def drop(self, call_id: str) -> None:
        self._fail()
        self.kept.pop(call_id, None)

    async def due(self) -> AsyncGenerator[Sequence[SpooledCall], None]:
        self._fail()
        ended = [entry for entry in self.kept.values() if isinstance(entry, UsageRecord)]
        for place, entries in (("kept", ended), ("left_behind", list(self.left_behind.values()))):
            for start in range(0, len(entries), 2):
                yield [SpooledCall(entry=entry, place=place) for entry in entries[start : start + 2]]

    async def remove(self, spooled: SpooledCall) -> None:
        self._fail()
        entry = spooled.entry
        call_id = entry.call.call_id if isinstance(entry, UsageRecord) else entry.call_id
        (self.kept if spooled.place == "kept" else self.left_behind).pop(call_id, None)

    async def set_aside(self, record: UsageRecord) -> None:
        self._fail()
        self.rejected[record.call.call_id] = record

    def die(self) -> None:
        self.left_behind |= self.kept
        self.kept = {}

    def _fail(self) -> None:
        if self.failure:
            raise self.failure


class FakeUsageRecords:
    """UsageRecords of a FakeUsageLedger, two a page. Set `failure` to have it raise that."""

    def __init__(self, ledger: FakeUsageLedger) -> None:
        self._ledger = ledger
        self.failure: LedgerError | None = None

    async def between(
        self,
        begun_from: datetime,
        begun_before: datetime,
        *,
        tenant_id: str | None = None,
        object_id: str | None = None,
    ) -> AsyncIterator[Sequence[UsageRecord]]:
        if self.failure:
            raise self.failure
        found = [
            record
            for record in self._ledger.records.values()
            if begun_from <= record.call.begun_at < begun_before
            and (record.call.principal.tenant_id, record.call.principal.object_id)
            == (tenant_id or record.call.principal.tenant_id, object_id or record.call.principal.object_id)
        ]
        found.sort(key=_day_and_principal)
        for start in range(0, len(found), 2):
            yield found[start : start + 2]


def _day_and_principal(record: UsageRecord) -> tuple[str, str, str, str]:
    call = record.call
    begun_at = call.begun_at.astimezone(UTC).isoformat(timespec="microseconds")
    return begun_at[:10], call.principal.tenant_id, call.principal.object_id, begun_at


class FakeUpstreamResponse:
    """
    An UpstreamResponse that plays a script: bytes to hand out, an error to raise, a float of seconds to wait.

    `is_closed` says that the connection was let go.
    """

    def __init__(self, status: int, headers: Sequence[Header], script: Sequence[bytes | Exception | float]) -> None:
        self.status = status
        self.headers = headers
        self.is_closed = False
        self._script = list(script)
        self._silent_until: float | None = None

    def header(self, name: str) -> str | None:
        return header_value(self.headers, name.lower().encode())

    async def next_chunk(self) -> bytes:
        while self._script:
            step = self._script[0]
            if isinstance(step, float):
                await self._wait(step)
            self._script.pop(0)
            if isinstance(step, Exception):
                raise step
            if isinstance(step, bytes) and step:
                return step
        return b""

    async def close(self) -> None:
        self.is_closed = True

    async def _wait(self, seconds: float) -> None:
        # A reader that gives up and comes again does not begin the wait anew.
        now = asyncio.get_running_loop().time()
        self._silent_until = self._silent_until or now + seconds
        await asyncio.sleep(self._silent_until - now)
        self._silent_until = None


class FakeUpstream:
    """An Upstream that gives the answers it was made with, in order; `requests` and `bodies` are what it got."""

    resource = "contoso.openai.azure.com"

    def __init__(self, *answers: FakeUpstreamResponse | LedgerError) -> None:
        self.requests: list[UpstreamRequest] = []
        self.bodies: list[bytes] = []
        self._answers = list(answers)

    async def send(self, request: UpstreamRequest) -> FakeUpstreamResponse:
        self.requests.append(request)
        self.bodies.append(await self._read(request))
        answer = self._answers.pop(0)
        if isinstance(answer, LedgerError):
            raise answer
        return answer

    async def _read(self, request: UpstreamRequest) -> bytes:
        if isinstance(request.body, Sequence):
            return b"".join(request.body)
        try:
            return b"".join([chunk async for chunk in request.body])
        except CallerError as error:
            # As the real client: what broke the body comes back as a broken connection.
            raise UpstreamCut("the connection to Azure OpenAI broke") from error


class FakeOpenCalls:
    """
    OpenCalls of a FakeUsageLedger, two a page; `now` is the service's time.

    `heartbeats` are by worker id; `written` says, by call id, which worker wrote an open call and when.
    Calls in `unreadable` are not understood.
    """

    def __init__(self, ledger: FakeUsageLedger, *, now: datetime, lease: timedelta = timedelta(seconds=90)) -> None:
        self._ledger = ledger
        self._lease = lease
        self.now = now
        self.heartbeats: dict[str, Heartbeat] = {}
        self.written: dict[str, tuple[str, datetime]] = {}
        self.unreadable: set[str] = set()

    async def workers(self) -> Workers:
        return Workers(now=self.now, lease=self._lease, heartbeats=dict(self.heartbeats))

    async def pages(self) -> AsyncIterator[Sequence[LeftOpen]]:
        calls = [call for call in self._ledger.open.values() if call.call_id not in self.unreadable]
        for start in range(0, len(calls), 2):
            yield [self._left_open(call) for call in calls[start : start + 2]]

    async def take_away(self, row: LeftOpen) -> None:
        self._ledger.open.pop(row.call.call_id, None)

    async def forget(self, heartbeat: Heartbeat) -> None:
        held = self.heartbeats.get(heartbeat.worker_id)
        if held is not None and held.version == heartbeat.version:
            del self.heartbeats[heartbeat.worker_id]

    def _left_open(self, call: OpenCall) -> LeftOpen:
        worker_id, written_at = self.written[call.call_id]
        return LeftOpen(worker_id=worker_id, written_at=written_at, call=call)

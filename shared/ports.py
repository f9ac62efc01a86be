"""What use cases need from outside, as small Protocols. Adapters fulfil them; so do the fakes in tests."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from shared.domain.deployment_models import DeploymentKey
from shared.domain.gateway_key import GatewayKey
from shared.domain.liveness import Heartbeat, LeftOpen, Workers
from shared.domain.logs.entries import LogEntry
from shared.domain.logs.reading import BlobRange, Checkpoint, DeadLetter, ListedBlob, LogBlob, PutResult
from shared.domain.principal import VerifiedClaims
from shared.domain.token_counting import CountableCall
from shared.domain.usage_record import CountAudit, OpenCall, TokenUsage, UsageRecord

Header = tuple[bytes, bytes]
Buffer = bytes | bytearray | memoryview


class Clock(Protocol):
    """Two clocks: one for when, one for how long."""

    def now(self) -> datetime:
        """Return the time of day, aware UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds since some fixed point; never goes back."""
        ...


class UsageLedger(Protocol):
    """Writes what calls used. Every write may be repeated without harm."""

    async def begin(self, call: OpenCall) -> None:
        """
        Make the beginning of a call durable.

        Raises:
            StorageError: it is not durable.
        """
        ...

    async def end(self, record: UsageRecord) -> None:
        """
        Make the end of a call durable: one row, which a repeated end replaces.

        Raises:
            StorageError: it is not durable.
        """
        ...

    async def abandon(self, record: UsageRecord) -> None:
        """
        Make the record of a call durable whose worker is gone. One that is there already stays: it knows more.

        Raises:
            StorageError: it is not durable.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SpooledCall:
    """A call that is due: how it ended, or how it began where its process is gone. `place` is the spool's own."""

    entry: OpenCall | UsageRecord
    place: str


class Spool(Protocol):
    """
    Keeps on this machine what storage does not take, until it does.

    What a process leaves behind, however it ended, is the next one's to record. Every write may be
    repeated without harm.
    """

    async def keep(self, entry: OpenCall | UsageRecord) -> None:
        """
        Make a call durable, in place of what is kept of the same call.

        Raises:
            StorageUnavailable: it is not, for the disk fails or there is no room.
        """
        ...

    async def drop(self, call_id: str) -> None:
        """Let go of a call that this process keeps, if it does. Raises StorageUnavailable: the disk fails."""
        ...

    def due(self) -> AsyncGenerator[Sequence[SpooledCall], None]:
        """
        Yield, some at a time, the calls of this process that have ended, and all of processes that are gone.

        Close it when you stop early: what it yields is held against other processes meanwhile.

        Raises:
            StorageUnavailable: the disk fails.
        """
        ...

    async def remove(self, spooled: SpooledCall) -> None:
        """Let go of a call that is recorded. Raises StorageUnavailable: the disk fails."""
        ...

    async def set_aside(self, record: UsageRecord) -> None:
        """
        Keep a record that storage will never take where people find it and nobody tries it again.

        The oldest make room for the newest.

        Raises:
            StorageUnavailable: the disk fails.
        """
        ...


class OpenCalls(Protocol):
    """Finds the calls that are open and whose worker is gone. Two may do so at once without harm."""

    async def workers(self) -> Workers:
        """Return the workers by the service's clock. Raises StorageError."""
        ...

    def pages(self) -> AsyncIterator[Sequence[LeftOpen]]:
        """
        Yield all open calls, a page at a time. One that cannot be understood is logged and left out.

        Raises:
            StorageError: they cannot be read.
        """
        ...

    async def take_away(self, row: LeftOpen) -> None:
        """Let go of a call that is recorded. Raises StorageError."""
        ...

    async def forget(self, heartbeat: Heartbeat) -> None:
        """Take a heartbeat away, unless the worker has beaten since. Raises StorageError."""
        ...


class UsageRecords(Protocol):
    """Reads the ledger."""

    def between(
        self,
        begun_from: datetime,
        begun_before: datetime,
        *,
        tenant_id: str | None = None,
        object_id: str | None = None,
    ) -> AsyncIterator[Sequence[UsageRecord]]:
        """
        Yield the records begun in [begun_from, begun_before), a page at a time, by day and principal.

        With a tenant and object id, only those of that principal.

        Raises:
            StorageError: the ledger cannot be read.
        """
        ...


class GatewayKeys(Protocol):
    """Keeps gateway keys, hashed."""

    async def find(self, key_hash: str) -> GatewayKey | None:
        """Return the key with this hash. Raises StorageError."""
        ...

    async def put(self, key: GatewayKey) -> None:
        """Keep a key, or keep it changed. Raises StorageError."""
        ...

    async def mark_used(self, key_hash: str, used_at: datetime) -> None:
        """Keep when a key was last used, and change nothing else of it. Raises StorageError."""
        ...

    async def all(self) -> Sequence[GatewayKey]:
        """Return every key, oldest first. Raises StorageError."""
        ...


class TokenVerifier(Protocol):
    """Checks Entra access tokens."""

    async def verify(self, unverified_token: str) -> VerifiedClaims:
        """
        Return the claims of a token whose signature, issuer, audience and times are right.

        Raises:
            PrincipalNotProved: the token proves nothing; the message says why.
            KeysUnavailable: the signing keys cannot be had.
        """
        ...


class DeploymentModelStore(Protocol):
    """Keeps which model each deployment serves."""

    async def all(self) -> Sequence[tuple[DeploymentKey, str]]:
        """Return every deployment with its model. Raises StorageError."""
        ...

    async def put(self, key: DeploymentKey, model: str) -> None:
        """Keep what a deployment serves. Raises StorageError."""
        ...


class TokenCounter(Protocol):
    """Counts tokens where Azure reported none."""

    async def estimate(self, call: CountableCall) -> TokenUsage:
        """Return an estimate that carries its source and method. Never raises for odd input."""
        ...

    async def recount(self, call: CountableCall) -> CountAudit | None:
        """Return our count of a call that Azure has counted, None where no part of it can be counted whole."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamRequest:
    """A request as it goes to Azure OpenAI, but for our credentials."""

    method: str
    path: bytes  # percent-encoded, as it came
    query: bytes
    headers: Sequence[Header] = field(default=())
    body: Sequence[Buffer] | AsyncIterator[bytes] = ()
    content_length: int | None = None


class UpstreamResponse(Protocol):
    """An answer whose headers have arrived. Close it, whatever happens."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Sequence[Header]:
        """The end-to-end headers, in order and as they were spelt."""
        ...

    def header(self, name: str) -> str | None:
        """Return the first header of this name, in any case."""
        ...

    async def next_chunk(self) -> bytes:
        """
        Return the next bytes of the body, b"" at its end.

        Raises:
            UpstreamCut: the body broke off.
            UpstreamTimedOut: nothing came for too long.
        """
        ...

    async def close(self) -> None:
        """Let go of the connection. Never raises."""
        ...


class Upstream(Protocol):
    """Azure OpenAI."""

    @property
    def resource(self) -> str:
        """The host name of the resource."""
        ...

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """
        Send a request and return when the answer's headers have arrived.

        Raises:
            UpstreamUnreachable, UpstreamTimedOut, UpstreamNotAuthorized
        """
        ...


class LogBlobs(Protocol):
    """The blobs that Azure exports its logs to: append blobs, one per resource, category and hour."""

    def under(self, container: str, prefix: str) -> AsyncIterator[ListedBlob]:
        """Yield the blobs whose names begin so, by name; none where there is no container. Raises StorageError."""
        ...

    async def read(self, blob: LogBlob, offset: int, length: int) -> BlobRange | None:
        """
        Return at most so many bytes from an offset on, all of one version; None where there is no such blob.

        Raises:
            StorageError: it cannot be read.
        """
        ...


class LogContainers(Protocol):
    """Where those blobs lie: a container for each category, in it a folder for each resource."""

    @property
    def account(self) -> str:
        """The name of the storage account."""
        ...

    def containers(self, patterns: Sequence[str]) -> AsyncIterator[str]:
        """
        Yield the containers that are meant: each name, and those that are there for each pattern with a `*`.

        Raises:
            StorageError: they cannot be listed.
        """
        ...

    def resources(self, container: str) -> AsyncIterator[str]:
        """
        Yield what the blob names of each resource begin with, up to their year; none where there is no container.

        Raises:
            StorageError: they cannot be listed.
        """
        ...


class Checkpoints(Protocol):
    """Keeps how far each blob has been read. Of two readers that move one checkpoint, one is told."""

    async def get(self, blob: LogBlob) -> Checkpoint:
        """Return the checkpoint, one of nothing read where there is none. Raises StorageError."""
        ...

    async def of_container(self, account: str, container: str, since: datetime) -> Mapping[str, Checkpoint]:
        """Return, by name, those of blobs of hours from `since` on. Raises StorageError."""
        ...

    async def advance(self, blob: LogBlob, checkpoint: Checkpoint) -> Checkpoint | None:
        """
        Keep a checkpoint in place of the one it was made from, and return it with its new version.

        Returns None where another reader has been here meanwhile: nothing is kept.

        Raises:
            StorageError: it is not known whether it is kept.
        """
        ...


class LogStore(Protocol):
    """Keeps what logs say. Every write may be repeated without harm."""

    async def put(self, entries: Sequence[LogEntry]) -> Sequence[PutResult]:
        """
        Make entries durable, and say of each, in order, what came of it.

        Where there is one of the same key, what is kept is the richer of both.

        Raises:
            StorageUnavailable: it is not known of all of them.
        """
        ...


class DeadLetters(Protocol):
    """Keeps lines that cannot be read or stored, for people."""

    async def keep(self, blob: LogBlob, letters: Sequence[DeadLetter], length: int) -> int:
        """
        Make the dead letters of a blob durable, each once, and return how long they are now.

        `length` is how long they were when all that was then in them was known: behind it may be some of
        these, of a reader that did not come as far as to say so.

        Raises:
            StorageError: they are not durable.
        """
        ...

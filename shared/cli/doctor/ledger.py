"""Whether calls are recorded: the tables, the workers' heartbeats, the sweep, and the keys that callers hold."""

from __future__ import annotations

from datetime import datetime, timedelta

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableEntity
from azure.data.tables.aio import TableServiceClient

from shared.adapters.table_checkpoints import TABLE as CHECKPOINTS_TABLE
from shared.adapters.table_findings import TABLE as FINDINGS_TABLE
from shared.adapters.table_findings import TableFindings
from shared.adapters.table_gateway_keys import TABLE as KEYS_TABLE
from shared.adapters.table_gateway_keys import TableGatewayKeys
from shared.adapters.table_service import storage_errors
from shared.adapters.usage_columns import HEARTBEAT_ROW, OPEN_CALLS_TABLE, SWEEPER_KEY, USAGE_TABLE, heartbeat
from shared.cli.doctor.storage import service_time
from shared.domain.check import CheckResult, failed, ok, skipped, warning
from shared.domain.findings.finding import FindingState, Severity
from shared.domain.gateway_key import GatewayKey, KeyState
from shared.domain.logs.keys import AUDIT_EVENTS_TABLE, SERVICE_CALLS_TABLE
from shared.ports.clock import Clock

_NEEDED = (USAGE_TABLE, OPEN_CALLS_TABLE)
_LATER = (KEYS_TABLE, CHECKPOINTS_TABLE, SERVICE_CALLS_TABLE, AUDIT_EVENTS_TABLE)
# It runs every minute unless SWEEP_SCHEDULE says otherwise.
_SWEEP_OVERDUE = timedelta(minutes=10)
_GONE_TOO_LONG = timedelta(minutes=15)
_OPEN_TOO_LONG = timedelta(hours=6)
_EXPIRING = timedelta(days=14)
_NAMES_SHOWN = 3
_RECENT = timedelta(days=31)


async def check_tables_there(tables: TableServiceClient) -> list[CheckResult]:
    """Return which of our tables there are."""
    with storage_errors("listing tables"):
        there = {table.name async for table in tables.list_tables()}
    missing = [name for name in (*_NEEDED, *_LATER) if name not in there]
    if not missing:
        return [ok("tables", f"all {len(_NEEDED) + len(_LATER)} are there")]
    seen = f"not there yet: {', '.join(missing)}; a table is made by its first row"
    if set(_NEEDED) & set(missing):
        return [warning("tables", seen, "send a call through the gateway, or see that the app runs: GET /healthz")]
    return [ok("tables", seen)]


async def check_workers(tables: TableServiceClient) -> list[CheckResult]:
    """Return whether workers live, whether those that are gone are swept, and whether calls are left open."""
    now = await service_time(tables)
    with storage_errors("reading open calls"):
        try:
            rows = [row async for row in tables.get_table_client(OPEN_CALLS_TABLE).list_entities()]
        except ResourceNotFoundError:
            rows = []
    if not rows:
        return [skipped("sweep", "nothing has begun yet, and no sweep has run")]
    sweeps = [_written_at(row) for row in rows if row["PartitionKey"] == SWEEPER_KEY]
    return [_sweep(sweeps, now), _workers(rows, now), _open_calls(rows, now)]


def _sweep(sweeps: list[datetime], now: datetime) -> CheckResult:
    advice = "see that the timer `sweep_open_calls` is among the app's functions, enabled, and look at its executions"
    if not sweeps:
        return failed("sweep", "no sweep has ever run", advice)
    age = now - max(sweeps)
    seen = f"open calls were last swept {_ago(age)}"
    if age > _SWEEP_OVERDUE:
        return failed("sweep", seen, f"{advice}; a schedule of your own (SWEEP_SCHEDULE) may be rarer")
    return ok("sweep", seen)


def _workers(rows: list[TableEntity], now: datetime) -> CheckResult:
    beats = [heartbeat(row, _written_at(row), "") for row in rows if row["RowKey"] == HEARTBEAT_ROW]
    gone = [beat for beat in beats if now - beat.beat_at > beat.lease]
    lingering = [beat for beat in gone if now - beat.beat_at > _GONE_TOO_LONG]
    if lingering:
        seen = f"{len(lingering)} workers are gone, and have not been swept"
        return failed("workers", seen, "see the check `sweep`; their calls are not recorded until they are swept")
    if not beats:
        return ok("workers", "none has had a call lately")
    return ok("workers", f"{len(beats) - len(gone)} live, {len(gone)} have just gone")


def _open_calls(rows: list[TableEntity], now: datetime) -> CheckResult:
    calls = [row for row in rows if row["RowKey"] != HEARTBEAT_ROW and row["PartitionKey"] != SWEEPER_KEY]
    old = [row for row in calls if now - _written_at(row) > _OPEN_TOO_LONG]
    if old:
        advice = (
            "look at `begun_at` in `opencalls`: a call this long is rare, and a sweep that does not run leaves them"
        )
        return warning("open calls", f"{len(old):,} of {len(calls):,} have been open for hours", advice)
    return ok("open calls", f"{len(calls):,} under way")


async def check_keys(tables: TableServiceClient, clock: Clock) -> list[CheckResult]:
    """Return whether gateway keys end soon."""
    now = clock.now()
    keys = await TableGatewayKeys(tables.get_table_client(KEYS_TABLE)).all()
    active = [key for key in keys if key.state_at(now) is KeyState.ACTIVE]
    ending = [key for key in active if key.expires_at and key.expires_at - now < _EXPIRING]
    if ending:
        advice = "issue new ones with `keys issue`, hand them over, and `keys revoke` the old"
        return [warning("gateway keys", f"{len(ending)} of {len(active)} end soon: {_named(ending)}", advice)]
    return [ok("gateway keys", f"{len(active)} active, none ends within {_EXPIRING.days} days")]


async def check_findings(tables: TableServiceClient, clock: Clock) -> list[CheckResult]:
    """Return whether there is something that does not add up, and that nobody has said why it is all right."""
    today = clock.now().date()
    found = TableFindings(tables.get_table_client(FINDINGS_TABLE)).between(today - _RECENT, today)
    unsettled = [finding async for page in found for finding in page if finding.state is FindingState.OPEN]
    if not unsettled:
        return [ok("findings", f"none is open of the last {_RECENT.days} days")]
    high = sum(finding.severity is Severity.HIGH for finding in unsettled)
    are = "is" if len(unsettled) == 1 else "are"
    seen = f"{len(unsettled):,} {are} open of the last {_RECENT.days} days, {high:,} of them high"
    return [warning("findings", seen, "look at them: `findings list`, and `findings accept` what is all right")]


def _named(keys: list[GatewayKey]) -> str:
    first = sorted(keys, key=lambda key: str(key.expires_at))[:_NAMES_SHOWN]
    names = [f"{key.principal.name or key.principal.object_id} ({key.expires_at:%Y-%m-%d})" for key in first]
    return ", ".join([*names, *(["…"] if len(keys) > _NAMES_SHOWN else [])])


def _written_at(row: TableEntity) -> datetime:
    # The service gives every row its date.
    timestamp = row.metadata["timestamp"]
    return datetime.combine(timestamp.date(), timestamp.timetz())  # type: ignore[union-attr]


def _ago(age: timedelta) -> str:
    seconds = max(int(age.total_seconds()), 0)
    if seconds < 120:
        return f"{seconds} s ago"
    if seconds < 7200:
        return f"{seconds // 60} min ago"
    return f"{seconds // 3600} h ago"

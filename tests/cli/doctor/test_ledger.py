"""The ledger looked over: tables, sweeps, workers, open calls, keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables.aio import TableServiceClient

from local.azurite import Azurite
from shared.adapters.system_clock import SystemClock
from shared.adapters.table_findings import TABLE as FINDINGS_TABLE
from shared.adapters.table_findings import TableFindings
from shared.adapters.table_gateway_keys import TABLE as KEYS_TABLE
from shared.adapters.table_gateway_keys import TableGatewayKeys
from shared.adapters.usage_columns import HEARTBEAT_ROW, OPEN_CALLS_TABLE, SWEEPER_KEY, USAGE_TABLE
from shared.cli.doctor import ledger
from shared.cli.doctor.ledger import check_findings, check_keys, check_tables_there, check_workers
from shared.domain.check import CheckStatus
from shared.domain.findings.finding import Severity
from shared.domain.gateway_key import GatewayKey, hash_key
from shared.domain.principal import Principal
from tests.cli.doctor.patient import patient
from tests.fakes import FakeClock
from tests.findings import finding

NOW = SystemClock().now()
OK, WARNING, FAILED, SKIPPED = CheckStatus


@pytest.fixture
async def tables(azurite: Azurite) -> AsyncIterator[TableServiceClient]:
    """Tables without a call, a worker or a key."""
    async with patient(azurite) as ours:
        for name in (OPEN_CALLS_TABLE, KEYS_TABLE):
            await ours.tables.delete_table(name)
        yield ours.tables


async def open_calls(tables: TableServiceClient, *keys: tuple[str, str]) -> None:
    """Write rows: of a call, a worker that may be silent for 90 s, or a sweep."""
    table = await tables.create_table_if_not_exists(OPEN_CALLS_TABLE)
    for partition, row in keys:
        await table.upsert_entity({"PartitionKey": partition, "RowKey": row, "lease_ms": (90_000, "Edm.Int64")})


def later(monkeypatch: pytest.MonkeyPatch, **time: float) -> None:
    """Let storage's clock have gone on."""

    async def service_time(_: TableServiceClient) -> datetime:
        return SystemClock().now() + timedelta(**time)

    monkeypatch.setattr(ledger, "service_time", service_time)


async def statuses(tables: TableServiceClient) -> dict[str, CheckStatus]:
    return {result.name: result.status for result in await check_workers(tables)}


SWEEP, WORKER, CALL = (SWEEPER_KEY, SWEEPER_KEY), ("w1", HEARTBEAT_ROW), ("w1", "c1")


async def test_an_app_that_works_is_well(tables: TableServiceClient) -> None:
    """A sweep of a moment ago, a worker that lives, a call under way."""
    await open_calls(tables, SWEEP, WORKER, CALL)
    results = await check_workers(tables)

    assert [(result.name, result.status) for result in results] == [("sweep", OK), ("workers", OK), ("open calls", OK)]
    assert [result.seen for result in results[1:]] == ["1 live, 0 have just gone", "1 under way"]


async def test_an_app_that_has_never_run_is_not_ill(tables: TableServiceClient) -> None:
    """There is nothing to look at."""
    assert await statuses(tables) == {"sweep": SKIPPED}


async def test_no_sweep_at_all_is_a_failure(tables: TableServiceClient) -> None:
    """Calls are made, and the timer is not there: those of a worker that dies would never be recorded."""
    await open_calls(tables, WORKER, CALL)

    assert (await statuses(tables))["sweep"] is FAILED


async def test_a_sweep_that_is_overdue_is_a_failure(
    tables: TableServiceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By storage's clock, as the sweep itself goes."""
    await open_calls(tables, SWEEP)
    later(monkeypatch, minutes=9)
    assert await statuses(tables) == {"sweep": OK, "workers": OK, "open calls": OK}

    later(monkeypatch, minutes=11)
    assert (await statuses(tables))["sweep"] is FAILED


async def test_workers_that_are_gone_and_not_swept_are_a_failure(
    tables: TableServiceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that has just gone is every scale-in."""
    await open_calls(tables, WORKER)
    later(monkeypatch, minutes=5)
    results = await check_workers(tables)
    assert results[1].seen == "0 live, 1 have just gone"

    later(monkeypatch, minutes=20)
    assert (await statuses(tables))["workers"] is FAILED


async def test_calls_left_open_for_hours_are_worth_a_look(
    tables: TableServiceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None takes so long."""
    await open_calls(tables, SWEEP, CALL)
    later(monkeypatch, hours=7)

    assert (await statuses(tables))["open calls"] is WARNING


async def test_tables_that_are_not_there_are_named(tables: TableServiceClient) -> None:
    """Of those that the first call makes, that there was none."""
    (result,) = await check_tables_there(tables)
    assert (result.status, "opencalls" in result.seen) == (WARNING, True)

    await open_calls(tables)
    await tables.create_table_if_not_exists(USAGE_TABLE)
    (result,) = await check_tables_there(tables)
    assert (result.status, "keys" in result.seen, "opencalls" in result.seen) == (OK, True, False)


def key(name: str, **left: float) -> GatewayKey:
    expires_at = NOW + timedelta(**left) if left else None
    return GatewayKey(
        key_hash=hash_key(name), principal=Principal.from_name(name), issued_at=NOW, expires_at=expires_at
    )


async def put_keys(tables: TableServiceClient, *keys: GatewayKey) -> None:
    store = TableGatewayKeys(tables.get_table_client(KEYS_TABLE))
    for each in keys:
        await store.put(each)


async def test_keys_that_end_soon_are_named(tables: TableServiceClient) -> None:
    """Before their callers find out. What has ended, or was revoked, is nobody's surprise."""
    revoked = replace(key("revoked", days=2), revoked_at=NOW)
    await put_keys(tables, key("never"), key("far", days=90), key("ended", days=-1), revoked)
    (result,) = await check_keys(tables, FakeClock(NOW))
    assert (result.status, result.seen) == (OK, "2 active, none ends within 14 days")

    await put_keys(tables, *(key(f"k{number}", days=5 + number) for number in range(4)))
    (result,) = await check_keys(tables, FakeClock(NOW))
    assert result.status is WARNING
    assert result.seen.startswith(f"4 of 6 end soon: k0 ({NOW + timedelta(days=5):%Y-%m-%d}), k1")
    assert result.seen.endswith(", …")


async def test_findings_that_are_open_are_counted(tables: TableServiceClient) -> None:
    """Those that somebody has accepted, or that are long past, are not."""
    await tables.delete_table(FINDINGS_TABLE)
    (none,) = await check_findings(tables, FakeClock(NOW))
    kept = TableFindings(tables.get_table_client(FINDINGS_TABLE))
    for each in (
        finding(day=NOW.date()),
        replace(finding(of="low", day=NOW.date()), severity=Severity.LOW),
        finding(of="accepted", day=NOW.date()).accepted(by="Ann", reason="a test", at=NOW),
        finding(of="old", day=NOW.date() - timedelta(days=40)),
    ):
        await kept.put(each)
    (some,) = await check_findings(tables, FakeClock(NOW))

    assert (none.status, some.status) == (OK, WARNING)
    assert some.seen == "2 are open of the last 31 days, 1 of them high"


async def test_no_key_at_all_is_well(tables: TableServiceClient) -> None:
    """Entra does without."""
    with pytest.raises(ResourceNotFoundError):
        await tables.get_table_client(KEYS_TABLE).get_entity("x", "y")
    (result,) = await check_keys(tables, FakeClock(NOW))

    assert result.status is OK

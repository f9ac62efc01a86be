"""What Azure logged of a call, among what it logged of others, on Azurite."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from local.azurite import Azurite
from shared.adapters.table_call_log import TableCallLog
from shared.domain.call_story import LoggedCall
from shared.domain.logs.entries import CallUsage, ServiceCall
from shared.domain.logs.keys import SERVICE_CALLS_TABLE, key_part, service_calls_partition
from tests.adapters.records import BEGUN_AT, record
from tests.usecases.ingesting import LogAccount, log_account

LATE = BEGUN_AT.replace(minute=58)


@pytest.fixture
async def account(azurite: Azurite) -> AsyncIterator[LogAccount]:
    async with log_account(azurite) as account:
        yield account


def logged(account: LogAccount) -> tuple[ServiceCall, CallUsage]:
    """Return both lines of a call that ended in the next hour, where its tokens stand."""
    ended = LATE + timedelta(minutes=3)
    call = ServiceCall(account.resource, account.resource[-12:], ended, requested_at=LATE, status=200)
    usage = CallUsage(
        resource_id=account.resource, correlation_id=call.correlation_id, logged_at=ended, prompt_tokens=12
    )
    return call, usage


async def test_both_lines_are_found_by_the_id_of_the_answer(account: LogAccount) -> None:
    """The call stands in the hour it began, its tokens in the hour it ended; ids differ in their case."""
    call, usage = logged(account)
    other = ServiceCall(account.resource, "other", LATE, requested_at=LATE)
    await account.store.put([call, usage, other])
    ours = record(begun_at=LATE)
    calls = TableCallLog(account.tables)

    assert await calls.of_record(replace(ours, apim_request_id=call.correlation_id.upper())) == LoggedCall(
        call=call, usage=usage
    )
    assert await calls.of_record(replace(ours, apim_request_id="none")) is None
    assert await calls.of_record(replace(ours, apim_request_id=None)) is None


async def test_one_line_is_better_than_none(account: LogAccount) -> None:
    """Which of the two comes first is not said."""
    call, usage = logged(account)
    await account.store.put([usage])
    ours = replace(record(begun_at=LATE), apim_request_id=call.correlation_id)

    assert await TableCallLog(account.tables).of_record(ours) == LoggedCall(usage=usage)


async def test_a_row_that_is_none_of_ours_is_left_out(account: LogAccount, caplog: pytest.LogCaptureFixture) -> None:
    """People edit tables; the record is told all the same."""
    call, usage = logged(account)
    await account.store.put([usage])
    key = {
        "PartitionKey": service_calls_partition(account.resource, LATE),
        "RowKey": key_part(call.correlation_id),
    }
    await account.tables.get_table_client(SERVICE_CALLS_TABLE).upsert_entity({**key, "note": "by hand"})
    ours = replace(record(begun_at=LATE), apim_request_id=call.correlation_id)
    with caplog.at_level(logging.WARNING, logger="shared"):
        found = await TableCallLog(account.tables).of_record(ours)

    assert found == LoggedCall(usage=usage)
    assert [each.message for each in caplog.records] == ["servicecalls.row_not_understood"]


async def test_a_call_swept_days_later_is_looked_for_where_it_began(account: LogAccount) -> None:
    """Its end is when somebody noticed; to read every hour until then would take for ever."""
    call, _ = logged(account)
    await account.store.put([call])
    swept = replace(record(begun_at=LATE), ended_at=LATE + timedelta(days=300), apim_request_id=call.correlation_id)

    assert await TableCallLog(account.tables).of_record(swept) == LoggedCall(call=call)

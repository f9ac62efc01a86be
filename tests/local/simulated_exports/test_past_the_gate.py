"""The story that `make run` tells: keys are listed, and calls come that the gateway never saw."""

from __future__ import annotations

import asyncio
import random
from typing import TypeVar

from local.azurite import Azurite
from local.simulated_azure_openai import Config, serve
from local.simulated_exports import AT_ONCE
from local.simulated_exports.past_the_gate import LISTED_THE_KEYS, TOKEN_OBJECT_ID, passing_the_gate
from shared.domain.logs.entries import AuditEvent, ServiceCall
from shared.domain.logs.line_reading import parse_line
from tests.local.simulated_exports.exporting import Exporting, exporting

_E = TypeVar("_E", ServiceCall, AuditEvent)


async def test_a_key_is_listed_and_used_and_a_principal_comes_by_itself(azurite: Azurite) -> None:
    """Both kinds of bypass within ten seconds, each with what Azure knows of it."""
    slept: list[float] = []
    done = asyncio.Event()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) > 2:
            done.set()
            await asyncio.Event().wait()

    async with exporting(azurite, lateness=AT_ONCE) as azure:
        async with (
            serve(Config(on_served=azure.exports.call)) as server,
            passing_the_gate(server.url, "simulated", azure.exports, random.Random(3), sleep),
        ):
            await asyncio.wait_for(done.wait(), 10)
        await azure.exports.flush()
        calls = await _entries(azure, "insights-logs-requestresponse", ServiceCall)
        events = await _entries(azure, "insights-activity-logs", AuditEvent)

    assert sum(slept[:2]) < 10 < 60 < slept[2]
    assert {(call.object_id, call.caller_address) for call in calls} == {
        (None, "203.0.113.**"),
        (TOKEN_OBJECT_ID, "192.0.2.***"),
    }
    assert {call.status for call in calls} == {200}
    assert {event.principal_name for event in events} == {LISTED_THE_KEYS.name}


async def _entries(azure: Exporting, container: str, kind: type[_E]) -> list[_E]:
    entries = [parse_line(line) for line in await azure.lines(container)]
    return [entry for entry in entries if isinstance(entry, kind)]

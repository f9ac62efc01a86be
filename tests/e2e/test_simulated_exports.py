"""The stack of one machine with Azure's log exports in it: what was called is in the tables soon after."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableServiceClient

from local.simulated_exports.past_the_gate import LISTED_THE_KEYS, TOKEN_OBJECT_ID
from local.stack import keep_key, running_stack

Rows = dict[str, Any]

CALL = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello there"}]}


def test_a_call_is_in_the_ledger_and_in_azures_log_and_one_past_the_gate_only_in_the_log() -> None:
    """The one is proved by the other, and what is left over is what the reconciliation is for."""
    settings = {"INGEST_SCHEDULE": "* * * * * *"}
    with running_stack(exports=True, simulator_arguments=["--export-within", "1"], settings=settings) as stack:
        key = keep_key(stack.azurite.connection_string, "caller")
        answer = httpx.post(f"{stack.url}/openai/v1/chat/completions", json=CALL, headers={"api-key": key})
        correlation_id, usage = answer.headers["apim-request-id"], answer.json()["usage"]
        wanted = {correlation_id, f"{correlation_id}~usage"}
        with TableServiceClient.from_connection_string(stack.azurite.connection_string) as tables:
            calls = _until_there(
                # Of a call's two lines only the second may name who called.
                tables,
                "servicecalls",
                lambda rows: len(rows) == 6 and wanted <= rows.keys() and TOKEN_OBJECT_ID in _object_ids(rows),
            )
            events = _until_there(tables, "auditevents", lambda rows: len(rows) == 3)
    ours = calls[f"{correlation_id}~usage"]
    others = [row for name, row in calls.items() if correlation_id not in name and "~" not in name]

    assert (ours["prompt_tokens"].value, ours["completion_tokens"].value) == (
        usage["prompt_tokens"],
        usage["completion_tokens"],
    )
    assert calls[correlation_id]["caller_address"] == "127.0.0.*"
    assert sorted(row.get("object_id", "") for row in others) == ["", TOKEN_OBJECT_ID]
    assert {row.get("principal_name") for row in events.values()} == {None, LISTED_THE_KEYS.name}


def _object_ids(rows: Rows) -> set[str]:
    return {row.get("object_id", "") for row in rows.values()}


def _until_there(tables: TableServiceClient, table: str, is_there: Callable[[Rows], bool]) -> Rows:
    """Return the rows of a table by row key, once they are all there."""
    deadline = time.monotonic() + 40
    while not is_there(rows := _rows(tables, table)):
        assert time.monotonic() < deadline, f"{table} has {sorted(rows)}"
        time.sleep(0.3)
    return rows


def _rows(tables: TableServiceClient, table: str) -> Rows:
    try:
        return {row["RowKey"]: row for row in tables.get_table_client(table).list_entities()}
    except ResourceNotFoundError:
        return {}

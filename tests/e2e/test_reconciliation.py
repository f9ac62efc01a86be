"""The whole of it on one machine: a call through the gate, two past it, and what is found of that over HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from local.simulated_exports.past_the_gate import LISTED_THE_KEYS, TOKEN_OBJECT_ID
from local.stack import Stack, app_settings, keep_key, running_stack
from shared.bootstrap import build_app
from shared.domain.reconciliation import judging
from shared.domain.reconciliation.windows import open_windows
from shared.settings import read_settings
from shared.usecases import reconcile_usage
from shared.usecases.accept_finding import ACCEPT_ROLE
from shared.usecases.query_usage import READ_ALL_ROLE

CALL = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello there"}]}
NEVER = "0 0 0 1 1 *"
FOUND = {"bypass_with_identity", "bypass_with_key", "keys_listed", "listed_key_used"}


def test_what_goes_round_the_gate_is_found_counted_and_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an operator sees it. The grace that a record has to come is left out, or the test would wait for it."""
    monkeypatch.setattr(judging, "BYPASS_GRACE", timedelta(0))
    monkeypatch.setattr(reconcile_usage, "open_windows", lambda now: open_windows(now)[:2])
    settings = {"INGEST_SCHEDULE": "* * * * * *", "RECONCILE_SCHEDULE": NEVER}
    with running_stack(exports=True, simulator_arguments=["--export-within", "1"], settings=settings) as stack:
        key = keep_key(stack.azurite.connection_string, "auditor", roles=frozenset({READ_ALL_ROLE, ACCEPT_ROLE}))
        with httpx.Client(base_url=stack.url, headers={"api-key": key}, timeout=30) as client:
            usage = client.post("/openai/v1/chat/completions", json=CALL).json()["usage"]
            found = _until_found(stack, client, lambda kinds: kinds >= FOUND)
            hours = client.get("/reconciliation").json()
            report = client.get("/usage", params={"by": "principal"}).json()
            accepted = client.post(
                f"/findings/{found['keys_listed']['id']}", json={"state": "accepted", "reason": "a drill"}
            )
            left = client.get("/findings", params={"kind": "keys_listed"}).json()["findings"]

    assert found.keys() == FOUND
    assert found["bypass_with_identity"]["evidence"][0]["object_id"] == TOKEN_OBJECT_ID
    assert found["listed_key_used"]["evidence"][0]["listed_by"] == LISTED_THE_KEYS.name
    totals = hours["totals"]
    assert (totals["matched"], totals["ours_only"], totals["azure_only"]) == (1, 0, 2)
    assert totals["our_prompt_tokens"] == usage["prompt_tokens"]
    assert report["totals"]["prompt_tokens"] == totals["azure_prompt_tokens"]
    assert report["totals"]["completion_tokens"] == totals["azure_completion_tokens"]
    assert {row["principal_name"] for row in report["rows"]} >= {"auditor", "key, unknown"}
    assert (accepted.status_code, accepted.json()["state"], left) == (200, "accepted", [])


def _until_found(stack: Stack, client: httpx.Client, is_there: Callable[[set[str]], bool]) -> dict[str, dict[str, Any]]:
    """Reconcile until it is all found; return the findings by kind."""
    deadline = time.monotonic() + 40
    while True:
        asyncio.run(_reconcile(stack))
        findings = client.get("/findings").raise_for_status().json()["findings"]
        by_kind = {finding["kind"]: finding for finding in findings}
        totals = client.get("/reconciliation").json()["totals"]
        if is_there(set(by_kind)) and totals["matched"] and totals["azure_only"] == 2 and totals["late"] == 0:
            return by_kind
        assert time.monotonic() < deadline, (by_kind, totals)
        time.sleep(0.5)


async def _reconcile(stack: Stack) -> None:
    app = await build_app(read_settings(app_settings(stack.azurite.connection_string, stack.upstream_url)))
    try:
        await app.reconcile_usage()
    finally:
        await app.close()

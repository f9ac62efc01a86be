"""A call, listed and told by the running gateway: to its own principal, and to nobody else without the role."""

from __future__ import annotations

from typing import Any

import httpx

from tests.e2e.gateway import Gateway

CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}


def get(gateway: Gateway, path: str, key: str) -> tuple[int, dict[str, Any]]:
    response = httpx.get(f"{gateway.url}/{path}", headers={"api-key": key})
    return response.status_code, response.json()


def test_a_call_is_listed_and_told_to_its_own_principal(gateway: Gateway) -> None:
    """By both routes, of which one is the beginning of the other; another's call is no call."""
    name, key = gateway.new_key()
    _, other = gateway.new_key()
    _, auditor = gateway.new_key(reads_all=True)
    for _ in range(3):
        httpx.post(f"{gateway.url}/openai/v1/chat/completions", json=CHAT, headers={"api-key": key}).raise_for_status()
    status, page = get(gateway, "usage/records?limit=2", key)
    _, rest = get(gateway, page["next"], key)
    call_id = page["records"][0]["call_id"]
    told = {who: get(gateway, f"usage/records/{call_id}", who) for who in (key, auditor, other)}
    _, of_caller = get(gateway, f"usage/records?principal={name}", auditor)

    assert (status, len(page["records"]), len(rest["records"]), rest["next"]) == (200, 2, 1, None)
    assert told[key][1]["record"] == page["records"][0]
    assert [told[who][0] for who in (key, auditor, other)] == [200, 200, 404]
    assert told[other][1]["error"]["code"] == "record_not_found"
    assert len(of_caller["records"]) == 3

"""Bad input: a clear error that the SDKs can read, one row where the principal is known, nothing leaked."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest

from shared.domain.usage_record import Outcome
from tests.adapters.entra import OTHER_TENANT, public_pem
from tests.e2e.gateway import Gateway

CHAT = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
JSON = {"content-type": "application/json"}
SECRET = "the prompt nobody may log"
BODY = json.dumps({"messages": [{"role": "user", "content": SECRET}]}).encode()
LIMIT = 104_857_600


@pytest.mark.parametrize(
    ("body", "headers", "path", "status"),
    [
        (b'{"messages": [', JSON, CHAT, 400),
        (b"", JSON, CHAT, 400),
        (b'{"messages":[{"role":"user","content":"\xff\xfe"}]}', JSON, CHAT, 400),
        (BODY, {"content-type": "text/plain"}, CHAT, 400),
        (BODY, JSON, CHAT.replace("gpt-4o", "no-such-deployment"), 404),
        (BODY, JSON, "/openai/no/such/path", 404),
        (BODY, JSON, CHAT.split("?")[0], 404),
    ],
    ids=["broken JSON", "no body", "invalid UTF-8", "content type", "deployment", "path", "api-version"],
)
def test_what_azure_refuses_is_refused_by_azure_and_recorded(
    gateway: Gateway, body: bytes, headers: dict[str, str], path: str, status: int
) -> None:
    """Azure's own words reach the caller; the row says who asked."""
    name, key = gateway.new_key()

    response = httpx.post(gateway.url + path, content=body, headers={**headers, "api-key": key})

    (row,) = gateway.rows(name)
    assert response.status_code == status
    assert response.json()["error"]["message"]
    assert (row.status, row.outcome) == (status, Outcome.REFUSED_BY_AZURE)


@pytest.mark.parametrize("path", [CHAT, "/openai/v1/files"])
def test_a_body_of_150_mb_is_refused_and_recorded(gateway: Gateway, path: str) -> None:
    """By its length, before any of it goes upstream."""
    name, key = gateway.new_key()
    size = 150 * 1024 * 1024
    headers = {**JSON, "api-key": key, "content-length": str(size)}
    before = _received(gateway)

    response = httpx.post(gateway.url + path, content=_megabytes(150), headers=headers, timeout=60)

    _assert_refused(response, 413)
    (row,) = gateway.rows(name)
    assert (row.outcome, row.error_code) == (Outcome.REFUSED_BY_US, "body_too_large")
    assert _received(gateway) == before


def test_a_chunked_body_over_the_limit_is_refused_and_recorded(gateway: Gateway) -> None:
    """It says no length, and is found out on the way."""
    name, key = gateway.new_key()
    response = httpx.post(gateway.url + CHAT, content=_megabytes(101), headers={**JSON, "api-key": key}, timeout=60)

    _assert_refused(response, 413)
    (row,) = gateway.rows(name)
    assert row.outcome is Outcome.REFUSED_BY_US


def test_a_body_of_just_under_the_limit_goes_through(gateway: Gateway) -> None:
    """100 MB of prompt is the caller's right, and Azure's to judge."""
    name, key = gateway.new_key()
    filler = b'{"messages":[{"role":"user","content":"hi"}],"metadata":{"x":"'
    content = filler + b"a" * (LIMIT - len(filler) - 3) + b'"}}'

    response = httpx.post(gateway.url + CHAT, content=content, headers={**JSON, "api-key": key}, timeout=60)

    (row,) = gateway.rows(name)
    assert response.status_code == row.status == 200
    assert row.call.request_bytes == LIMIT


def test_a_header_bomb_is_refused(gateway: Gateway) -> None:
    """Before anything is done with it."""
    _, key = gateway.new_key()
    headers = {**JSON, "api-key": key, **{f"x-{number}": "a" * 1000 for number in range(60)}}

    response = httpx.post(gateway.url + CHAT, content=BODY, headers=headers)

    assert response.status_code == 431


@pytest.mark.parametrize("path", ["/openai/../admin", "/openai/%2e%2e/admin", "/openai/v1/..%2f..%2fadmin"])
def test_a_path_that_leaves_openai_never_gets_out(gateway: Gateway, path: str) -> None:
    """Upstream must see nothing of it, whatever a client or a proxy makes of the dots."""
    _, key = gateway.new_key()
    before = _received(gateway)

    with httpx.Client() as client:
        request = client.build_request("POST", gateway.url, content=BODY, headers={**JSON, "api-key": key})
        request.url = httpx.URL(gateway.url).copy_with(raw_path=path.encode())
        response = client.send(request)

    assert response.status_code in {400, 404}
    assert _received(gateway) == before


def _tokens(gateway: Gateway) -> Iterator[tuple[str, str]]:
    entra = gateway.entra
    good = entra.token()
    header, claims, signature = good.split(".")
    now = int(time.time())
    yield "expired", entra.token(exp=now - 3600, nbf=now - 7200, iat=now - 7200)
    yield "from the future", entra.token(nbf=now + 3600)
    yield "for another audience", entra.token(aud="https://graph.microsoft.com")
    yield "of another tenant", entra.token(tid=OTHER_TENANT, iss=f"https://sts.windows.net/{OTHER_TENANT}/")
    yield "of an unknown key", entra.token(header={"kid": "nobody's"})
    yield "signed by somebody else", entra.token(signed_with="second", header={"kid": "first"})
    yield "unsigned", f"{_encoded({'alg': 'none', 'kid': 'first'})}.{claims}."
    yield "signed with the public key", _hmac_with_public_key(claims)
    yield "with another signature", f"{header}.{claims}.{signature[::-1]}"
    yield "without an object id", entra.token(oid=None)
    yield "of no form at all", "a.b.c"


def _encoded(value: dict[str, Any]) -> str:
    return jwt.utils.base64url_encode(json.dumps(value).encode()).decode()


def _hmac_with_public_key(claims: str) -> str:
    head = _encoded({"alg": "HS256", "kid": "first", "typ": "JWT"})
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = algorithm.sign(f"{head}.{claims}".encode(), public_pem("first"))
    return f"{head}.{claims}.{jwt.utils.base64url_encode(signature).decode()}"


def test_no_forged_token_gets_in_and_none_is_named(gateway: Gateway) -> None:
    """Each is refused with its reason, in the SDKs' form; nothing is sent, nothing of it is echoed or logged."""
    before = _received(gateway)
    for what, token in _tokens(gateway):
        response = httpx.post(gateway.url + CHAT, content=BODY, headers={**JSON, "authorization": f"Bearer {token}"})

        error = _assert_refused(response, 401)
        assert error["code"] == "invalid_credentials", what
        assert token not in response.text, what
        assert token not in gateway.stack.host.last_lines(200), what
    assert _received(gateway) == before


def test_nothing_secret_is_logged(gateway: Gateway) -> None:
    """Not a prompt, not a key, not a URL with a function key, and no traceback for any of the above."""
    _, key = gateway.new_key()
    httpx.post(gateway.url + CHAT + "&code=function-key", content=BODY, headers={**JSON, "api-key": key})
    httpx.post(gateway.url + CHAT, content=BODY, headers={**JSON, "api-key": "azure-key-left-in"})

    log = gateway.stack.host.last_lines(200)

    for secret in (SECRET, key, "function-key", "azure-key-left-in", "Traceback"):
        assert secret not in log


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/", "/admin/host/status"])
def test_nothing_is_served_that_is_not_ours(gateway: Gateway, path: str) -> None:
    """The worker's own web application would describe itself, and hang the invocation that belongs to it."""
    assert httpx.get(gateway.url + path).status_code == 404


def _assert_refused(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    return error


def _received(gateway: Gateway) -> int:
    lines = httpx.get(f"{gateway.stack.upstream_url}/_simulator/requests").text.splitlines()
    return len(lines)


def _megabytes(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield b" " * 1024 * 1024

"""HTTP triggers, on our host and on the core of Microsoft's worker: what holds on one holds on both."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.hosts import HOSTS
from tests.local.sample_app import SampleApp, running_sample

_BODY_LIMIT = 1_000_000


@pytest.fixture(scope="module", params=HOSTS)
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleApp]:
    """Run the sample app once for all tests of this file, on each host."""
    settings = {"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": str(_BODY_LIMIT), "LOCAL_FUNCTION_KEY": "open sesame"}
    with running_sample(request.param, tmp_path_factory.mktemp("sample"), settings) as app:
        yield app


def test_a_function_sees_path_query_and_headers_as_they_were_sent(app: SampleApp) -> None:
    """The relay forwards what it sees, so a host that tidies up would hide its faults."""
    seen = httpx.put(f"{app.url}/echo/a%2Fb/%E4/c?x=1&x=%20", headers={"X-Mixed": "as sent"}).json()

    assert seen["method"] == "PUT"
    assert seen["path"] == "/echo/a%2Fb/%E4/c"
    assert seen["query"] == "x=1&x=%20"
    assert ["x-mixed", "as sent"] in seen["headers"]
    assert seen["path_params"]["path"].startswith("a%2Fb/")


def test_the_invocation_id_is_the_hosts_whatever_the_caller_sent(app: SampleApp) -> None:
    """Two requests with one id would wait for each other in Microsoft's worker."""
    seen = httpx.get(f"{app.url}/echo/x", headers={"x-ms-invocation-id": "mine"}).json()
    ids = [value for name, value in seen["headers"] if name == "x-ms-invocation-id"]

    assert len(ids) == 1
    assert ids != ["mine"]


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("items/7", {"id": "7"}),
        ("items/ALL", {"all": True}),
        ("Items/all/", {"all": True}),
    ],
)
def test_a_literal_route_comes_before_a_parameter(app: SampleApp, path: str, answer: object) -> None:
    """ASP.NET's order, and its indifference to case and to a slash at the end."""
    assert httpx.get(f"{app.url}/{path}").json() == answer


def test_what_no_route_takes_is_not_found(app: SampleApp) -> None:
    """Nor is a method that no function takes: Azure's host knows no 405."""
    assert httpx.get(f"{app.url}/nowhere").status_code == 404
    assert httpx.get(f"{app.url}/docs").status_code == 404
    assert httpx.post(f"{app.url}/items/7").status_code == 404


def test_a_stream_is_passed_on_chunk_by_chunk(app: SampleApp) -> None:
    """The function waits until the first chunk has arrived before it sends the next."""
    got: list[bytes] = []
    with httpx.stream("GET", f"{app.url}/stream", timeout=20) as response:
        for chunk in response.iter_raw():
            Path(f"{app.notes_file}.got{len(got)}").touch()
            got.append(chunk)
    for i in range(3):
        Path(f"{app.notes_file}.got{i}").unlink()

    assert got == [b"data: 0\n\n", b"data: 1\n\n", b"data: 2\n\n"]


def test_a_caller_who_hangs_up_cancels_the_stream(app: SampleApp) -> None:
    """It is how the relay learns of it, as in Azure."""
    with httpx.stream("GET", f"{app.url}/stream", timeout=20) as response:
        next(response.iter_raw())

    app.wait_for_notes("stream cancelled")


def test_a_caller_who_hangs_up_before_the_answer_does_not_cancel_the_function(app: SampleApp) -> None:
    """In Azure it runs to its end, and so the relay records the call."""
    with _connected(app) as connection:
        connection.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        app.wait_for_notes("slow begun")

    app.wait_for_notes("slow ended, disconnected: True")
    assert "slow cancelled" not in app.notes()


def test_a_response_of_a_class_of_ones_own_is_sent_as_it_says(app: SampleApp) -> None:
    """The relay answers so: status, headers and chunks are its own, and so is what it does after."""
    response = httpx.get(f"{app.url}/custom")

    assert response.status_code == 299
    assert response.headers["X-Kept"] == "as it was"
    assert "content-length" not in response.headers
    assert response.text == "one two"
    app.wait_for_notes("custom response sent")


def test_a_function_that_is_not_async_answers_too(app: SampleApp) -> None:
    """It runs in a thread."""
    assert httpx.get(f"{app.url}/plain").text == "plain"


@pytest.mark.parametrize("path", ["raises", "nothing"])
def test_a_function_that_fails_is_a_bare_500(app: SampleApp, path: str) -> None:
    """No trace of the failure reaches the caller, and the host lives on."""
    response = httpx.get(f"{app.url}/{path}")

    assert (response.status_code, response.text) == (500, "Internal Server Error")
    assert httpx.get(f"{app.url}/plain").status_code == 200


def test_a_locked_function_wants_its_key(app: SampleApp) -> None:
    """In the header or in the query, as in Azure."""
    assert httpx.get(f"{app.url}/locked").status_code == 401
    assert httpx.get(f"{app.url}/locked?code=wrong").status_code == 401
    assert httpx.get(f"{app.url}/locked", params={"code": "open sesame"}).text == "open"
    assert httpx.get(f"{app.url}/locked", headers={"x-functions-key": "open sesame"}).text == "open"


def test_no_key_reaches_the_log(app: SampleApp) -> None:
    """Function keys travel in the query, which access logs hold."""
    httpx.get(f"{app.url}/locked?code=a-secret-code")

    assert "a-secret-code" not in app.host.process.last_lines()


def test_a_body_up_to_the_limit_is_taken_and_a_longer_one_refused(app: SampleApp) -> None:
    """Azure refuses it before the function sees it; so must whatever the relay is tested on."""
    taken = httpx.post(f"{app.url}/upload", content=bytes(_BODY_LIMIT))
    refused = httpx.post(f"{app.url}/upload", content=bytes(_BODY_LIMIT + 1))

    assert taken.json() == {"length": _BODY_LIMIT}
    assert refused.status_code == 413


def test_a_body_of_undeclared_length_is_refused_once_it_is_too_long(app: SampleApp) -> None:
    """No content-length must not be a way round the limit."""
    chunks = (bytes(100_000) for _ in range(12))
    refused = httpx.post(f"{app.url}/upload", content=chunks)

    assert refused.status_code == 413
    assert httpx.post(f"{app.url}/upload", content=iter([b"a", b"b"])).json() == {"length": 2}


def test_headers_and_request_lines_have_limits(app: SampleApp) -> None:
    """Kestrel's: 32 KiB of headers, 100 of them, and 8 KiB of request line."""
    assert httpx.get(f"{app.url}/plain", headers={"X-Long": "x" * 32_000}).status_code == 200
    assert httpx.get(f"{app.url}/plain", headers={"X-Long": "x" * 33_000}).status_code == 431
    assert httpx.get(f"{app.url}/plain", headers={f"X-{i}": "x" for i in range(101)}).status_code == 431
    assert httpx.get(f"{app.url}/plain?{'x' * 8_000}").status_code == 200
    assert httpx.get(f"{app.url}/plain?{'x' * 8_200}").status_code == 414


def _connected(app: SampleApp) -> socket.socket:
    url = urlsplit(app.url)
    assert url.hostname is not None
    assert url.port is not None
    return socket.create_connection((url.hostname, url.port))

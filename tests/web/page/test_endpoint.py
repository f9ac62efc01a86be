"""`usage/page` over HTTP: headers, caches, and what is not there."""

from __future__ import annotations

import gzip
import json

import pytest
from starlette.requests import Request
from starlette.responses import Response

from shared.domain.gateway_key import GatewayKey, hash_key
from shared.domain.principal import Principal
from shared.usecases.identify_principal import IdentifyPrincipal
from shared.usecases.query_usage import READ_ALL_ROLE
from shared.web.page.caller import CallerEndpoint
from shared.web.page.endpoint import PageEndpoint
from shared.web.page.files import read_page
from tests.fakes import FakeClock, FakeGatewayKeys

PAGE = read_page(easy_auth=False)
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


async def get(path: str, **headers: str) -> Response:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": raw}
    return await PageEndpoint(PAGE)(Request(scope))


@pytest.mark.parametrize("path", ["/usage/page", "/Usage/Page"])
async def test_the_document_is_asked_after_each_time(path: str) -> None:
    """It names the version of all else: an old one would show an old page for ever."""
    response = await get(path)

    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert response.headers["cache-control"] == "no-cache"
    assert response.body == PAGE.document.content


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("app.js", "text/javascript; charset=utf-8"),
        ("styles/base.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ],
)
async def test_a_file_is_kept_for_ever(name: str, media_type: str) -> None:
    """Its address changes with its content."""
    response = await get(f"/usage/page/{PAGE.version}/{name}")

    assert (response.status_code, response.headers["content-type"]) == (200, media_type)
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"


async def test_a_file_of_another_version_is_ours_and_kept_by_nobody() -> None:
    """While a release is rolled out, two versions answer: to keep ours under their name would mix them for a year."""
    response = await get("/usage/page/other/app.js")

    assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")


@pytest.mark.parametrize(
    "path",
    [
        "/usage/page/x",
        "/usage/page/x/../files.py",
        f"/usage/page/{PAGE.version}/nothing.js",
        "/usage/page/x/vendor/LICENSE",
    ],
)
async def test_what_is_not_of_the_page_is_not_there(path: str) -> None:
    """No path leads out of the folder: names are looked up, not opened."""
    response = await get(path)

    assert response.status_code == 404
    assert response.headers["content-security-policy"] == POLICY


async def test_a_slash_too_many_is_led_back() -> None:
    """The addresses in the document are relative to the one without."""
    response = await get("/usage/page/")

    assert (response.status_code, response.headers["location"]) == (308, "../page")


@pytest.mark.parametrize("path", ["/usage/page", f"/usage/page/{PAGE.version}/app.js", "/usage/page/x", "/usage/page/"])
async def test_everything_comes_with_the_policy(path: str) -> None:
    """No code and no style but our files', no other host, in no frame."""
    headers = (await get(path)).headers

    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"


async def test_it_is_compressed_for_who_takes_that() -> None:
    """A third of the size, and a proxy must not hand it to who does not."""
    response = await get("/usage/page", accept_encoding="gzip, br")

    assert (response.headers["content-encoding"], response.headers["vary"]) == ("gzip", "accept-encoding")
    assert gzip.decompress(bytes(response.body)) == PAGE.document.content
    assert response.headers["etag"] != (await get("/usage/page")).headers["etag"]


@pytest.mark.parametrize("form", ["{}", "W/{}", '"x", {}'])
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_what_the_browser_has_is_not_sent_again(form: str, encoding: str) -> None:
    """In whatever form a proxy has passed its tag on."""
    tag = (await get("/usage/page", accept_encoding=encoding)).headers["etag"]
    response = await get("/usage/page", accept_encoding=encoding, if_none_match=form.format(tag))

    assert (response.status_code, response.body) == (304, b"")
    assert (response.headers["etag"], "content-encoding" in response.headers) == (tag, False)


async def test_another_tag_is_sent_the_page() -> None:
    """It is an old one's."""
    assert (await get("/usage/page", if_none_match='"old"')).status_code == 200


# usage/page/me.


async def whoami(key: str, query: bytes = b"") -> tuple[int, dict[str, object], str]:
    principal = Principal.from_name("finance", roles=frozenset({READ_ALL_ROLE}))
    keys = FakeGatewayKeys(GatewayKey(key_hash=hash_key("key"), principal=principal, issued_at=FakeClock().now()))
    scope = {
        "type": "http",
        "method": "GET",
        "headers": [(b"authorization", f"Bearer {key}".encode())],
        "query_string": query,
    }
    response = await CallerEndpoint(IdentifyPrincipal(keys=keys, clock=FakeClock()))(Request(scope))
    return response.status_code, json.loads(bytes(response.body)), response.headers.get("cache-control", "")


async def test_the_page_is_told_who_looks_and_what_they_may() -> None:
    """It offers only what it can keep."""
    assert await whoami("key") == (
        200,
        {
            "tenant_id": "gateway",
            "object_id": "finance",
            "kind": "gateway",
            "name": "finance",
            "roles": [READ_ALL_ROLE],
        },
        "no-store",
    )


async def test_who_proves_nothing_is_told_so() -> None:
    """The page asks then."""
    status, body, _ = await whoami("wrong")

    assert (status, body["error"]["code"]) == (401, "invalid_credentials")  # type: ignore[index]


async def test_a_parameter_is_named_as_everywhere() -> None:
    """A typing error must not go unnoticed."""
    assert (await whoami("key", b"of=bob"))[0] == 400

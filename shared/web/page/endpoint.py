"""
`usage/page`: the page's document and its files.

They hold no data, so anybody may load them. What the page shows it asks `usage` and its sisters for, with the
credential of who looks.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from shared.web.page.files import PageFile, PageFiles

# Nothing but our own files, no code and no style in the document, and no text that becomes either.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "vary": "accept-encoding",
}
_ROUTE = "/usage/page"
# The address changes with the content.
_FOR_EVER = "public, max-age=31536000, immutable"
# Kept, but asked after each time it is used.
_ASKED_AFTER = "no-cache"


class PageEndpoint:
    """Serves the page."""

    def __init__(self, page: PageFiles) -> None:
        self._page = page

    async def __call__(self, request: Request) -> Response:
        path = _below_the_route(request)
        if path == "":
            return _answer(request, self._page.document, _ASKED_AFTER)
        if path == "/":
            # Below it the document's own addresses would mean something else.
            return Response(status_code=308, headers={**_HEADERS, "location": "../page"})
        version, _, name = path.removeprefix("/").partition("/")
        file = self._page.files.get(name)
        if file is None:
            return Response("no such file\n", 404, {**_HEADERS, "cache-control": "no-store"}, "text/plain")
        # While a release is rolled out an instance may be asked for another's file: better ours than none.
        return _answer(request, file, _FOR_EVER if version == self._page.version else "no-store")


def _below_the_route(request: Request) -> str:
    path: str = request.scope["path"]
    # The platform matches routes whatever their case.
    return path[path.lower().index(_ROUTE) + len(_ROUTE) :]


def _answer(request: Request, file: PageFile, cache_control: str) -> Response:
    compressed = "gzip" in request.headers.get("accept-encoding", "")
    tag = f'"{file.tag}{"-gzip" if compressed else ""}"'
    headers = {**_HEADERS, "cache-control": cache_control, "etag": tag}
    if _has(request, tag):
        return Response(status_code=304, headers=headers)
    if compressed:
        headers["content-encoding"] = "gzip"
    return Response(file.compressed if compressed else file.content, headers=headers, media_type=file.media_type)


def _has(request: Request, tag: str) -> bool:
    """Whether the browser has it. A proxy on the way may have made the tag a weak one."""
    held = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    return tag in held

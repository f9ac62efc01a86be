"""What the body of a metered request says, read without building it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from shared.domain.token_counting import COUNTABLE_BYTES

_LABEL_LIMIT = 256
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_ABSENT = msgspec.Raw()

# What a prompt holds beside text, or draws in from elsewhere: as base64, by its URL or id, or through a tool
# that Azure runs. Quotes within text are escaped, so it cannot hold one of these; a schema can, which then
# counts as one too.
_NOT_TEXT = (
    b";base64,",
    b'"image_url"',
    b'"input_image"',
    b'"input_audio"',
    b'"input_file"',
    b'"file_id"',
    b'"file_data"',
    b'"item_reference"',
    b'"encrypted_content"',
    b'"web_search',
    b'"file_search',
    b'"code_interpreter',
    b'"image_generation',
    b'"computer',
    b'"mcp"',
)
# Where Azure keeps what came before.
_KEPT_BY_AZURE = ("previous_response_id", "conversation")

# The members of an object, each left raw: one of an odd type must not hide the others.
_Members = dict[str, msgspec.Raw]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRequest:
    """
    What a request says of itself. `understood` is False where the body is no JSON object:
    it is relayed all the same, for Azure to refuse.

    `lacks_usage` is True for a stream whose caller did not ask for the usage chunk and where
    we may: stream options of an odd type are left for Azure to refuse.

    `text_only` is True where the prompt is text in this body and nothing else: no image, audio or
    file, nothing that Azure keeps, and no tool of Azure's that would add to it. It errs towards False.
    """

    understood: bool
    model: str | None = None
    streamed: bool = False
    lacks_usage: bool = False
    user_label: str | None = None
    text_only: bool = False


def read_request(body: bytes | bytearray) -> ReadRequest:
    """Return what a JSON body says. Never raises."""
    try:
        members = msgspec.json.decode(body, type=_Members)
    except _UNREADABLE:
        return ReadRequest(understood=False)
    streamed = bytes(members.get("stream", _ABSENT)) == b"true"
    return ReadRequest(
        understood=True,
        model=_text(members, "model"),
        streamed=streamed,
        lacks_usage=streamed and _lacks_usage(members),
        user_label=_text(members, "user") or _text(members, "safety_identifier"),
        text_only=_is_text_only(body, members),
    )


def with_usage_asked(body: bytes | bytearray) -> Sequence[bytes | memoryview]:
    """
    Return the body with `stream_options.include_usage` set, as buffers to send in order.

    Values the caller sent are views of `body`, byte for byte; only the option is ours. Of a
    name given twice the last value goes on. The body is one that `lacks_usage`.
    """
    members = msgspec.json.decode(body, type=_Members)
    options = _stream_options(members)
    options["include_usage"] = msgspec.Raw(b"true")
    members["stream_options"] = msgspec.Raw(msgspec.json.encode(options))
    buffers: list[bytes | memoryview] = []
    separator = b"{"
    for name, value in members.items():
        buffers.append(separator + msgspec.json.encode(name) + b":")
        buffers.append(memoryview(value))
        separator = b","
    buffers.append(b"}")
    return buffers


def _is_text_only(body: bytes | bytearray, members: _Members) -> bool:
    # To look through a larger one takes long (6 ms a megabyte), and no model takes it.
    if len(body) > COUNTABLE_BYTES:
        return False
    if any(_is_object(members, name) or _text(members, name) for name in _KEPT_BY_AZURE):
        return False
    # The prompt of the Responses API, as an object, is one that Azure keeps; that of completions is text.
    return not _is_object(members, "prompt") and not any(marker in body for marker in _NOT_TEXT)


def _lacks_usage(members: _Members) -> bool:
    try:
        options = _stream_options(members)
    except _UNREADABLE:
        return False
    return bytes(options.get("include_usage", _ABSENT)) in {b"", b"null", b"false"}


def _stream_options(members: _Members) -> _Members:
    return msgspec.json.decode(members.get("stream_options", b"null"), type=_Members | None) or {}


def _is_object(members: _Members, name: str) -> bool:
    return bytes(memoryview(members.get(name, _ABSENT))[:1]) == b"{"


def _text(members: _Members, name: str) -> str | None:
    try:
        return msgspec.json.decode(members.get(name, _ABSENT), type=str)[:_LABEL_LIMIT] or None
    except _UNREADABLE:
        return None

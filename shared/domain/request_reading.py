"""What the body of a metered request says, read without building it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

_LABEL_LIMIT = 256
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class _Fields(msgspec.Struct):
    """The fields we act on, each left raw: one of an odd type must not hide the others."""

    model: msgspec.Raw = msgspec.Raw()
    stream: msgspec.Raw = msgspec.Raw()
    user: msgspec.Raw = msgspec.Raw()
    safety_identifier: msgspec.Raw = msgspec.Raw()
    stream_options: msgspec.Raw = msgspec.Raw()


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRequest:
    """
    What a request says of itself. `understood` is False where the body is no JSON object:
    it is relayed all the same, for Azure to refuse.

    `lacks_usage` is True for a stream whose caller did not ask for the usage chunk and where
    we may: stream options of an odd type are left for Azure to refuse.
    """

    understood: bool
    model: str | None = None
    streamed: bool = False
    lacks_usage: bool = False
    user_label: str | None = None


def read_request(body: bytes | bytearray) -> ReadRequest:
    """Return what a JSON body says. Never raises."""
    try:
        fields = msgspec.json.decode(body, type=_Fields)
    except _UNREADABLE:
        return ReadRequest(understood=False)
    streamed = bytes(fields.stream) == b"true"
    return ReadRequest(
        understood=True,
        model=_text(fields.model),
        streamed=streamed,
        lacks_usage=streamed and _lacks_usage(fields.stream_options),
        user_label=_text(fields.user) or _text(fields.safety_identifier),
    )


def with_usage_asked(body: bytes | bytearray) -> Sequence[bytes | memoryview]:
    """
    Return the body with `stream_options.include_usage` set, as buffers to send in order.

    Values the caller sent are views of `body`, byte for byte; only the option is ours.
    """
    members: dict[str, msgspec.Raw] = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    options = _members(members.get("stream_options"))
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


def _members(raw: msgspec.Raw | None) -> dict[str, msgspec.Raw]:
    if raw is None or bytes(raw) == b"null":
        return {}
    return msgspec.json.decode(raw, type=dict[str, msgspec.Raw])


def _lacks_usage(raw: msgspec.Raw) -> bool:
    if bytes(raw) in {b"", b"null"}:
        return True
    try:
        return msgspec.json.decode(raw, type=_StreamOptions).include_usage is not True
    except _UNREADABLE:
        return False


def _text(raw: msgspec.Raw) -> str | None:
    try:
        return msgspec.json.decode(raw, type=str)[:_LABEL_LIMIT] or None
    except _UNREADABLE:
        return None

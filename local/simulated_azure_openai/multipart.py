"""A multipart form, read where it lies on disk: it may be larger than memory."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from typing import BinaryIO

from local.simulated_azure_openai.azure_errors import invalid_value, unsupported_content_type

_COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a form: where its value lies in the upload. `filename` is None unless it is a file."""

    name: str
    filename: str | None
    start: int
    size: int


class Form:
    """
    The fields of a multipart body. The upload stays the caller's to close.

    Raises:
        AzureError: 400, the body is no multipart form.
    """

    def __init__(self, upload: BinaryIO | None, content_type: str) -> None:
        boundary = _boundary(content_type)
        if upload is None or boundary is None:
            raise unsupported_content_type(content_type, "multipart/form-data")
        self._upload = upload
        self._fields = {field.name: field for field in _fields(upload, boundary)}

    def text(self, name: str) -> str | None:
        """Return the value of a field, None if it is missing."""
        field = self._fields.get(name)
        if field is None:
            return None
        self._upload.seek(field.start)
        return self._upload.read(field.size).decode("utf-8", "replace")

    def file(self, name: str) -> Field:
        field = self._fields.get(name)
        if field is None or field.filename is None:
            raise invalid_value(name, f"'{name}' is not a file of this form")
        return field

    def copy(self, field: Field) -> BinaryIO:
        """Return the value of a field as a file of its own, which goes when it is closed."""
        copy = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
        self._upload.seek(field.start)
        left = field.size
        while left:
            left -= copy.write(self._upload.read(min(left, _COPY_BYTES)))
        return copy


def _boundary(content_type: str) -> bytes | None:
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_boundary()
    return boundary.encode() if boundary else None


def _fields(upload: BinaryIO, boundary: bytes) -> Iterator[Field]:
    upload.flush()
    if upload.seek(0, 2) == 0:
        return
    with mmap.mmap(upload.fileno(), 0, access=mmap.ACCESS_READ) as content:
        start = content.find(b"--" + boundary)
        while start >= 0:
            start += len(boundary) + 4
            end = content.find(b"\r\n--" + boundary, start)
            value = content.find(b"\r\n\r\n", start) + 4
            if end < 0 or not start < value <= end:
                return
            yield _field(content[start:value], value, end)
            start = end + 2


def _field(head: bytes, start: int, end: int) -> Field:
    headers = BytesHeaderParser().parsebytes(head)
    name = headers.get_param("name", "", header="content-disposition")
    return Field(name=str(name), filename=headers.get_filename(), start=start, size=end - start)

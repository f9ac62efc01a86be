"""Files: uploaded as a form, listed, described, read and deleted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from local.simulated_azure_openai.answer import Answer, json_answer
from local.simulated_azure_openai.azure_errors import missing_parameter, not_found
from local.simulated_azure_openai.call import Call
from local.simulated_azure_openai.multipart import Form

_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class _StoredFile:
    description: dict[str, Any]
    content: BinaryIO


class Files:
    """The files of one resource; their contents lie on disk until `close`."""

    def __init__(self) -> None:
        self._stored: dict[str, _StoredFile] = {}

    def upload(self, call: Call) -> Answer:
        """
        Keep the file of a form and return what it is called.

        Raises:
            AzureError: 400, the body is no form with a file and its purpose.
        """
        form = Form(call.upload, call.content_type)
        field, purpose = form.file("file"), form.text("purpose")
        if not purpose:
            raise missing_parameter("purpose")
        description = {
            "object": "file",
            "id": call.new_id("file-"),
            "purpose": purpose,
            "filename": field.filename,
            "bytes": field.size,
            "created_at": call.created,
            "status": "processed",
        }
        self._stored[call.new_id("file-")] = _StoredFile(description, form.copy(field))
        # 201 in the dated versions, 200 in v1.
        return json_answer(description, status=200 if call.api_version is None else 201)

    def listing(self, call: Call) -> Answer:  # noqa: ARG002 - every operation takes its call
        return json_answer({"object": "list", "data": [file.description for file in self._stored.values()]})

    def retrieve(self, call: Call) -> Answer:
        return json_answer(self._find(call).description)

    def content(self, call: Call) -> Answer:
        return Answer(chunks=tuple(_chunks(self._find(call).content)), content_type="application/octet-stream")

    def delete(self, call: Call) -> Answer:
        self._find(call).content.close()
        del self._stored[call.path["id"]]
        return json_answer({"id": call.path["id"], "object": "file", "deleted": True})

    def close(self) -> None:
        for file in self._stored.values():
            file.content.close()

    def _find(self, call: Call) -> _StoredFile:
        file = self._stored.get(call.path["id"])
        if file is None:
            raise not_found("file", call.path["id"])
        return file


def _chunks(content: BinaryIO) -> Iterator[bytes]:
    content.seek(0)
    while chunk := content.read(_CHUNK_BYTES):
        yield chunk

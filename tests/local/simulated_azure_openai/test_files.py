"""Files, and the forms they are uploaded in."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import BinaryIO

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.simulated_azure_openai import RunningServer
from local.simulated_azure_openai.azure_errors import AzureError
from local.simulated_azure_openai.multipart import Form
from tests.local.simulated_azure_openai.conftest import Caller
from tests.local.simulated_azure_openai.openai_clients import dated_client, v1_client


async def test_a_file_is_kept_until_it_is_deleted(server: RunningServer) -> None:
    async with v1_client(server.url) as client:
        uploaded = await client.files.create(file=("calls.jsonl", b'{"a": 1}\n'), purpose="batch")
        listed = await client.files.list()
        read = await client.files.retrieve(uploaded.id)
        content = await client.files.content(uploaded.id)
        deleted = await client.files.delete(uploaded.id)
        left = await client.files.list()

    assert (uploaded.filename, uploaded.bytes, uploaded.purpose) == ("calls.jsonl", 9, "batch")
    assert listed.data == [uploaded] == [read]
    assert content.content == b'{"a": 1}\n'
    assert (deleted.deleted, left.data) == (True, [])


async def test_a_dated_upload_says_created(server: RunningServer) -> None:
    async with dated_client(server.url) as client:
        raw = await client.files.with_raw_response.create(file=("a", b""), purpose="batch")

    assert raw.status_code == 201
    assert raw.parse().bytes == 0


async def test_a_file_larger_than_any_limit_is_taken_as_it_comes(caller: Caller) -> None:
    """A relay that gathers an upload in memory fails here for real callers."""
    block = bytes(range(256)) * 4096
    blocks = 110

    async def content() -> AsyncIterator[bytes]:
        for _ in range(blocks):
            yield block

    form = aiohttp.FormData({"purpose": "batch"})
    form.add_field("file", content(), filename="large.jsonl")
    reply = await caller.send("POST", "/openai/v1/files", data=form)
    read = await caller.send("GET", f"/openai/v1/files/{reply.json['id']}/content")

    assert reply.json["bytes"] == blocks * len(block)
    assert hashlib.sha256(read.body).digest() == hashlib.sha256(block * blocks).digest()


@pytest.mark.parametrize(("field", "filename", "missing"), [("file", "a.txt", "purpose"), ("purpose", None, "file")])
async def test_a_form_without_its_fields_is_refused(
    caller: Caller, field: str, filename: str | None, missing: str
) -> None:
    form = aiohttp.FormData(default_to_multipart=True)
    form.add_field(field, "batch", filename=filename)
    reply = await caller.send("POST", "/openai/v1/files", data=form)

    assert (reply.status, reply.json["error"]["param"]) == (400, missing)


async def test_json_is_no_upload(caller: Caller) -> None:
    reply = await caller.post("/openai/v1/files", {"purpose": "batch"})

    assert (reply.status, reply.json["error"]["code"]) == (400, "unsupported_content_type")


@given(value=st.binary(max_size=200), text=st.text(max_size=50))
def test_a_form_comes_back_as_it_was_written(value: bytes, text: str) -> None:
    with upload(
        b'--edge\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n' + text.encode() + b"\r\n"
        b'--edge\r\nContent-Disposition: form-data; name="file"; filename="f.bin"\r\n\r\n' + value + b"\r\n--edge--\r\n"
    ) as file:
        form = Form(file, "multipart/form-data; boundary=edge")
        copied = form.copy(form.file("file"))
        with copied:
            copied.seek(0)

            assert copied.read() == value
            assert form.text("purpose") == text
            assert form.file("file").filename == "f.bin"


@given(body=st.binary(max_size=100) | st.text('-edg\r\n:;="namefile ', max_size=200).map(str.encode))
def test_a_broken_form_has_no_file(body: bytes) -> None:
    """It is refused as Azure would, never with a 500 of our own."""
    with upload(body) as file, pytest.raises(AzureError):
        Form(file, "multipart/form-data; boundary=edge").file("file")


@contextmanager
def upload(body: bytes) -> Iterator[BinaryIO]:
    with tempfile.TemporaryFile() as file:
        file.write(body)
        yield file

"""The Table protocol as bytes. That the service understands them, the tests on Azurite show."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.table_wire import Refusal, TableWrite, delete, insert, read_answer, replace, upsert, write_request
from shared.domain.errors import StorageRejected
from shared.domain.table_entity import Int64, TableEntity, Value

URL = "https://contoso.table.core.windows.net"
BOUNDARY = "b0"


def write(row_key: str = "r", partition_key: str = "p", **properties: Value) -> TableWrite:
    return upsert(TableEntity(partition_key=partition_key, row_key=row_key, properties=properties))


def test_values_carry_the_type_that_json_cannot_show() -> None:
    """Without it a large number comes back as text, and a time too."""
    time = datetime(2026, 11, 23, 10, 1, 2, tzinfo=timezone(timedelta(hours=1)))

    assert json.loads(write(n=7, big=Int64(7), yes=True, text="Grüße", at=time, half=0.5, whole=5.0).body) == {
        "PartitionKey": "p",
        "RowKey": "r",
        "n": 7,
        "big": "7",
        "big@odata.type": "Edm.Int64",
        "yes": True,
        "text": "Grüße",
        "at": "2026-11-23T09:01:02.000000Z",
        "at@odata.type": "Edm.DateTime",
        "half": 0.5,
        "half@odata.type": "Edm.Double",
        "whole": 5.0,
        "whole@odata.type": "Edm.Double",
    }


def test_one_write_goes_without_wrapping() -> None:
    """It is a quarter cheaper, and the usual case at low load."""
    request = write_request(URL, "usage", [write("r@1", "it's")], BOUNDARY)

    assert (request.method, request.path) == ("PUT", "usage(PartitionKey='it%27%27s',RowKey='r%401')")
    assert "If-Match" not in request.headers


def test_a_delete_is_of_any_version() -> None:
    """The service refuses a delete without If-Match."""
    request = write_request(URL, "usage", [delete("p", "r")], BOUNDARY)

    assert (request.method, request.headers["If-Match"], request.body) == ("DELETE", "*", b"")


def test_an_insert_names_its_row_in_its_body_alone() -> None:
    """It goes to the table, and asks for no echo of the row."""
    entity = TableEntity(partition_key="p", row_key="r", properties={"n": 7})
    request = write_request(URL, "usage", [insert(entity)], BOUNDARY)

    assert (request.method, request.path, request.headers["Prefer"]) == ("POST", "usage", "return-no-content")
    assert json.loads(request.body) == {"PartitionKey": "p", "RowKey": "r", "n": 7}


def test_an_update_is_of_the_version_it_was_made_from() -> None:
    """Alone or in a transaction: another may have written meanwhile."""
    entity = TableEntity(partition_key="p", row_key="r", properties={})
    update = replace(entity, 'W/"7"')
    alone, shared = (write_request(URL, "calls", writes, BOUNDARY) for writes in ([update], [update, write("s")]))

    assert (alone.method, alone.headers["If-Match"]) == ("PUT", 'W/"7"')
    assert shared.body.count(b'If-Match: W/"7"\r\n') == 1


def test_several_writes_are_one_changeset() -> None:
    """The form of https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions."""
    request = write_request(URL, "usage", [write("r1"), delete("p", "r2")], BOUNDARY)

    assert (request.method, request.path) == ("POST", "$batch")
    assert request.headers["Content-Type"] == "multipart/mixed; boundary=batch_b0"
    assert (
        request.body.decode().replace("\r\n", "\n")
        == """\
--batch_b0
Content-Type: multipart/mixed; boundary=changeset_b0

--changeset_b0
Content-Type: application/http
Content-Transfer-Encoding: binary

PUT https://contoso.table.core.windows.net/usage(PartitionKey='p',RowKey='r1') HTTP/1.1
Content-Type: application/json
Accept: application/json;odata=minimalmetadata
DataServiceVersion: 3.0;

{"PartitionKey":"p","RowKey":"r1"}
--changeset_b0
Content-Type: application/http
Content-Transfer-Encoding: binary

DELETE https://contoso.table.core.windows.net/usage(PartitionKey='p',RowKey='r2') HTTP/1.1
Content-Type: application/json
Accept: application/json;odata=minimalmetadata
DataServiceVersion: 3.0;
If-Match: *


--changeset_b0--
--batch_b0--
"""
    )


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=300), min_size=2, max_size=20))
def test_no_text_breaks_out_of_its_part(labels: list[str]) -> None:
    """A caller chooses its label; it must not be able to write a row of its own."""
    writes = [write(f"r{i}", label="\r\n--changeset_b0\r\nPUT " + label) for i, label in enumerate(labels)]
    body = write_request(URL, "usage", writes, BOUNDARY).body

    assert len(re.findall(rb"^--changeset_b0", body, re.MULTILINE)) == len(labels) + 1
    assert len(re.findall(rb"^PUT ", body, re.MULTILINE)) == len(labels)


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=200), min_size=2, max_size=20),
    st.text("abc@'日", min_size=1, max_size=100),
)
def test_a_write_never_adds_more_than_it_says(labels: list[str], key: str) -> None:
    """The 4 MiB of a transaction are kept by adding these up."""
    writes = [write(f"{key}{i}", label=label) for i, label in enumerate(labels)]
    body = write_request(URL + "/" + "x" * 60, "opencalls", writes, "0" * 32).body

    assert len(body) <= 512 + sum(each.batch_bytes for each in writes)


def test_a_key_the_service_refuses_is_never_sent() -> None:
    """Azurite answers it with 500."""
    with pytest.raises(StorageRejected):
        delete("p", "a/b")


def answer(*parts: str) -> bytes:
    head = "--changesetresponse_x\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 "
    return "".join(f"{head}{part}\r\n\r\n" for part in parts).encode()


def failed(status: str, code: str, message: str) -> str:
    return f'{status}\r\n\r\n{{"odata.error":{{"code":"{code}","message":{{"lang":"en-US","value":"{message}"}}}}}}'


def test_an_accepted_changeset_is_done() -> None:
    """202 alone says nothing: the parts do."""
    assert read_answer(202, answer("204 No Content", "204 No Content"), 2) is None


def test_a_refused_changeset_names_the_guilty_row() -> None:
    """As recorded from Azurite 3.35 and as documented for the service."""
    body = answer(failed("400 Bad Request", "PropertyValueTooLarge", "17:The property value exceeds"))

    assert read_answer(202, body, 20) == Refusal(status=400, code="PropertyValueTooLarge", index=17)


def test_a_changeset_answer_cut_short_proves_nothing() -> None:
    """It may be done or not: to do it again is safe, to believe it is not."""
    refusal = read_answer(202, answer("204 No Content"), 2)

    assert refusal is not None
    assert refusal.is_transient


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (403, b"<?xml ?>\n<Error>\n  <Code>AuthorizationFailure</Code>", "AuthorizationFailure"),
        (409, failed("", "EntityAlreadyExists", "The specified entity").encode(), "EntityAlreadyExists"),
        (502, b"<html>bad gateway</html>", "Unknown"),
        (400, b"", "Unknown"),
    ],
)
def test_an_error_is_read_in_whatever_form_it_comes(status: int, body: bytes, code: str) -> None:
    """Azure sends JSON, XML where authorisation fails, and proxies send what they like."""
    assert read_answer(status, body, 1) == Refusal(status=status, code=code)


@pytest.mark.parametrize("status", [0, 408, 429, 500, 503])
def test_trouble_of_the_service_passes(status: int) -> None:
    """These are tried again."""
    assert Refusal(status=status, code="Unknown").is_transient


@pytest.mark.parametrize("status", [400, 404, 409, 413])
def test_trouble_with_a_row_stays(status: int) -> None:
    """These would be refused again."""
    assert not Refusal(status=status, code="Unknown").is_transient


def test_a_row_to_insert_that_is_there_is_inserted() -> None:
    """By whom does not matter: it knows as much, or more. A full table or a wrong row is another matter."""
    entity = TableEntity(partition_key="p", row_key="r", properties={})
    there, conflict = Refusal(status=409, code="EntityAlreadyExists"), Refusal(status=409, code="TableBeingDeleted")

    assert insert(entity).is_done(there)
    assert not insert(entity).is_done(conflict)
    assert not write().is_done(there)


def test_a_row_to_delete_that_is_gone_is_deleted() -> None:
    """A delete that timed out after it was done is sent again and finds nothing."""
    gone, no_table = Refusal(status=404, code="ResourceNotFound"), Refusal(status=404, code="TableNotFound")

    assert delete("p", "r").is_done(gone)
    assert not delete("p", "r").is_done(no_table)
    assert not write().is_done(gone)


@given(st.binary(max_size=300), st.integers(100, 599))
def test_no_answer_is_too_odd_to_be_read(body: bytes, status: int) -> None:
    """What reads storage's answers stands on every call's path."""
    read_answer(status, body, 2)

"""The description of our endpoints, held against what the running app answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from openapi_schema_validator import OAS31Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.e2e.gateway import Gateway

Json = dict[str, Any]

CALL = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello there"}], "user": "team-7"}
ASKED = [
    ("/usage", "/usage?by=principal,label,deployment,model,operation,outcome,month"),
    ("/usage", "/usage?by=hour&from=2026-11-01T10:30:00Z&to=2026-11-02"),
    ("/usage", "/usage?by=deployment,principal&compare=previous&percentiles=true&top=1&sort=-calls"),
    ("/usage/me", "/usage/me?by=day"),
    ("/usage/records", "/usage/records?limit=1"),
    ("/usage/drift", "/usage/drift"),
    ("/findings", "/findings?state=all"),
    ("/reconciliation", "/reconciliation"),
    ("/usage/page/me", "/usage/page/me"),
    ("/healthz", "/healthz"),
]
ID = re.compile("[A-Za-z0-9][A-Za-z0-9._~-]{0,199}")
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def asking(gateway: Gateway) -> Iterator[httpx.Client]:
    """Ask as one who may do all, of a ledger that is not empty."""
    _, key = gateway.new_key(reads_all=True, accepts=True)
    with httpx.Client(base_url=gateway.url, headers={"api-key": key}, timeout=30) as client:
        assert client.post("/openai/v1/chat/completions", json=CALL).status_code == 200
        assert client.post("/openai/v1/chat/completions", json={"model": "nobody"}).status_code >= 400
        yield client


@pytest.mark.parametrize(("path", "url"), ASKED)
def test_an_answer_is_as_described(asking: httpx.Client, path: str, url: str) -> None:
    """Clients are made from the description."""
    answer = asking.get(url)

    assert answer.status_code == 200
    _validator(_description(asking), path, "200").validate(answer.json())


def test_the_story_of_a_call_is_as_described(asking: httpx.Client) -> None:
    """It has parts of four tables."""
    (newest,) = asking.get("/usage/records", params={"limit": 1}).json()["records"]
    answer = asking.get(f"/usage/records/{newest['call_id']}")

    _validator(_description(asking), "/usage/records/{call_id}", "200").validate(answer.json())


def test_whatever_is_asked_is_answered_as_described(asking: httpx.Client, gateway: Gateway) -> None:
    """No parameter makes a server error, and every error is one that the description names."""
    description = _description(asking)
    # A page, and a description, are not JSON of ours; healthz says of storage that it is slow when it is.
    for path in ("/usage/page", "/usage/openapi.json", "/healthz"):
        del description["paths"][path]
    for found in schemathesis.openapi.from_dict(description).get_all_operations():
        assert isinstance(found, Ok)

        @settings(max_examples=12, suppress_health_check=list(HealthCheck), derandomize=True)
        @given(case=found.ok().as_strategy())
        def ask(case: schemathesis.Case[Any]) -> None:
            # What is no id, the platform takes for no path of ours, and answers itself.
            assume(all(ID.fullmatch(str(part)) for part in case.path_parameters.values()))
            case.call_and_validate(base_url=gateway.url, headers=dict(asking.headers), checks=CHECKS)

        ask()


def _description(asking: httpx.Client) -> Json:
    description: Json = asking.get("/usage/openapi.json").json()
    return description


def _validator(description: Json, path: str, status: str) -> OAS31Validator:
    registry: Registry[Any] = Registry().with_resource("urn:api", DRAFT202012.create_resource(description))
    place = f"urn:api#/paths/{path.replace('~', '~0').replace('/', '~1')}/get/responses/{status}"
    schema = {"$ref": f"{place}/content/application~1json/schema"}
    return OAS31Validator(schema, registry=registry, format_checker=OAS31Validator.FORMAT_CHECKER)

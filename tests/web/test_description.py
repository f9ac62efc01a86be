"""`usage/openapi.json`: valid OpenAPI, of all our endpoints and parameters and of no others."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.requests import Request
from starlette.responses import Response

from shared.domain.findings.finding import FindingKind, FindingState, Severity
from shared.domain.report_dimensions import Dimension
from shared.domain.usage_row import USAGE_COLUMNS
from shared.domain.usage_totals import TOTAL_COLUMNS
from shared.web import drift, errors, findings, reconciliation, records, usage_parameters
from shared.web.description import DescriptionEndpoint

Json = dict[str, Any]

# What the endpoints take, where they say so.
PARAMETERS = {
    "/usage": usage_parameters.PARAMETERS,
    "/usage/me": usage_parameters.PARAMETERS - {"principal"},
    "/usage/drift": drift._PARAMETERS,
    "/usage/records": records._PARAMETERS,
    "/usage/records/{call_id}": records._CALL_PARAMETERS,
    "/findings": findings._PARAMETERS,
    "/reconciliation": reconciliation._PARAMETERS,
}


async def served(etag: str = "") -> Response:
    headers = [(b"if-none-match", etag.encode())] if etag else []
    return await DescriptionEndpoint("1.2.3")(Request({"type": "http", "method": "GET", "headers": headers}))


@pytest.fixture
async def description() -> Json:
    body: Json = json.loads(bytes((await served()).body))
    return body


async def test_it_is_valid_and_says_its_version(description: Json) -> None:
    """Generators of clients refuse what is not."""
    OpenAPIV31SpecValidator(description).validate()

    assert description["info"]["version"] == "1.2.3"


async def test_who_has_it_is_not_sent_it_again() -> None:
    """It is large, and changes with a release."""
    first = await served()
    again = await served(first.headers["etag"])

    assert (again.status_code, again.body) == (304, b"")


async def test_every_endpoint_is_described_and_no_other(description: Json) -> None:
    """What is not described is not found, and what is not there cannot be called."""
    described = {(path, method.upper()) for path, item in description["paths"].items() for method in item}

    assert described == set(_routes())


def _routes() -> Iterator[tuple[str, str]]:
    """Yield path and method of what function_app.py serves, but for calls to Azure OpenAI."""
    tree = ast.parse(Path("function_app.py").read_text(encoding="utf-8"))
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute))
    for call in calls:
        if isinstance(call.func, ast.Attribute) and call.func.attr == "route":
            path = str(ast.literal_eval(call.args[0])).removesuffix("/{*file}")
            if not path.startswith("openai/"):
                (methods,) = (keyword.value for keyword in call.keywords if keyword.arg == "methods")
                yield from ((f"/{path}", method) for method in ast.literal_eval(methods))


@pytest.mark.parametrize("path", PARAMETERS)
async def test_every_parameter_is_described_and_no_other(description: Json, path: str) -> None:
    """The endpoints refuse a parameter that they do not know."""
    parameters = [_resolved(description, each) for each in description["paths"][path]["get"]["parameters"]]

    assert {each["name"] for each in parameters if each["in"] == "query"} == PARAMETERS[path]


def _resolved(description: Json, part: Json) -> Json:
    """Return what a reference names, or the part itself."""
    steps = part.get("$ref", "#").split("/")[1:]
    return reduce(lambda whole, step: whole[step], steps, description) if steps else part


async def test_what_may_be_named_is_what_there_is(description: Json) -> None:
    """A client that is made from it knows each kind, state and column."""
    parts = description["components"]
    finding = parts["schemas"]["Finding"]["properties"]

    assert parts["parameters"]["By"]["schema"]["items"]["enum"] == list(Dimension)
    assert set(finding["kind"]["enum"]) == set(FindingKind)
    assert set(finding["severity"]["enum"]) == set(Severity)
    assert set(finding["state"]["enum"]) == set(FindingState)
    assert set(parts["parameters"]["State"]["schema"]["enum"]) == {*FindingState, "all"}
    assert list(parts["schemas"]["UsageRecord"]["properties"]) == [column.name for column in USAGE_COLUMNS]
    assert parts["schemas"]["UsageTotals"]["required"] == list(TOTAL_COLUMNS)


async def test_every_error_it_names_is_one_we_answer(description: Json) -> None:
    """And each looks as the SDKs read it."""
    ours = {str(error.status) for error in errors.HTTP_ERRORS.values()}
    responses = [item["responses"] for path in description["paths"].values() for item in path.values()]

    assert {status for each in responses for status in each} - {"200", "304"} <= ours
    assert all(
        response["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}
        for response in description["components"]["responses"].values()
    )

"""The Bicep files, as far as they can be checked without a compiler and without a subscription."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from azure.mgmt.web import models, types
from pycep import BicepParser
from typing_extensions import is_typeddict

from tests.docs.settings_source import settings_read

_ROOT = Path(__file__).parents[2]
_INFRA = _ROOT / "infra"
_FILES = sorted(path.name for path in _INFRA.glob("*.bicep"))

# Resource types, and how Microsoft's own SDK describes them.
_WEB_TYPES: MappingProxyType[str, Any] = MappingProxyType(
    {
        "Microsoft.Web/serverfarms": types.AppServicePlan,
        "Microsoft.Web/sites": types.Site,
        "Microsoft.Web/sites/basicPublishingCredentialsPolicies": types.CsmPublishingCredentialsPoliciesEntity,
    }
)
# What Bicep itself takes beside a resource's own properties.
_BICEP_PROPERTIES = frozenset({"dependsOn", "parent", "scope"})

# https://learn.microsoft.com/azure/azure-functions/functions-app-settings
_PLATFORM_SETTINGS = frozenset(
    {
        "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
        "APPLICATIONINSIGHTS_CONNECTION_STRING",
        "AzureWebJobsStorage__accountName",
        "AzureWebJobsStorage__clientId",
        "AzureWebJobsStorage__credential",
        "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT",
        "PYTHON_ENABLE_INIT_INDEXING",
    }
)


@pytest.mark.parametrize("file", _FILES)
def test_every_file_parses(file: str) -> None:
    """A file that does not stops a deployment before it begins."""
    assert _parsed(file)


@pytest.mark.parametrize("file", _FILES)
def test_every_property_is_one_that_azure_knows(file: str) -> None:
    """Azure drops the others without a word; without `perInstanceConcurrency` it takes one call at a time."""
    template = _parsed(file)
    problems = [problem for resource in _resources(template) for problem in _problems(resource, template)]

    assert problems == []


@pytest.mark.parametrize(
    ("right", "wrong", "problem"),
    [
        ("perInstanceConcurrency:", "perInstanceConcurency:", "http.perInstanceConcurency"),
        ("type: 'blobContainer'", "type: 'blobcontainer'", "storage.type: blobcontainer"),
        ("instanceCount:", "count:", "alwaysReady.count"),
        ("httpsOnly: true", "httpOnly: true", "properties.httpOnly"),
    ],
)
def test_a_misspelt_property_is_found(right: str, wrong: str, problem: str) -> None:
    """The test above is worth something only where it can fail."""
    template = BicepParser().parse(text=_text("app.bicep").replace(right, wrong))
    problems = [problem for resource in _resources(template) for problem in _problems(resource, template)]

    assert len(problems) == 1
    assert problems[0].endswith(problem)


def test_every_module_is_given_what_it_takes() -> None:
    """The parser looks into one file at a time."""
    for module in _parsed("main.bicep")["modules"].values():
        given = set(_body(module)["params"])
        parameters = _parsed(module["detail"]["path"])["parameters"]

        assert _without_default(parameters) <= given <= set(parameters)


def test_every_output_that_is_asked_for_is_there() -> None:
    """The parser looks into one file at a time."""
    modules = _parsed("main.bicep")["modules"]
    asked = re.findall(r"\b(\w+)\.outputs\.(\w+)", _text("main.bicep"))

    assert asked
    for module, output in asked:
        assert output in _parsed(modules[module]["detail"]["path"])["outputs"]


def test_azd_gives_every_parameter() -> None:
    """azd asks for what it is not given; who leaves it running in a pipeline would wait."""
    given = json.loads(_text("main.parameters.json"))["parameters"]

    assert set(given) == set(_parsed("main.bicep")["parameters"])


def test_every_value_that_azd_takes_is_described() -> None:
    """A value nobody can look up is not used."""
    page = (_ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    # These two azd asks for itself.
    taken = set(re.findall(r"\$\{(\w+)", _text("main.parameters.json"))) - {"AZURE_ENV_NAME", "AZURE_LOCATION"}

    assert {name for name in taken if name not in page} == set()


def test_azd_finds_the_app_by_its_tag() -> None:
    """Code is deployed to the resource whose tag names the service of azure.yaml."""
    service = re.search(r"^services:\n  (\w+):$", (_ROOT / "azure.yaml").read_text(encoding="utf-8"), re.MULTILINE)

    assert service
    assert f"'azd-service-name': '{service[1]}'" in _text("app.bicep")


def test_every_app_setting_is_read_by_the_app_or_the_platform() -> None:
    """A misspelt setting is set in vain, and Flex Consumption refuses some that other plans need."""
    variables = _parsed("app.bicep")["variables"]
    ledger, worker, platform = (
        {name for branch in _branches(variables[variable]["value"]) for name in branch}
        for variable in ("ledgerSettings", "workerSettings", "platformSettings")
    )

    assert ledger <= set(settings_read())
    assert worker | platform <= _PLATFORM_SETTINGS


def test_storage_and_telemetry_take_no_key() -> None:
    """A key has no name: who uses it cannot be told from anybody else, and it can leak."""
    resources = _parsed("app.bicep")["resources"]
    storage, insights = (_body(resources[name])["properties"] for name in ("storage", "insights"))

    assert storage["allowSharedKeyAccess"] is False
    assert storage["allowBlobPublicAccess"] is False
    assert insights["DisableLocalAuth"] is True


def _text(file: str) -> str:
    return (_INFRA / file).read_text(encoding="utf-8")


def _parsed(file: str) -> Any:
    return BicepParser().parse(text=_text(file))


def _without_default(parameters: dict[str, Any]) -> set[str]:
    return {name for name, parameter in parameters.items() if parameter["default"] is None}


def _resources(template: Any) -> list[Any]:
    return [resource for resource in template["resources"].values() if resource["type"] in _WEB_TYPES]


def _body(resource: Any) -> Any:
    """Return what stands between the braces, for a loop or a condition wraps it."""
    config = resource["config"]
    return config["config"] if "condition" in config else config


def _problems(resource: Any, template: Any) -> Iterator[str]:
    body = {name: value for name, value in _body(resource).items() if name not in _BICEP_PROPERTIES}
    # The parser shows a name as it shows text; what a name stands for is not known here.
    names = template["parameters"].keys() | template["variables"].keys()
    yield from _wrong(resource["type"], body, _WEB_TYPES[resource["type"]], names)


def _wrong(path: str, value: Any, hint: Any, names: set[str]) -> Iterator[str]:
    """Yield what in `value` is not of the type `hint`: names of properties, and values of enumerations."""
    for branch in _branches(value):
        if isinstance(branch, dict) and (properties := _properties(hint)):
            yield from (f"{path}.{name}" for name in branch.keys() - properties.keys())
            for name in branch.keys() & properties.keys():
                yield from _wrong(f"{path}.{name}", branch[name], properties[name], names)
        elif isinstance(branch, str) and (members := _members(hint)) and branch not in members | names:
            yield f"{path}: {branch}"


def _branches(value: Any) -> Iterator[Any]:
    """Yield what an expression may come to, as far as it is written out: both sides of `? :`, each item of a list."""
    match value:
        case {"operator": {"type": "conditional", "operands": {"true_value": if_true, "false_value": if_false}}}:
            yield from _branches([if_true, if_false])
        # The parser takes `a == b ? c : d` for `a == (b ? c : d)`.
        case {"operator": {"operands": {"operand_2": {"operator": {"type": "conditional"}} as conditional}}}:
            yield from _branches(conditional)
        case {"operator": _} | {"function": _}:
            return
        case list():
            for item in value:
                yield from _branches(item)
        case _:
            yield value


def _properties(hint: Any) -> dict[str, Any] | None:
    """Return the properties of the object that `hint` is, or holds; None where any name will do."""
    for inner in _choices(hint):
        if is_typeddict(inner):
            return get_type_hints(inner, {**vars(models), **vars(types)})
    return None


def _members(hint: Any) -> set[str]:
    """Return the values of the enumeration that `hint` allows; none where any text will do."""
    enums = [inner for inner in _choices(hint) if isinstance(inner, type) and issubclass(inner, Enum)]
    return {member.value for enum in enums for member in enum}


def _choices(hint: Any) -> tuple[Any, ...]:
    return (hint,) if get_origin(hint) is dict else (hint, *get_args(hint))

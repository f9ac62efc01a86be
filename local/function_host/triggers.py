"""The triggers of a function app, read from its bindings."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from local.errors import WorkbenchError
from local.function_host.routes import Template, parse_template
from local.ncrontab import Schedule, parse_schedule

logger = logging.getLogger(__name__)

Binding = Mapping[str, Any]


class TriggerInvalid(WorkbenchError):
    """A trigger that Azure's host would not start either; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function as its app declares it: a name, and bindings as in function.json."""

    name: str
    bindings: tuple[Binding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpTrigger:
    """Runs a function for a request. No `methods` means every method."""

    function: str
    parameter: str
    template: Template
    methods: frozenset[str]
    needs_key: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerTrigger:
    """Runs a function when its schedule says."""

    function: str
    parameter: str
    schedule: Schedule
    run_on_startup: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobTrigger:
    """Runs a function for each blob of a container that is new or has changed."""

    function: str
    parameter: str
    container: str
    prefix: str
    blob_pattern: re.Pattern[str]
    connection: str  # the connection string


Trigger = HttpTrigger | TimerTrigger | BlobTrigger


def read_triggers(functions: Iterable[Function], *, route_prefix: str, settings: Mapping[str, str]) -> list[Trigger]:
    """
    Return the triggers this host can serve, and log a warning for each it cannot.

    Raises:
        TriggerInvalid: a route, schedule or path cannot be read, or names a setting that is not there.
    """
    triggers = (_trigger(function, route_prefix, settings) for function in functions)
    return [trigger for trigger in triggers if trigger is not None]


def _trigger(function: Function, route_prefix: str, settings: Mapping[str, str]) -> Trigger | None:
    binding = next((b for b in function.bindings if b["type"].lower().endswith("trigger")), None)
    if binding is None or _is_disabled(function.name, settings):
        return None
    if others := _not_served(function, binding):
        logger.warning("function.not_hosted", extra={"function": function.name, "bindings": others})
        return None
    try:
        match binding["type"]:
            case "httpTrigger":
                return _http_trigger(function.name, binding, route_prefix, settings)
            case "timerTrigger":
                return _timer_trigger(function.name, binding, settings)
            case _:
                return _blob_trigger(function.name, binding, settings)
    except WorkbenchError as error:
        raise TriggerInvalid(f"{function.name}: {error}") from error


def _is_disabled(function: str, settings: Mapping[str, str]) -> bool:
    # https://learn.microsoft.com/azure/azure-functions/disable-function
    names = (f"AzureWebJobs.{function}.Disabled", f"AzureWebJobs__{function}__Disabled")
    return any(settings.get(name, "").lower() in {"true", "1"} for name in names)


def _not_served(function: Function, trigger: Binding) -> list[str]:
    others = [str(b["type"]) for b in function.bindings if b is not trigger and b["type"] != "http"]
    if trigger["type"] not in {"httpTrigger", "timerTrigger", "blobTrigger"}:
        others.append(trigger["type"])
    if trigger.get("source") == "EventGrid":
        others.append("blobTrigger from Event Grid")
    return others


def _http_trigger(function: str, binding: Binding, route_prefix: str, settings: Mapping[str, str]) -> HttpTrigger:
    route = _resolved(binding.get("route") or function, settings)
    return HttpTrigger(
        function=function,
        parameter=binding["name"],
        template=parse_template(f"{route_prefix}/{route}".strip("/")),
        methods=frozenset(method.upper() for method in binding.get("methods") or ()),
        needs_key=str(binding.get("authLevel", "function")).lower() != "anonymous",
    )


def _timer_trigger(function: str, binding: Binding, settings: Mapping[str, str]) -> TimerTrigger:
    return TimerTrigger(
        function=function,
        parameter=binding["name"],
        schedule=parse_schedule(_resolved(binding["schedule"], settings)),
        run_on_startup=bool(binding.get("runOnStartup")),
    )


def _blob_trigger(function: str, binding: Binding, settings: Mapping[str, str]) -> BlobTrigger:
    container, _, blob = _resolved(binding["path"], settings).partition("/")
    if "{" in container:
        raise TriggerInvalid("the container of a blob trigger must be a fixed name")
    connection = settings.get(binding["connection"])
    if not connection:
        raise TriggerInvalid(f"the setting {binding['connection']} holds no connection string")
    return BlobTrigger(
        function=function,
        parameter=binding["name"],
        container=container,
        prefix=blob.partition("{")[0],
        blob_pattern=_blob_pattern(blob),
        connection=connection,
    )


def _blob_pattern(path: str) -> re.Pattern[str]:
    # `{name}` stands for any text, slashes too; a path that names none takes every blob.
    parts = re.split(r"\{[^{}]+\}", path) if path else ["", ""]
    return re.compile(".+".join(re.escape(part) for part in parts), re.DOTALL)


def _resolved(text: str, settings: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        if match[1] not in settings:
            raise TriggerInvalid(f"the setting {match[1]} is missing, which a binding names as %{match[1]}%")
        return settings[match[1]]

    return re.sub(r"%([^%\s]+)%", value, text)

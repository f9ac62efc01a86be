"""Lines of RequestResponse: one a call as in November 2025, or two as seen since 2026, of which one says little."""

from __future__ import annotations

import random
from datetime import timedelta

from local.simulated_azure_openai.served_call import ServedCall
from local.simulated_exports.forms import Forms
from local.simulated_exports.resource import Resource
from local.simulated_exports.wire import Json, Line, compact, enqueue_time, line, log_time, masked, ticks

# As measured over 41 exported lines: a line is of some time after the answer.
_LOGGED_AFTER_MS = (280, 2920)
_ENQUEUED_BEFORE_MS = (13, 102)


def request_response_lines(call: ServedCall, resource: Resource, chance: random.Random, forms: Forms) -> list[Line]:
    """Return the line of a call, or both."""
    said = _timing(call)
    if call.deployment:
        said |= _model(call)
    if chance.random() >= forms.two_rows:
        return [_line(call, said, resource, chance, forms)]
    # What the poor one of the two leaves out is a guess; the request time it must have to be found.
    poor = _timing(call) | {"objectId": ""}
    return [_line(call, each, resource, chance, forms) for each in (poor, said | _attribution(call))]


def _line(call: ServedCall, properties: Json, resource: Resource, chance: random.Random, forms: Forms) -> Line:
    logged_at = call.responded_at + timedelta(milliseconds=chance.randint(*_LOGGED_AFTER_MS))
    enqueued_at = logged_at - timedelta(milliseconds=chance.randint(*_ENQUEUED_BEFORE_MS))
    return line(
        logged_at,
        {
            "EnqueueTime": enqueue_time(enqueued_at),
            "callerIpAddress": masked(call.caller_address),
            "category": "RequestResponse",
            "correlationId": call.correlation_id,
            "durationMs": call.duration // timedelta(milliseconds=1),
            "event": "ShoeboxCallResult",
            "location": resource.region,
            "operationName": call.operation,
            # A string in all exports seen; test data of others has objects.
            "properties": properties if chance.random() < forms.properties_as_object else compact(properties),
            "resourceId": resource.id.upper(),
            "resultSignature": str(call.status),
            "time": log_time(logged_at),
            "Tenant": resource.region,
        },
    )


def _timing(call: ServedCall) -> Json:
    return {
        "apiName": f"Azure OpenAI API version {call.api_version or 'v1'}",
        "requestTime": ticks(call.requested_at),
        "requestLength": call.request_bytes,
        "responseTime": ticks(call.responded_at),
        "responseLength": 0 if call.streamed else call.response_bytes,
        "objectId": call.object_id,
    }


def _model(call: ServedCall) -> Json:
    names: Json = {
        "streamType": "Streaming" if call.streamed else "Non-Streaming",
        "modelDeploymentName": call.deployment,
        "modelName": call.model_name,
        "modelVersion": call.model_version,
    }
    return {name: value for name, value in names.items() if value is not None}


def _attribution(call: ServedCall) -> Json:
    who = {"callerObjectId": call.object_id} if call.object_id else {}
    if call.tokens is None:
        return dict(who)
    return {**who, "promptTokens": call.tokens.prompt, "completionTokens": call.tokens.completion}

"""Lines of Trace. None has been published, nor what the category is for: ours tell of refusals."""

from __future__ import annotations

from http import HTTPStatus

from local.simulated_azure_openai.served_call import ServedCall
from local.simulated_exports.resource import Resource
from local.simulated_exports.wire import Line, compact, line, log_time


def trace_line(call: ServedCall, resource: Resource) -> Line:
    return line(
        call.responded_at,
        {
            "time": log_time(call.responded_at),
            "resourceId": resource.id.upper(),
            "category": "Trace",
            "operationName": call.operation,
            "correlationId": call.correlation_id,
            "location": resource.region,
            "properties": compact({"message": HTTPStatus(call.status).phrase}),
            "Tenant": resource.region,
        },
    )

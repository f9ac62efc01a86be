"""Which trigger runs which use case. It decides nothing."""

from typing import List  # noqa: UP035 - see ingest_log_events

import azure.functions as func
from azurefunctions.extensions.http.fastapi import Request, Response

from shared import bootstrap
from shared.settings import log_triggers
from shared.settings.logs import BlobTrigger
from shared.settings.schedules import export_schedule, reconcile_schedule, rollup_schedule, sweep_schedule
from shared.web.platform import close_on_sigterm, mend_platform

mend_platform()
close_on_sigterm(bootstrap.close_app)

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

# The SDKs use these; OPTIONS is CORS, which the platform answers where it is set.
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]


@app.function_name("relay_call")
@app.route("openai/{*path}", methods=METHODS, trigger_arg_name="request")
async def relay_call(request: Request) -> Response:
    """Relay a call to Azure OpenAI and charge it to its principal."""
    return await (await bootstrap.app()).relay_call(request)


@app.function_name("query_usage")
@app.route("usage", methods=["GET"], trigger_arg_name="request")
async def query_usage(request: Request) -> Response:
    """Answer who used what."""
    return await (await bootstrap.app()).query_usage(request)


@app.function_name("query_my_usage")
@app.route("usage/me", methods=["GET"], trigger_arg_name="request")
async def query_my_usage(request: Request) -> Response:
    """Answer a caller what it used itself."""
    return await (await bootstrap.app()).query_my_usage(request)


@app.function_name("query_drift")
@app.route("usage/drift", methods=["GET"], trigger_arg_name="request")
async def query_drift(request: Request) -> Response:
    """Answer where our counts and Azure's part."""
    return await (await bootstrap.app()).query_drift(request)


@app.function_name("usage_page")
@app.route("usage/page/{*file}", methods=["GET"], trigger_arg_name="request")
async def usage_page(request: Request) -> Response:
    """Serve the page on which people look at usage."""
    return await (await bootstrap.app()).usage_page(request)


@app.function_name("usage_page_me")
@app.route("usage/page/me", methods=["GET"], trigger_arg_name="request")
async def usage_page_me(request: Request) -> Response:
    """Answer who looks at the page."""
    return await (await bootstrap.app()).usage_page_me(request)


@app.function_name("query_records")
@app.route("usage/records", methods=["GET"], trigger_arg_name="request")
async def query_records(request: Request) -> Response:
    """Answer which calls there were, one by one."""
    return await (await bootstrap.app()).query_records(request)


@app.function_name("tell_call")
@app.route("usage/records/{call_id}", methods=["GET"], trigger_arg_name="request")
async def tell_call(request: Request) -> Response:
    """Answer what became of one call."""
    return await (await bootstrap.app()).tell_call(request)


@app.function_name("query_findings")
@app.route("findings", methods=["GET"], trigger_arg_name="request")
async def query_findings(request: Request) -> Response:
    """Answer what does not add up."""
    return await (await bootstrap.app()).query_findings(request)


@app.function_name("accept_finding")
@app.route("findings/{id}", methods=["POST"], trigger_arg_name="request")
async def accept_finding(request: Request) -> Response:
    """Say why a finding is all right."""
    return await (await bootstrap.app()).accept_finding(request)


@app.function_name("query_reconciliation")
@app.route("reconciliation", methods=["GET"], trigger_arg_name="request")
async def query_reconciliation(request: Request) -> Response:
    """Answer how the ledger and Azure's logs compare."""
    return await (await bootstrap.app()).query_reconciliation(request)


@app.function_name("describe_api")
@app.route("usage/openapi.json", methods=["GET"], trigger_arg_name="request")
async def describe_api(request: Request) -> Response:
    """Describe the endpoints above as OpenAPI."""
    return await (await bootstrap.app()).describe_api(request)


@app.function_name("healthz")
@app.route("healthz", methods=["GET"], trigger_arg_name="request")
async def healthz(request: Request) -> Response:
    """Say whether this instance can do its job."""
    return await (await bootstrap.app()).health(request)


# A schedule of our own where none is set: for `%SWEEP_SCHEDULE%` without that setting the host would leave
# the function out, and say so only in its log. A sweep that was missed is made up for by the next.
@app.function_name("sweep_open_calls")
@app.timer_trigger("timer", sweep_schedule(), use_monitor=False)
async def sweep_open_calls(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the worker passes it by name
    """Record the calls of workers that are gone."""
    await (await bootstrap.app()).sweep_open_calls()


@app.function_name("export_usage")
@app.timer_trigger("timer", export_schedule(), use_monitor=False)
async def export_usage(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the worker passes it by name
    """Export the days that are over."""
    await (await bootstrap.app()).export_usage()


@app.function_name("reconcile_usage")
@app.timer_trigger("timer", reconcile_schedule(), use_monitor=False)
async def reconcile_usage(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the worker passes it by name
    """Hold the ledger against what Azure has logged."""
    await (await bootstrap.app()).reconcile_usage()


@app.function_name("roll_up_usage")
@app.timer_trigger("timer", rollup_schedule(), use_monitor=False)
async def roll_up_usage(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the worker passes it by name
    """Fold what was used into the rollups that reports are made of."""
    await (await bootstrap.app()).roll_up_usage()


logs = log_triggers()


@app.function_name("ingest_logs")
@app.timer_trigger("timer", logs.schedule, use_monitor=False)
async def ingest_logs(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the worker passes it by name
    """Read what Azure has logged since the last time."""
    await (await bootstrap.app()).ingest_logs()


async def ingest_log_blob(blob: func.InputStream) -> None:
    """Read what is new in a log blob."""
    await (await bootstrap.app()).ingest_log_blob(blob.name or "")


# One that scans, or the only one that plans with no scan have. It tells of a blob that is new; of one that has
# grown, only the scan does, and the timer.
BLOB_SOURCES = {
    BlobTrigger.POLLING: func.BlobSource.LOGS_AND_CONTAINER_SCAN,
    BlobTrigger.EVENT_GRID: func.BlobSource.EVENT_GRID,
}
for container in logs.containers:
    trigger = app.blob_trigger("blob", f"{container}/{{name}}", logs.connection, source=BLOB_SOURCES[logs.blobs])
    app.function_name(f"ingest_{container.replace('-', '_')}")(trigger(ingest_log_blob))

if logs.event_hub:
    # The worker knows `List` and not `list`. Until an event is stored it comes again, and those behind it wait.
    @app.function_name("ingest_log_events")
    @app.event_hub_message_trigger(
        "events",
        connection="LogsEventHub",
        event_hub_name=logs.event_hub,
        cardinality=func.Cardinality.MANY,
        consumer_group=logs.consumer_group,
    )
    @app.retry("exponential_backoff", max_retry_count="-1", minimum_interval="00:00:05", maximum_interval="00:05:00")
    async def ingest_log_events(events: List[func.EventHubEvent]) -> None:  # noqa: UP006
        """Read what Azure has logged to an Event Hub."""
        await (await bootstrap.app()).ingest_log_events(logs.event_hub, [event.get_body() for event in events])

"""Which trigger runs which use case. It decides nothing."""

import azure.functions as func
from azurefunctions.extensions.http.fastapi import Request, Response

from shared import bootstrap
from shared.settings import sweep_schedule
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


@app.function_name("query_drift")
@app.route("usage/drift", methods=["GET"], trigger_arg_name="request")
async def query_drift(request: Request) -> Response:
    """Answer where our counts and Azure's part."""
    return await (await bootstrap.app()).query_drift(request)


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

"""The server: which path is which operation, who may call, and what goes wrong on the way."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
from aiohttp import web

from local.simulated_azure_openai.answer import Answer, json_answer
from local.simulated_azure_openai.azure_errors import (
    AzureError,
    access_denied,
    deployment_not_found,
    missing_parameter,
    operation_not_supported,
    resource_not_found,
    simulated_error,
)
from local.simulated_azure_openai.call import Call
from local.simulated_azure_openai.chat_completions import answer_chat_completion
from local.simulated_azure_openai.completions import answer_completion
from local.simulated_azure_openai.config import Config
from local.simulated_azure_openai.deployments import Deployment, Operation
from local.simulated_azure_openai.embeddings import answer_embeddings
from local.simulated_azure_openai.files import Files
from local.simulated_azure_openai.headers import front_door_headers
from local.simulated_azure_openai.media import answer_image_generation, answer_transcription
from local.simulated_azure_openai.models import Models
from local.simulated_azure_openai.multipart import Form
from local.simulated_azure_openai.receiving import Received, receive
from local.simulated_azure_openai.replay import Recordings
from local.simulated_azure_openai.request_log import ReceivedRequest, RequestLog
from local.simulated_azure_openai.responses import Responses
from local.simulated_azure_openai.sending import send
from local.simulated_azure_openai.served_call import Asked, served_call
from local.simulated_azure_openai.simulation import Simulation

_V1 = "/openai/v1/"
_API_VERSION = re.compile(r"20\d\d-\d\d-\d\d(-preview)?")
_SHUTDOWN_SECONDS = 1.0
_BACKLOG = 1024

_Operation = Callable[[Call], Answer]
_ModelOperation = Callable[[Call, Deployment], Answer]
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def create_app(config: Config) -> web.Application:
    """Return the simulated resource as an application, to be run by any aiohttp runner."""
    resource = _Resource(config)
    app = web.Application()
    app[_RESOURCE] = resource
    app.router.add_route("GET", "/_simulator/requests", resource.show_requests)
    app.router.add_route("DELETE", "/_simulator/requests", resource.clear_requests)
    for method, path, log_name, operation in resource.operations():
        app.router.add_route(method, path, resource.handler(log_name, operation))
    app.router.add_route("*", "/{path:.*}", resource.handler("Unknown", _nothing_here))
    app.on_cleanup.append(resource.close)
    return app


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A simulated resource that listens at `url`."""

    url: str
    log: RequestLog

    @property
    def requests(self) -> Sequence[ReceivedRequest]:
        """What it received, in order."""
        return self.log.requests()


@asynccontextmanager
async def serve(config: Config | None = None, port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[RunningServer]:
    """Run a simulated resource in this event loop; port 0 takes a free one."""
    app = create_app(config or Config())
    # Bodies are hashed as they were sent, so nothing may be unpacked before.
    runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=_BACKLOG).start()
        bound_port = runner.addresses[0][1]
        yield RunningServer(f"http://{host}:{bound_port}", app[_RESOURCE].log)
    finally:
        await runner.cleanup()


class _Resource:
    """One simulated resource and what it keeps."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._deployments = {name: Deployment(name, model) for name, model in config.deployments.items()}
        self._models = Models(self._deployments.values())
        self._recordings = Recordings(config.replay)
        self._files = Files()
        self._responses = Responses()
        self.log = RequestLog(config.request_log)

    def operations(self) -> Iterator[tuple[str, str, str, _Operation]]:
        """
        Yield each operation with its method and path, and its name in Azure's logs.

        Of the names only those of chat completions, embeddings and responses have been seen.
        """
        for base in ("/openai/deployments/{deployment}/", _V1):
            for path, log_name, operation, answer in _MODEL_OPERATIONS:
                yield "POST", base + path, log_name, self._of_deployment(operation, answer)
        for base in ("/openai/", _V1):
            create_response = self._of_deployment(Operation.CHAT_COMPLETION, self._responses.create)
            yield "POST", base + "responses", "responses", create_response
            yield "GET", base + "responses/{id}", "Responses_Get", self._responses.retrieve
            yield "DELETE", base + "responses/{id}", "Responses_Delete", self._responses.delete
            yield "GET", base + "models", "Models_List", self._models.listing
            yield "GET", base + "models/{id}", "Models_Get", self._models.retrieve
            yield "POST", base + "files", "Files_Upload", self._files.upload
            yield "GET", base + "files", "Files_List", self._files.listing
            yield "GET", base + "files/{id}", "Files_Get", self._files.retrieve
            yield "GET", base + "files/{id}/content", "Files_GetContent", self._files.content
            yield "DELETE", base + "files/{id}", "Files_Delete", self._files.delete

    def handler(self, log_name: str, operation: _Operation) -> _Handler:
        """Return what takes a request through the steps every operation has."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                received = await receive(request, self.log)
            except ConnectionResetError:
                # It is logged as incomplete, and there is nobody left to answer.
                return web.Response()
            try:
                simulation, answer = self._answer(request, received, operation)
                asked = self._asked(request, received, log_name)
            finally:
                received.close()
            return await self._send(request, received.logged, asked, answer, simulation)

        return handle

    async def show_requests(self, _: web.Request) -> web.StreamResponse:
        return web.Response(body=self.log.lines(), content_type="application/x-ndjson")

    async def clear_requests(self, _: web.Request) -> web.StreamResponse:
        self.log.clear()
        return web.Response(status=204)

    async def close(self, _: web.Application) -> None:
        self.log.close()
        self._files.close()
        self._recordings.close()

    def _authenticate(self, request: web.Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        tokens = self._config.bearer_tokens
        has_token = scheme.lower() == "bearer" and bool(token) and (tokens is None or token in tokens)
        if not has_token and request.headers.get("api-key") not in self._config.api_keys:
            raise access_denied()

    def _answer(self, request: web.Request, received: Received, operation: _Operation) -> tuple[Simulation, Answer]:
        """Return the answer, an error too, and how it is to be sent."""
        simulation = self._config.simulation
        try:
            self._authenticate(request)
            simulation = simulation.changed_by(request.headers.get("x-simulate", ""))
            return simulation, self._operate(request, received, simulation, operation)
        except AzureError as error:
            return simulation, json_answer(error.body, status=error.status, headers=error.headers)

    def _operate(
        self, request: web.Request, received: Received, simulation: Simulation, operation: _Operation
    ) -> Answer:
        if simulation.status is not None:
            raise simulated_error(simulation.status)
        if (record_id := request.headers.get("x-replay-id")) is not None:
            return self._recordings.answer(record_id)
        return operation(_call(request, received, simulation))

    def _asked(self, request: web.Request, received: Received, log_name: str) -> Asked:
        """Return what a request was for, good or bad."""
        version = request.query.get("api-version")
        try:
            call = _call(request, received, self._config.simulation)
            name = call.path.get("deployment") or _deployment_in_body(call)
        except AzureError:
            # It does not say, as most that are for no model.
            return Asked(operation=log_name, api_version=version)
        deployment = self._deployments.get(name)
        return Asked(
            operation=log_name, api_version=version, deployment=name, model=deployment.model if deployment else None
        )

    async def _send(
        self, request: web.Request, logged: ReceivedRequest, asked: Asked, answer: Answer, simulation: Simulation
    ) -> web.StreamResponse:
        client_request_id = request.headers.get("x-ms-client-request-id")
        headers = front_door_headers(logged.apim_request_id, client_request_id, self._config.region)
        begins_after = _since(logged.received_at) + timedelta(milliseconds=simulation.delay_ms)
        try:
            return await send(request, answer, headers, simulation)
        finally:
            # However it ends for the caller: the call was served.
            if self._config.on_served is not None:
                duration = begins_after if answer.streamed else _since(logged.received_at)
                self._config.on_served(served_call(request, logged, asked, answer, duration))

    def _of_deployment(self, operation: Operation, answer: _ModelOperation) -> _Operation:
        """Return an operation that finds out first whose model it is for."""

        def answer_for_deployment(call: Call) -> Answer:
            name = call.path.get("deployment") or _deployment_in_body(call)
            deployment = self._deployments.get(name)
            if deployment is None:
                raise deployment_not_found()
            if deployment.operation is not operation:
                raise operation_not_supported(operation, deployment.model)
            return answer(call, deployment)

        return answer_for_deployment


_RESOURCE = web.AppKey("resource", _Resource)

_MODEL_OPERATIONS: tuple[tuple[str, str, Operation, _ModelOperation], ...] = (
    ("chat/completions", "ChatCompletions_Create", Operation.CHAT_COMPLETION, answer_chat_completion),
    ("completions", "Completions_Create", Operation.COMPLETION, answer_completion),
    ("embeddings", "Embeddings_Create", Operation.EMBEDDINGS, answer_embeddings),
    ("images/generations", "ImageGenerations_Create", Operation.IMAGE_GENERATION, answer_image_generation),
    ("audio/transcriptions", "Transcriptions_Create", Operation.AUDIO_TRANSCRIPTION, answer_transcription),
)


class _Named(msgspec.Struct, frozen=True):
    model: str


def _nothing_here(_: Call) -> Answer:
    raise resource_not_found()


def _since(time: datetime) -> timedelta:
    return datetime.now(UTC) - time


def _call(request: web.Request, received: Received, simulation: Simulation) -> Call:
    """
    Return the request as an operation sees it.

    Raises:
        AzureError: 404, its api-version is none.
    """
    return Call(
        request_id=received.logged.apim_request_id,
        path=request.match_info,
        api_version=_api_version(request),
        content_type=request.headers.get("content-type", ""),
        body=received.body,
        upload=received.upload,
        simulation=simulation,
    )


def _api_version(request: web.Request) -> str | None:
    """
    Return the version the dated operations go by, None for v1.

    Raises:
        AzureError: 404, as for any path that does not exist, where it is missing or no date.
    """
    if request.path.startswith(_V1):
        return None
    version = request.query.get("api-version", "")
    if not _API_VERSION.fullmatch(version):
        raise resource_not_found()
    return version


def _deployment_in_body(call: Call) -> str:
    if call.upload is None:
        return call.read(_Named).model
    name = Form(call.upload, call.content_type).text("model")
    if name is None:
        raise missing_parameter("model")
    return name

"""The app as it is built: once per worker, whole, with an answer even where the settings are wrong, and closed."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from local.azurite import Azurite
from shared import bootstrap
from shared.adapters.blob_service import blob_service
from shared.adapters.disk_spool import DiskSpool
from shared.adapters.table_service import StorageSettings
from shared.bootstrap import App, app, build_app, build_app_or_refusal
from shared.domain.errors import SettingsInvalid
from shared.settings import read_settings
from tests.adapters.records import record
from tests.raw_http import Connection, serving
from tests.web.asgi import calling, running

TENANT = "11111111-1111-1111-1111-111111111111"
NEEDED = {
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "AZURE_OPENAI_ENDPOINT": "https://contoso.openai.azure.com",
}
ANSWER = b'{"object":"list","data":[],"usage":{"prompt_tokens":5,"total_tokens":5}}'


@pytest.fixture(autouse=True)
def new_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is built yet."""
    monkeypatch.setattr(bootstrap, "_building", None)
    for name in [name for name in os.environ if name.startswith("AZURE_")]:
        monkeypatch.delenv(name)


def in_environment(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> None:
    """Let the app find these settings, and no other."""
    monkeypatch.setattr(bootstrap, "read_settings", lambda: read_settings(environment))


def request() -> Request:
    scope = {"type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"", "headers": []}
    return Request(scope)


WRONG = [
    {},
    {**NEEDED, "KEEP_ALIVE_SECONDS": "nan"},
    {**NEEDED, "AzureWebJobsStorage": "AccountName=x;AccountKey=s3cret"},
    {**NEEDED, "AzureWebJobsStorage": "s3cret"},
    {**NEEDED, "AZURE_OPENAI_ENDPOINT": "https://me:s3cret@contoso.openai.azure.com:port"},
]


@pytest.mark.parametrize("environment", WRONG)
@pytest.mark.parametrize("endpoint", ["relay_call", "query_usage", "health"])
async def test_wrong_settings_are_an_error_that_clients_can_read(
    environment: dict[str, str], endpoint: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The platform's own answer to an app that does not start is an empty 500, or none for a minute."""
    in_environment(monkeypatch, environment)
    built = await app()
    response = await getattr(built, endpoint)(request())
    error = json.loads(bytes(response.body))["error"]
    await built.close()

    assert (response.status_code, error["code"]) == (500, "settings_invalid")
    assert "AZURE_" not in error["message"]
    assert "AzureWebJobsStorage" not in error["message"]
    assert "s3cret" not in str([record.__dict__ for record in caplog.records])


async def test_the_log_names_all_settings_that_are_missing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is where the operator looks."""
    in_environment(monkeypatch, {})
    await app()
    (logged,) = (record for record in caplog.records if record.message == "settings.invalid")

    assert logged.levelname == "CRITICAL"
    for name in ("AzureWebJobsStorage", "AZURE_OPENAI_ENDPOINT"):
        assert name in logged.__dict__["reason"]


async def test_what_azures_own_libraries_do_not_like_is_an_error_that_clients_can_read(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """They read settings that we do not, and raise what they like."""
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "nonsense")
    in_environment(monkeypatch, NEEDED)
    response = await (await app()).relay_call(request())

    assert (response.status_code, json.loads(bytes(response.body))["error"]["code"]) == (500, "internal_error")
    assert b"nonsense" not in response.body
    assert [record.message for record in caplog.records] == ["app.not_built"]


async def test_many_first_calls_build_one_app(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two apps would be two ledgers with a worker id each, and twice the connections."""
    builds: list[App] = []

    async def slowly() -> App:
        await asyncio.sleep(0.01)
        builds.append(await build_app_or_refusal())
        return builds[-1]

    in_environment(monkeypatch, NEEDED)
    monkeypatch.setattr(bootstrap, "build_app_or_refusal", slowly)
    apps = await asyncio.gather(*(app() for _ in range(20)))
    apps.append(await app())
    await apps[0].close()

    assert len(builds) == 1
    assert all(each is builds[0] for each in apps)


async def test_the_first_caller_may_hang_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The app it caused to be built is everybody's."""
    go_on = asyncio.Event()

    async def slowly() -> App:
        await go_on.wait()
        return await build_app_or_refusal()

    in_environment(monkeypatch, {})
    monkeypatch.setattr(bootstrap, "build_app_or_refusal", slowly)
    first = asyncio.create_task(app())
    await asyncio.sleep(0)
    second = asyncio.create_task(app())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    go_on.set()

    assert isinstance(await second, App)
    assert first.cancelled()


@pytest.mark.parametrize("auth", ["managed_identity", "key", "caller"])
@pytest.mark.parametrize("storage", ["AzureWebJobsStorage", "AzureWebJobsStorage__accountName"])
async def test_closing_leaves_nothing_open(auth: str, storage: str) -> None:
    """Whatever is left over says so when it is collected, and warnings are errors here."""
    value = "UseDevelopmentStorage=true" if storage == "AzureWebJobsStorage" else "contoso"
    endpoint = NEEDED["AZURE_OPENAI_ENDPOINT"]
    settings = read_settings(
        {storage: value, "AZURE_OPENAI_ENDPOINT": endpoint, "UPSTREAM_AUTH": auth, "AZURE_OPENAI_API_KEY": "k"}
    )
    tasks = asyncio.all_tasks()
    built = await build_app(settings)
    await built.close()
    await built.close()
    del built
    gc.collect()

    assert asyncio.all_tasks() == tasks


async def test_an_app_that_cannot_be_built_leaves_nothing_open() -> None:
    """Half of it was open by then."""
    settings = read_settings({**NEEDED, "AzureWebJobsStorage": "nonsense"})
    with pytest.raises(SettingsInvalid):
        await build_app(settings)
    gc.collect()


async def test_building_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cold start waits for it; and the storage may be down without the app being wrong."""

    async def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection at start-up")

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "create_connection", refuse)
    await (await build_app(read_settings(NEEDED))).close()


def test_an_app_that_only_relays_does_not_load_what_only_exports_need() -> None:
    """A cold start would wait for it, and every instance would have it in memory."""
    code = (
        "import asyncio, sys, function_app\n"
        "from shared import bootstrap, settings\n"
        "app = asyncio.run(bootstrap.build_app(settings.read_settings()))\n"
        "sys.exit(len({'pyarrow', 'pandas', 'duckdb', 'numpy'} & sys.modules.keys()))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], env={**os.environ, **NEEDED}, check=False, timeout=60)

    assert run.returncode == 0


async def test_the_timer_exports_what_the_settings_say(azurite: Azurite, tmp_path: Path) -> None:
    """From the tables to the blobs, with everything between as it runs in Azure."""
    environment = {
        **NEEDED,
        "AzureWebJobsStorage": azurite.connection_string,
        "SPOOL_DIR": str(tmp_path),
        "EXPORT_CONTAINER": "nightly",
        "EXPORT_DAYS": "1",
    }
    built = await build_app(read_settings(environment))
    await built.export_usage()
    await built.close()
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    async with blob_service(StorageSettings(connection_string=azurite.connection_string)) as service:
        names = [blob.name async for blob in service.get_container_client("nightly").list_blobs()]

    assert names == [
        f"focus/day={yesterday}/part-00000.parquet",
        f"focus_csv/day={yesterday}/part-00000.csv",
        f"usage/day={yesterday}/part-00000.parquet",
    ]


async def test_what_is_kept_for_one_ledger_is_never_recorded_in_another(azurite: Azurite, tmp_path: Path) -> None:
    """Two apps may share a machine, and one app may be given another storage account."""
    own = tmp_path / f"http-127-0-0-1-{azurite.table_port}-devstoreaccount1"
    for folder in (own, tmp_path / "https-contoso-table-core-windows-net"):
        spool = DiskSpool(folder, max_bytes=1_000_000)
        await spool.keep(record(f"of-{folder.name}", object_id="bootstrap-spool"))
        await spool.close()
    environment = {**NEEDED, "AzureWebJobsStorage": azurite.connection_string, "SPOOL_DIR": str(tmp_path)}
    built = await build_app(read_settings(environment))
    # Once more when it closes, as it does between.
    await built.close()
    left = [path.parent.parent.name for path in tmp_path.rglob("*.json")]

    assert left == ["https-contoso-table-core-windows-net"]


# Whole, on a real emulator and a real socket.


@pytest.fixture
async def upstream() -> AsyncIterator[str]:
    """Azure OpenAI that knows one answer."""

    async def answer(connection: Connection) -> None:
        while True:
            await connection.receive()
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(ANSWER)
            await connection.send(head + ANSWER)

    async with serving(answer) as url:
        yield url


@pytest.fixture
async def url(azurite: Azurite, upstream: str) -> AsyncIterator[str]:
    """The app, served."""
    environment = {
        "AzureWebJobsStorage": azurite.connection_string,
        "AZURE_OPENAI_ENDPOINT": upstream,
        "UPSTREAM_AUTH": "key",
        "AZURE_OPENAI_API_KEY": "k",
        "ENTRA_TENANT_IDS": TENANT,
        "WEBSITE_AUTH_ENABLED": "True",
        "PRICES": '[{"deployment":"ada","prompt":"0.10"}]',
    }
    built = await build_app(read_settings(environment))
    endpoints = {"openai": built.relay_call, "usage": built.query_usage, "healthz": built.health}
    pages = {"/usage/page": built.usage_page, "/usage/page/me": built.usage_page_me}

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = pages.get(scope["path"]) or endpoints[scope["path"].split("/")[1]]
        await (await endpoint(Request(scope, receive)))(scope, receive, send)

    async with running(serve) as url:
        yield url
    await built.close()


async def exchange(url: str, line: bytes, body: bytes = b"", *, object_id: str | None = "alice") -> tuple[int, Any]:
    """Return status and JSON of the answer to a request by this principal, whom the platform vouches for."""
    lines = [line + b" HTTP/1.1", b"Host: x", b"Connection: close", b"Content-Length: %d" % len(body)]
    if object_id:
        claims = [{"typ": "tid", "val": TENANT}, {"typ": "oid", "val": object_id}]
        vouched = json.dumps({"auth_typ": "aad", "claims": claims})
        lines.append(b"X-MS-CLIENT-PRINCIPAL: " + base64.b64encode(vouched.encode()))
    async with calling(url, b"\r\n".join(lines) + b"\r\n\r\n" + body) as connection, asyncio.timeout(10):
        head, _, answer = (await connection.reader.read()).partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(answer)


async def test_a_call_is_in_the_report_as_soon_as_it_is_answered(url: str) -> None:
    """The product in one breath: relayed, charged to who made it, and told on asking."""
    embed = b"POST /openai/deployments/ada/embeddings?api-version=2024-10-21"
    relayed = await exchange(url, embed, b'{"input":"hi"}', object_id="bootstrap-alice")
    status, report = await exchange(url, b"GET /usage?by=principal,deployment", object_id="bootstrap-alice")
    _, of_another = await exchange(url, b"GET /usage", object_id="bootstrap-bob")

    assert relayed == (200, json.loads(ANSWER))
    assert status == 200
    told = [(row["object_id"], row["deployment"], row["prompt_tokens"], row["cost_usd"]) for row in report["rows"]]
    assert told == [("bootstrap-alice", "ada", 5, "0.0000005")]
    assert of_another["rows"] == []


async def test_the_page_offers_the_platforms_sign_in_where_that_is_on(url: str) -> None:
    """And is there for whoever has not signed in yet: it holds no data."""
    request = b"GET /usage/page HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    async with calling(url, request) as connection, asyncio.timeout(10):
        answer = await connection.reader.read()

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'data-sign-in="easy-auth"' in answer
    assert (await exchange(url, b"GET /usage/page/me", object_id="bootstrap-alice"))[1][
        "object_id"
    ] == "bootstrap-alice"


async def test_an_app_whose_storage_answers_is_healthy(url: str) -> None:
    """It is what a load balancer asks, without a credential."""
    assert (await exchange(url, b"GET /healthz", object_id=None))[0] == 200


@pytest.mark.parametrize("line", [b"GET /usage", b"POST /openai/v1/embeddings"])
async def test_who_proves_nothing_gets_nothing(url: str, line: bytes) -> None:
    """Neither an answer nor a report."""
    status, body = await exchange(url, line, object_id=None)

    assert (status, body["error"]["code"]) == (401, "invalid_credentials")

"""The settings: all that is wrong told at once, nothing secret told at all, and no wrong value taken."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from shared.domain.deployment import Deployment, DeploymentType
from shared.domain.errors import SettingsInvalid
from shared.domain.exports import ExportFormat
from shared.settings import Settings, log_triggers, read_settings, storage_settings
from shared.settings.logs import BlobTrigger
from shared.settings.schedules import export_schedule, reconcile_schedule, rollup_schedule, sweep_schedule
from shared.settings.upstream import UpstreamAuth
from shared.usecases.pass_on_answer import OnHangup
from shared.usecases.record_calls import WhenUnavailable

ENDPOINT = "https://contoso.openai.azure.com"
NEEDED = {"AzureWebJobsStorage": "UseDevelopmentStorage=true", "AZURE_OPENAI_ENDPOINT": ENDPOINT}
NUMBERS = [
    "UPSTREAM_IDLE_SECONDS",
    "MAX_BODY_BYTES",
    "KEEP_ALIVE_SECONDS",
    "DRAIN_SECONDS",
    "DRAIN_MAX",
    "WORKER_LEASE_SECONDS",
    "SPOOL_MAX_BYTES",
    "EXPORT_DAYS",
]
URLS = [
    "AZURE_OPENAI_ENDPOINT",
    "ENTRA_AUTHORITY",
    "AzureWebJobsStorage__tableServiceUri",
    "AzureWebJobsStorage__blobServiceUri",
]


def settings(**changes: str) -> Settings:
    return read_settings({**NEEDED, **changes})


def problems_of(environment: Mapping[str, str]) -> list[str]:
    """Return what is wrong with these settings, one by one."""
    with pytest.raises(SettingsInvalid) as raised:
        read_settings(environment)
    return str(raised.value).split("; ")


def test_two_settings_are_enough() -> None:
    """Everything else has a default that is right for most."""
    read = settings()

    assert read.upstream.endpoint == ENDPOINT
    assert read.upstream.auth is UpstreamAuth.MANAGED_IDENTITY
    assert read.upstream.scope == "https://cognitiveservices.azure.com/.default"
    assert read.upstream.idle_seconds == 600
    assert read.relay.max_body_bytes == 100 * 1024 * 1024
    assert read.relay.on_hangup is OnHangup.DRAIN
    assert 0 < read.relay.keep_alive_seconds < 230
    assert read.entra.audiences == {"https://cognitiveservices.azure.com", "https://ai.azure.com"}
    assert read.entra.authority == "https://login.microsoftonline.com"


def test_prices_and_deployments_are_read() -> None:
    """The operator's word, before the list that ships."""
    pricing = settings(PRICES='[{"model":"m","prompt":0.1}]', DEPLOYMENTS='{"Chat":{"type":"datazone"}}').pricing

    assert [price.source for price in pricing.prices] == ["settings"]
    assert pricing.deployments == {"chat": Deployment(type=DeploymentType.DATA_ZONE)}
    assert (list(settings().pricing.prices), settings().pricing.deployments) == ([], {})


def test_mistakes_in_prices_and_deployments_are_named_with_their_place() -> None:
    """A price that is passed over would bill nothing."""
    problems = problems_of({**NEEDED, "PRICES": '[{"model":"m"}]', "DEPLOYMENTS": '{"chat":{"typ":"global"}}'})

    assert problems == [
        "PRICES cannot be read: Object missing required field `prompt` - at `$[0]`",
        "DEPLOYMENTS cannot be read: Object contains unknown field `typ` - at `$[...]`",
    ]


def test_nobody_is_trusted_by_default() -> None:
    """Whose tokens are taken, and whether the platform vouches, somebody must have said."""
    entra = settings().entra

    assert (entra.tenants, entra.required_role, entra.easy_auth) == (frozenset(), None, False)


def test_all_that_is_missing_is_named_at_once() -> None:
    """A deployment takes minutes; to be told one name at a time takes an afternoon."""
    problems = problems_of({"UPSTREAM_AUTH": "key"})

    assert [problem.split()[0] for problem in problems] == [
        "AzureWebJobsStorage",
        "AZURE_OPENAI_API_KEY",
        "AZURE_OPENAI_ENDPOINT",
    ]


def test_all_that_is_wrong_is_named_at_once() -> None:
    """Each by its name, so that it can be found in the portal."""
    wrong = dict.fromkeys([*NUMBERS, *URLS, "UPSTREAM_AUTH", "ON_HANGUP"], "nonsense")
    problems = problems_of({"AzureWebJobsStorage": "x", **wrong})

    assert {problem.split()[0] for problem in problems} == wrong.keys()
    assert len(problems) == len(wrong)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "-inf", "1e999", "ten", "1,5", "0x10"])
def test_a_number_is_finite_and_more_than_nothing(name: str, text: str) -> None:
    """A time-out of nan never ends; one of 0 always does; and neither says so."""
    (problem,) = problems_of({**NEEDED, name: text})

    assert problem == f"{name} is a number above 0"


@pytest.mark.parametrize("name", ["MAX_BODY_BYTES", "DRAIN_MAX", "SPOOL_MAX_BYTES", "EXPORT_DAYS"])
def test_what_is_counted_is_whole(name: str) -> None:
    """Half a drain is a mistake, not a number."""
    assert problems_of({**NEEDED, name: "1.5"}) == [f"{name} is a number above 0"]


def test_open_calls_are_swept_every_minute_unless_it_is_said_otherwise() -> None:
    """A schedule that had to be set would be missing somewhere, and calls of dead workers open for ever."""
    assert sweep_schedule({}) == sweep_schedule({"SWEEP_SCHEDULE": " "}) == "0 * * * * *"
    assert sweep_schedule({"SWEEP_SCHEDULE": "*/5 * * * * *"}) == "*/5 * * * * *"
    assert (rollup_schedule({}), rollup_schedule({"ROLLUP_SCHEDULE": "x"})) == ("0 * * * * *", "x")


def test_yesterday_is_exported_in_the_night_unless_it_is_said_otherwise() -> None:
    """When the calls that began before midnight have ended."""
    assert export_schedule({}) == "0 10 2 * * *"
    assert export_schedule({"EXPORT_SCHEDULE": "0 0 5 * * *"}) == "0 0 5 * * *"


def test_parquet_and_focus_are_exported_unless_it_is_said_otherwise() -> None:
    """What tools read, without a setting; and nothing, with one."""
    exports = settings().exports

    assert (exports.formats, exports.container, exports.days) == (
        [ExportFormat.PARQUET, ExportFormat.FOCUS],
        "exports",
        3,
    )
    assert settings(EXPORT_FORMATS="off").exports.formats == []
    assert settings(EXPORT_FORMATS="csv").exports.formats == [ExportFormat.CSV]
    assert exports.logs is None


@pytest.mark.parametrize("formats", ["xlsx", "off,csv", "CSV"])
def test_a_format_nobody_knows_is_named(formats: str) -> None:
    """A file that finance waits for would just not be there."""
    problems = problems_of({**NEEDED, "EXPORT_FORMATS": formats})

    assert problems == ["EXPORT_FORMATS is off, or any of csv, parquet, focus, separated by commas"]


@pytest.mark.parametrize("name", ["Exports", "a", "a--b", "-ab", "ab-", "a_b", "x" * 64])
def test_a_container_that_storage_would_refuse_is_named(name: str) -> None:
    """The first night would be the first to tell."""
    (problem,) = problems_of({**NEEDED, "EXPORT_CONTAINER": name})

    assert problem.startswith("EXPORT_CONTAINER is not the name of a container")


def test_a_rule_of_log_analytics_needs_both_its_halves() -> None:
    """Of a half nothing would be sent, and nothing said."""
    both = {"LOGS_INGESTION_ENDPOINT": "https://x.ingest.monitor.azure.com", "LOGS_INGESTION_RULE_ID": "dcr-0"}
    logs = settings(**both).exports.logs

    assert logs is not None
    assert (logs.endpoint, logs.rule_id, logs.stream) == (*both.values(), "Custom-AoaiUsage_CL")
    for name, value in both.items():
        (problem,) = problems_of({**NEEDED, name: value})
        assert problem == "LOGS_INGESTION_ENDPOINT and LOGS_INGESTION_RULE_ID go together, and one is missing"


def test_logs_are_read_where_deployment_has_them_exported_to() -> None:
    """The ledger's own account, by a timer alone: a blob trigger loads whole blobs, and a hub is one more bill."""
    read, triggers = settings(), log_triggers(NEEDED)

    assert read.logs.storage == read.storage
    assert "insights-logs-requestresponse" in read.logs.containers
    assert (triggers.schedule, triggers.blobs) == ("0 * * * * *", BlobTrigger.OFF)
    assert (list(triggers.containers), triggers.event_hub) == ([], "")


@pytest.mark.parametrize(
    "environment",
    [
        {"LogsStorage__accountName": "logs"},
        {"LogsStorage__blobServiceUri": "https://logs.blob.core.windows.net/"},
        {"LogsStorage": "UseDevelopmentStorage=true"},
    ],
)
def test_logs_may_lie_in_another_account(environment: dict[str, str]) -> None:
    """A resource exports only to an account in its region; triggers are bound to the same account."""
    storage = settings(**environment).logs.storage

    assert (storage.connection_string, storage.blob_endpoint) in {
        ("UseDevelopmentStorage=true", None),
        (None, "https://logs.blob.core.windows.net"),
    }
    assert log_triggers(environment).connection == "LogsStorage"
    assert log_triggers({}).connection == "AzureWebJobsStorage"


def test_a_blob_trigger_is_bound_to_names_and_not_to_patterns() -> None:
    """The host takes no pattern for a container; the timer reads those."""
    triggers = log_triggers({"LOGS_CONTAINERS": "b,insights-*,a", "INGEST_BLOB_TRIGGER": "Event_Grid"})

    assert (triggers.blobs, list(triggers.containers)) == (BlobTrigger.EVENT_GRID, ["a", "b"])


def test_a_wrong_trigger_is_named_and_leaves_the_functions_there() -> None:
    """They are bound before settings are read: an error then would be an app without functions."""
    wrong = {**NEEDED, "INGEST_BLOB_TRIGGER": "always"}

    assert log_triggers(wrong).blobs is BlobTrigger.OFF
    assert problems_of(wrong) == ["INGEST_BLOB_TRIGGER is one of off, polling, event_grid"]


def test_a_setting_that_is_read_twice_is_wrong_once() -> None:
    """One line for each mistake."""
    assert problems_of({**NEEDED, "LogsStorage__blobServiceUri": "x"}) == ["LogsStorage__blobServiceUri is not a URL"]


def test_no_call_goes_unrecorded_unless_somebody_chose_to_wait_for_its_record() -> None:
    """What is kept on a disk is only as safe as that disk."""
    assert settings().ledger.when_unavailable is WhenUnavailable.REFUSE
    assert settings(LEDGER_WHEN_UNAVAILABLE="Allow").ledger.when_unavailable is WhenUnavailable.ALLOW


def test_each_user_of_a_machine_spools_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of temporary files is everybody's."""
    monkeypatch.setattr(os, "getuid", lambda: 7)
    theirs = settings().ledger.spool_dir
    monkeypatch.setattr(os, "getuid", lambda: 8)

    assert settings().ledger.spool_dir != theirs
    assert settings(SPOOL_DIR=" /mnt/ledger ").ledger.spool_dir == Path("/mnt/ledger")


def test_numbers_are_read() -> None:
    """With the blanks that a portal leaves."""
    read = settings(UPSTREAM_IDLE_SECONDS=" 1.5 ", MAX_BODY_BYTES="1000", DRAIN_MAX="7")

    assert (read.upstream.idle_seconds, read.relay.max_body_bytes, read.relay.drain_max) == (1.5, 1000, 7)


@pytest.mark.parametrize("name", URLS)
@pytest.mark.parametrize(
    "text",
    [
        "contoso.openai.azure.com",
        "//contoso.openai.azure.com",
        "ftp://contoso.openai.azure.com",
        "https://",
        "https:///openai",
        "https://[::1",
        "https://contoso.openai.azure.com:port",
        "https://contoso.openai.azure.com:99999",
        "https://me:s3cret@contoso.openai.azure.com",
        "https://con toso",
    ],
)
def test_a_url_has_a_scheme_and_a_host_and_nothing_secret(name: str, text: str) -> None:
    """The host is written into every record, so a password before it would be, too."""
    assert problems_of({**NEEDED, name: text}) == [f"{name} is not a URL"]


@pytest.mark.parametrize("text", [ENDPOINT, f"{ENDPOINT}/", f" {ENDPOINT}// "])
def test_a_url_may_end_in_a_slash(text: str) -> None:
    """The portal shows the endpoint with one."""
    assert settings(AZURE_OPENAI_ENDPOINT=text).upstream.endpoint == ENDPOINT


@pytest.mark.parametrize("text", ["abort", "ABORT", " Abort "])
def test_a_choice_is_taken_in_any_case(text: str) -> None:
    """It is typed by hand."""
    assert settings(ON_HANGUP=text).relay.on_hangup is OnHangup.ABORT


def test_a_wrong_choice_is_told_the_right_ones() -> None:
    """Else one looks for the page that lists them."""
    assert problems_of({**NEEDED, "UPSTREAM_AUTH": "identity"}) == [
        "UPSTREAM_AUTH is one of managed_identity, key, caller"
    ]


def test_a_list_is_separated_by_commas() -> None:
    """With blanks or without; and a comma too many is no tenant."""
    read = settings(ENTRA_TENANT_IDS=" a, b,,", ENTRA_AUDIENCES="api://x")

    assert read.entra.tenants == {"a", "b"}
    assert read.entra.audiences == {"api://x"}


@pytest.mark.parametrize("text", ["", " ", ","])
def test_an_empty_list_of_tenants_lets_nobody_in(text: str) -> None:
    """An empty name in a set of tenants would be a tenant."""
    assert settings(ENTRA_TENANT_IDS=text).entra.tenants == frozenset()


@pytest.mark.parametrize(
    ("text", "is_on"), [("True", True), ("true", True), ("1", True), ("False", False), ("0", False), ("", False)]
)
def test_the_platforms_authentication_is_on_where_it_says_so(text: str, is_on: bool) -> None:
    """App Service writes True; where it is off, anybody can write its header."""
    assert settings(WEBSITE_AUTH_ENABLED=text).entra.easy_auth is is_on


@pytest.mark.parametrize(
    ("environment", "endpoint", "client_id"),
    [
        ({"accountName": "contoso"}, "https://contoso.table.core.windows.net", None),
        ({"accountName": "contoso", "clientId": "c1"}, "https://contoso.table.core.windows.net", "c1"),
        ({"tableServiceUri": "https://t.example/"}, "https://t.example", None),
        ({"accountName": "contoso", "tableServiceUri": "https://t.example"}, "https://t.example", None),
    ],
)
def test_storage_opened_with_an_identity_is_found_as_the_host_finds_it(
    environment: dict[str, str], endpoint: str, client_id: str | None
) -> None:
    """The same settings must do for both, or an app runs and has no ledger."""
    prefixed = {f"AzureWebJobsStorage__{name}": value for name, value in environment.items()}
    storage = storage_settings(prefixed)

    assert (storage.connection_string, storage.table_endpoint, storage.client_id) == (None, endpoint, client_id)


def test_tools_need_only_the_storage() -> None:
    """Who issues a key has no endpoint to name."""
    assert storage_settings({"AzureWebJobsStorage": "x"}).connection_string == "x"
    with pytest.raises(SettingsInvalid, match="AzureWebJobsStorage"):
        storage_settings({"AzureWebJobsStorage": " "})


def test_findings_are_told_to_nobody_unless_it_is_said_whom() -> None:
    """And the resource is learnt."""
    read = settings().reconciliation

    assert (read.resource_id, read.webhook_url, read.webhook_secret) == (None, None, None)


def test_the_resource_and_who_is_told_are_read() -> None:
    """A resource id in the one spelling that logs are read in."""
    resource_id = "/subscriptions/S/resourceGroups/RG/providers/Microsoft.CognitiveServices/accounts/Contoso"
    read = settings(
        AZURE_OPENAI_RESOURCE_ID=f"{resource_id}/",
        FINDINGS_WEBHOOK_URL="https://alerts.example/hook",
        FINDINGS_WEBHOOK_SECRET="whsec_s3cret",
    )

    assert read.reconciliation.resource_id == resource_id.lower()
    assert read.reconciliation.webhook_url == "https://alerts.example/hook"
    assert "s3cret" not in repr(read)


def test_half_a_webhook_and_another_resource_are_named() -> None:
    """Without a secret nobody could tell our messages from another's."""
    environment = {
        **NEEDED,
        "AZURE_OPENAI_RESOURCE_ID": "/subscriptions/s/resourceGroups/rg",
        "FINDINGS_WEBHOOK_URL": "https://alerts.example/hook",
    }

    assert problems_of(environment) == [
        "AZURE_OPENAI_RESOURCE_ID is not the resource id of an Azure OpenAI account",
        "FINDINGS_WEBHOOK_URL and FINDINGS_WEBHOOK_SECRET go together",
    ]


def test_the_ledger_is_reconciled_every_minute_unless_it_is_said_otherwise() -> None:
    """Empty, a setting is not set."""
    assert reconcile_schedule({"RECONCILE_SCHEDULE": " "}) == "0 * * * * *"
    assert reconcile_schedule({"RECONCILE_SCHEDULE": "0 0 * * * *"}) == "0 0 * * * *"


def test_no_secret_is_shown() -> None:
    """A repr ends up in a traceback, and that in a log."""
    read = settings(AzureWebJobsStorage="AccountKey=s3cret", AZURE_OPENAI_API_KEY="s3cret", UPSTREAM_AUTH="key")

    assert read.upstream.api_key == "s3cret"
    assert "s3cret" not in repr(read)
    assert "s3cret" not in str(read)


_values = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_urls = st.tuples(st.sampled_from(["https://", "http:", "", "//"]), st.text("a[]:@/?#%.09 é", max_size=12)).map("".join)
_names = st.sampled_from([*NEEDED, *NUMBERS, *URLS, "UPSTREAM_AUTH", "ENTRA_TENANT_IDS"])


@given(
    st.dictionaries(st.sampled_from([*NEEDED, *NUMBERS, *URLS, "UPSTREAM_AUTH", "ENTRA_TENANT_IDS"]), _values | _urls)
)
def test_any_environment_is_settings_or_one_error_that_names_a_setting(environment: dict[str, str]) -> None:
    """What else it raised would be a worker that answers nothing, and says not why."""
    try:
        read = read_settings(environment)
    except SettingsInvalid as error:
        for problem in str(error).split("; "):
            assert problem.startswith(("AZURE_", "Azure", "ENTRA_", "UPSTREAM_", *NUMBERS))
        return

    assert URL(read.upstream.endpoint).host

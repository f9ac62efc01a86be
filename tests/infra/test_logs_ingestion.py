"""The rule that takes usage records into Log Analytics, against what the app sends it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pycep import BicepParser

from shared.domain.log_rows import LOG_COLUMNS
from shared.settings import read_settings
from tests.docs.settings_source import settings_read

_FILE = Path(__file__).parents[2] / "infra" / "logs-ingestion.bicep"
_NEEDED = {
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "AZURE_OPENAI_ENDPOINT": "https://contoso.openai.azure.com",
    "LOGS_INGESTION_ENDPOINT": "https://x.ingest.monitor.azure.com",
    "LOGS_INGESTION_RULE_ID": "dcr-0",
}


def template() -> Any:
    return BicepParser().parse(text=_FILE.read_text(encoding="utf-8"))


def test_the_table_has_the_columns_that_are_sent_with_their_types() -> None:
    """What the rule does not know the service drops without a word."""
    columns = template()["variables"]["columns"]["value"]

    assert {column["name"]: column["type"] for column in columns} == LOG_COLUMNS


def test_the_stream_is_the_one_that_the_app_sends_to() -> None:
    """Another one is answered 400, every night."""
    logs = read_settings(_NEEDED).exports.logs
    text = _FILE.read_text(encoding="utf-8")

    assert logs is not None
    assert f"'{logs.stream}': {{" in text
    assert f"var tableName = '{logs.stream.removeprefix('Custom-')}'" in text


def test_the_outputs_are_settings_of_the_app() -> None:
    """So that they can be taken over as they are."""
    assert set(template()["outputs"]) <= set(settings_read())

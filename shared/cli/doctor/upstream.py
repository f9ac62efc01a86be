"""Whether Azure OpenAI can be reached, and lets us in. The list of models is asked for, which costs no token."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import aiohttp
import msgspec
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError

from shared.cli.doctor.environment import Patient
from shared.domain.check import CheckResult, failed, ok, skipped, warning
from shared.settings.upstream import UpstreamAuth, UpstreamSettings

_MODELS = "/openai/models?api-version=2024-10-21"
_NAME = "upstream"
_ROLE = "Cognitive Services OpenAI User"
_GRANT = f'az role assignment create --role "{_ROLE}" --assignee OBJECT_ID --scope RESOURCE_ID'
# https://learn.microsoft.com/azure/app-service/app-service-key-vault-references
_KEY_VAULT = "@Microsoft.KeyVault("
_CODE = re.compile(r"[A-Za-z0-9_.]{1,64}")


async def check_upstream(patient: Patient) -> list[CheckResult]:
    """Return whether the resource answers, and takes what we show it."""
    if patient.settings is None:
        return [skipped(_NAME, "the settings are not whole")]
    upstream = patient.settings.upstream
    host = urlsplit(upstream.endpoint).hostname or ""
    if (upstream.api_key or "").startswith(_KEY_VAULT):
        return [skipped(_NAME, "AZURE_OPENAI_API_KEY is in a key vault, which only the app reads")]
    try:
        headers = await _headers(upstream, patient.credential)
    except AzureError:
        return [failed(_NAME, "this login gets no token for Azure OpenAI", "log in", "az login")]
    try:
        async with patient.session.get(upstream.endpoint + _MODELS, headers=headers, allow_redirects=False) as response:
            status, code = response.status, _error_code(await response.read())
    except aiohttp.ClientError as error:
        seen = f"{host} cannot be reached ({type(error).__name__})"
        advice = "see that AZURE_OPENAI_ENDPOINT is right; a private endpoint answers only inside its network"
        return [failed(_NAME, seen, advice)]
    return [_meaning(upstream, host, status, code)]


async def _headers(upstream: UpstreamSettings, credential: AsyncTokenCredential) -> dict[str, str]:
    """Return what we show, as the app would; of the identity that is ours here. Raises AzureError."""
    match upstream.auth:
        case UpstreamAuth.KEY:
            return {"api-key": upstream.api_key or ""}
        case UpstreamAuth.CALLER:
            return {}
        case UpstreamAuth.MANAGED_IDENTITY:
            return {"authorization": f"Bearer {(await credential.get_token(upstream.scope)).token}"}


def _error_code(body: bytes) -> str:
    """Return the code of Azure's error, as far as it is one."""
    try:
        error = msgspec.json.decode(body).get("error", {})
        return found[0] if (found := _CODE.fullmatch(str(error.get("code", "")))) else ""
    except (msgspec.MsgspecError, AttributeError):
        return ""


def _meaning(upstream: UpstreamSettings, host: str, status: int, code: str) -> CheckResult:
    seen = f"{host} answered {status}{f' ({code})' if code else ''}"
    match status, upstream.auth:
        case 200, UpstreamAuth.MANAGED_IDENTITY:
            return ok(_NAME, f"{host} answers and lets this login in; the app's identity needs the role {_ROLE!r}, too")
        case 200, _:
            return ok(_NAME, f"{host} answers and lets us in")
        case 401 | 403, UpstreamAuth.CALLER:
            return ok(_NAME, f"{host} answers; each caller brings its own credential")
        case 401, UpstreamAuth.KEY:
            return failed(_NAME, seen, "the key is not one of this resource: set AZURE_OPENAI_API_KEY anew")
        case 403, UpstreamAuth.KEY:
            advice = "keys may be disabled (then set UPSTREAM_AUTH=managed_identity), or its network rules keep us out"
            return failed(_NAME, seen, advice)
        case 401 | 403, UpstreamAuth.MANAGED_IDENTITY:
            advice = (
                f"with this login; give it, and the app's identity, the role: {_GRANT}; or its network rules say no"
            )
            return warning(_NAME, seen, advice)
        case 404, _:
            advice = "AZURE_OPENAI_ENDPOINT is no Azure OpenAI resource: https://NAME.openai.azure.com, and no path"
            return failed(_NAME, seen, advice)
        case 429, _:
            return warning(_NAME, seen, "it is throttled: see its quota")
        case _:
            return failed(_NAME, seen, "see Azure's status page, and what stands between here and there")

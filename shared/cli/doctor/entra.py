"""Whether Entra tokens can be taken."""

from __future__ import annotations

import re

from shared.adapters.entra_signing_keys import EntraSigningKeys
from shared.cli.doctor.environment import Patient
from shared.domain.check import CheckResult, failed, ok, skipped, warning
from shared.domain.errors import KeysUnavailable
from shared.settings.entra import EntraSettings

_NAME = "entra"
_TENANT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


async def check_entra(patient: Patient) -> list[CheckResult]:
    """Return whether tokens of the tenants that are named can be checked."""
    if patient.settings is None:
        return [skipped(_NAME, "the settings are not whole")]
    entra = patient.settings.entra
    if not entra.tenants:
        return [_without_tenants(entra)]
    return [await _tenant(patient, entra, tenant) for tenant in sorted(entra.tenants)]


def _without_tenants(entra: EntraSettings) -> CheckResult:
    if entra.easy_auth:
        return ok(_NAME, "the platform proves principals (Easy Auth); gateway keys are taken, too")
    advice = "set ENTRA_TENANT_IDS, so that callers need no key"
    return warning(_NAME, "no tenant is named: only gateway keys are taken", advice)


async def _tenant(patient: Patient, entra: EntraSettings, tenant: str) -> CheckResult:
    if not _TENANT_ID.fullmatch(tenant):
        advice = "write its id in ENTRA_TENANT_IDS: tokens name their tenant by that alone"
        return failed(_NAME, f"{tenant!r} is no tenant id", advice)
    keys = EntraSigningKeys(authority=entra.authority, session=patient.session, clock=patient.clock)
    try:
        # No key has this name: that the answer is none says that there was an answer.
        await keys.find(tenant, "")
    except KeysUnavailable:
        advice = "see that the tenant's id is right, and the way out to ENTRA_AUTHORITY is open"
        return failed(_NAME, f"the signing keys of tenant {tenant} cannot be fetched from {entra.authority}", advice)
    role = f", with the role {entra.required_role!r}" if entra.required_role else ""
    return ok(_NAME, f"tokens of tenant {tenant} for {', '.join(sorted(entra.audiences))} are taken{role}")

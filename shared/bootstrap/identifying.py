"""Who may call."""

from __future__ import annotations

from shared.adapters.easy_auth import EasyAuth
from shared.adapters.entra_token_verifier import EntraTokenVerifier
from shared.adapters.gateway_key_cache import GatewayKeyCache
from shared.adapters.table_gateway_keys import TABLE as KEYS_TABLE
from shared.adapters.table_gateway_keys import TableGatewayKeys
from shared.bootstrap.parts import Parts
from shared.settings.entra import EntraSettings
from shared.usecases.identify_principal import IdentifyPrincipal


def identify_principal(entra: EntraSettings, parts: Parts) -> IdentifyPrincipal:
    """Return what proves who calls."""
    verifier = EntraTokenVerifier(
        tenants=entra.tenants,
        audiences=entra.audiences,
        session=parts.entra_session,
        clock=parts.clock,
        authority=entra.authority,
    )
    return IdentifyPrincipal(
        keys=GatewayKeyCache(TableGatewayKeys(parts.tables.get_table_client(KEYS_TABLE)), parts.clock),
        clock=parts.clock,
        verifier=verifier if entra.tenants else None,
        read_client_principal=EasyAuth(tenants=entra.tenants).read if entra.easy_auth else None,
        required_role=entra.required_role,
    )

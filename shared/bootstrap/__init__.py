"""Builds the app: settings to adapters to use cases to endpoints, once per worker."""

from __future__ import annotations

import asyncio
import logging

from shared.bootstrap.app import App, refusal
from shared.bootstrap.build import build_app
from shared.domain.errors import OurError, SettingsInvalid
from shared.settings import read_settings

__all__ = ["App", "app", "build_app", "build_app_or_refusal", "close_app"]

logger = logging.getLogger(__name__)

_building: asyncio.Task[App] | None = None


async def app() -> App:
    """Return the worker's app, built when it is first asked for. Never raises: see `build_app_or_refusal`."""
    global _building
    if _building is None:
        _building = asyncio.create_task(build_app_or_refusal())
    return await asyncio.shield(_building)


async def close_app() -> None:
    """End what the worker's app has opened, its calls under way first. Nothing where none was built."""
    if _building is not None:
        await (await app()).close()


async def build_app_or_refusal() -> App:
    """Return the app, or where the settings are wrong one that answers every request with that error."""
    try:
        return await build_app(read_settings())
    except SettingsInvalid as error:
        logger.critical("settings.invalid", extra={"reason": str(error)})
        return refusal(error)
    except Exception:
        # Azure's libraries read settings of their own, and raise what they like. To raise it here would be
        # a bare 500 for every call.
        logger.exception("app.not_built")
        return refusal(OurError("the app could not be built"))

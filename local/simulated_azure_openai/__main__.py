"""Runs a simulated Azure OpenAI resource until it is told to stop (SIGINT or SIGTERM)."""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from local.simulated_azure_openai.azure_errors import AzureError
from local.simulated_azure_openai.config import Config
from local.simulated_azure_openai.server import RunningServer, serve
from local.simulated_azure_openai.simulation import Simulation
from local.simulated_exports.account import running_exports
from local.simulated_exports.lateness import Lateness
from local.simulated_exports.past_the_gate import passing_the_gate


def main() -> None:
    parser = _parser()
    options = parser.parse_args()
    if options.past_the_gate and options.export_to is None:
        parser.error("--past-the-gate needs --export-to: nobody would see it")
    simulation = replace(options.simulate, delay_ms=options.delay_ms or options.simulate.delay_ms)
    config = Config(simulation=simulation, replay=options.replay, request_log=options.request_log)
    asyncio.run(_serve_until_stopped(config, options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.simulated_azure_openai", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="recorded calls, .jsonl or .jsonl.xz")
    parser.add_argument("--request-log", type=Path, metavar="FILE", help="gets a line of JSON per request")
    parser.add_argument(
        "--simulate", type=_simulation, default=Simulation(), metavar="KEYS", help="as the x-simulate header"
    )
    parser.add_argument("--delay-ms", type=int, help="waits before every answer")
    exports = parser.add_argument_group("log exports")
    exports.add_argument("--export-to", metavar="CONNECTION_STRING", help="the storage account that gets them")
    exports.add_argument("--export-within", type=float, default=6.0, metavar="SECONDS", help="how late a line may be")
    exports.add_argument("--past-the-gate", action="store_true", help="let some calls come round the gateway")
    exports.add_argument("--seed", type=int, help="makes what is random in them the same again")
    return parser


def _simulation(keys: str) -> Simulation:
    try:
        return Simulation().changed_by(keys)
    except AzureError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


async def _serve_until_stopped(config: Config, options: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with _serve(config, options) as server:
        print(f"ready {server.url}", flush=True)
        await stopped.wait()


@asynccontextmanager
async def _serve(config: Config, options: argparse.Namespace) -> AsyncIterator[RunningServer]:
    """Serve, and export logs of what is served if somebody wants them."""
    async with AsyncExitStack() as stack:
        if options.export_to is None:
            yield await stack.enter_async_context(serve(config, options.port, options.host))
            return
        chance, lateness = random.Random(options.seed), Lateness.up_to(options.export_within)
        exports = await stack.enter_async_context(running_exports(options.export_to, chance, lateness))
        config = replace(config, on_served=exports.call)
        server = await stack.enter_async_context(serve(config, options.port, options.host))
        if options.past_the_gate:
            api_key = min(config.api_keys)
            await stack.enter_async_context(passing_the_gate(server.url, api_key, exports, chance))
        yield server


if __name__ == "__main__":
    main()

"""Runs a simulated Azure OpenAI resource until it is told to stop (SIGINT or SIGTERM)."""

from __future__ import annotations

import argparse
import asyncio
import signal
from dataclasses import replace
from pathlib import Path

from local.simulated_azure_openai.azure_errors import AzureError
from local.simulated_azure_openai.config import Config
from local.simulated_azure_openai.server import serve
from local.simulated_azure_openai.simulation import Simulation


def main() -> None:
    options = _parser().parse_args()
    simulation = replace(options.simulate, delay_ms=options.delay_ms or options.simulate.delay_ms)
    config = Config(simulation=simulation, replay=options.replay, request_log=options.request_log)
    asyncio.run(_serve_until_stopped(config, options.host, options.port))


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
    return parser


def _simulation(keys: str) -> Simulation:
    try:
        return Simulation().changed_by(keys)
    except AzureError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


async def _serve_until_stopped(config: Config, host: str, port: int) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with serve(config, port, host) as server:
        print(f"ready {server.url}", flush=True)
        await stopped.wait()


if __name__ == "__main__":
    main()

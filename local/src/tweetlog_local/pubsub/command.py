"""EDGE. The embedded Pub/Sub as a command: arguments, the ready line, signals, exit codes."""

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from tweetlog_local.collector import collect_rarely
from tweetlog_local.pubsub.log import DataDirError
from tweetlog_local.pubsub.server import Ports, Settings, SettingsError, serving

PARENT_POLL = 0.5  # seconds

EXAMPLE = """example:
  python -m tweetlog_local.pubsub --data-dir .tweetlog/pubsub
  PUBSUB_EMULATOR_HOST=127.0.0.1:8085 python your_program.py

When ready it prints one line of JSON on stdout with the ports; SIGTERM or Ctrl-C stops it."""


def main(arguments: list[str] | None = None) -> int:
    """Run until told to stop; the exit code."""
    options = _parser().parse_args(arguments)
    settings = Settings(
        data_dir=options.data_dir,
        host=options.host,
        port=options.port,
        control_port=options.control_port,
        bigquery_endpoint=options.bigquery_endpoint,
        max_push_in_flight=options.max_push_in_flight,
    )
    try:
        return asyncio.run(_serve(settings, with_parent=options.with_parent))
    except (DataDirError, SettingsError, OSError) as error:
        print(f"tweetlog_local.pubsub: {error}", file=sys.stderr)  # noqa: T201 - a command's answer
        return 2


async def _serve(settings: Settings, *, with_parent: bool) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    failures: list[BaseException] = []

    def fail(_: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        loop.default_exception_handler(context)
        error = context.get("exception")
        if isinstance(error, Exception):
            failures.append(error)
            stop.set()

    loop.set_exception_handler(fail)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watcher = asyncio.create_task(_stop_with_parent(stop)) if with_parent else None
    async with serving(settings) as ports:
        collect_rarely()
        _announce(settings, ports)
        await stop.wait()
    if watcher is not None:
        watcher.cancel()
    return 1 if failures else 0


async def _stop_with_parent(stop: asyncio.Event) -> None:
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - nothing tells us but looking
        await asyncio.sleep(PARENT_POLL)
    stop.set()


def _announce(settings: Settings, ports: Ports) -> None:
    line = {
        "ready": True,
        "service": "pubsub",
        "host": settings.host,
        "port": ports.port,
        "control_port": ports.control_port,
    }
    print(json.dumps(line), flush=True)  # noqa: T201 - the line others wait for


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tweetlog_local.pubsub",
        description="Google Pub/Sub on this machine: a durable log that real clients talk to.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data-dir", type=Path, required=True, help="where the log lives; made if missing")
    add("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    add("--port", type=_port, default=8085, help="gRPC port, 0 for a free one (%(default)s)")
    add(
        "--control-port",
        type=_port,
        default=8086,
        help="HTTP port for counts and faults (%(default)s)",
    )
    add(
        "--bigquery-endpoint",
        metavar="HOST:PORT",
        help="Storage Write API for BigQuery subscriptions",
    )
    add(
        "--max-push-in-flight",
        type=_positive,
        default=64,
        help="pushes at once per subscription (%(default)s)",
    )
    add("--with-parent", action="store_true", help="stop when the process that started this ends")
    return parser


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65_535:  # noqa: PLR2004 - ports are 16 bits
        raise argparse.ArgumentTypeError(f"{text} is not a port: 0 to 65535")
    return number


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 at least")
    return number

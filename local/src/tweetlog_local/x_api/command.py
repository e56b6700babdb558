"""EDGE. The local X API as a command: arguments, the ready line, signals, exit codes."""

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from tweetlog_local.x_api.server import Listening, serving
from tweetlog_local.x_api.settings import Settings
from tweetlog_local.x_api.tiers import TIERS

_PARENT_POLL = 0.5  # seconds
_EXAMPLE = """example:
  python -m tweetlog_local.x_api --port 8443 --tls --rate 250

When ready it prints one line of JSON on stdout with where it is and what to show it; SIGTERM or
Ctrl-C stops it. Durations are in seconds of X, which --speed shortens."""


def main(arguments: list[str] | None = None) -> int:
    """Run until told to stop; the exit code."""
    given = vars(_parser().parse_args(arguments))
    with_parent = given.pop("with_parent")
    settings = Settings(**given)
    try:
        return asyncio.run(_serve(settings, with_parent=with_parent))
    except OSError as error:
        sys.stderr.write(f"tweetlog_local.x_api: {_words(error, settings)}\n")
        return 2


async def _serve(settings: Settings, *, with_parent: bool) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    failures: list[Exception] = []

    def fail(_: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        loop.default_exception_handler(context)
        error = context.get("exception")
        # A client that breaks off a handshake is none of our failures.
        if isinstance(error, Exception) and not isinstance(error, OSError):
            failures.append(error)
            stop.set()

    loop.set_exception_handler(fail)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watcher = asyncio.create_task(_stop_with_parent(stop)) if with_parent else None
    async with serving(settings) as listening:
        _announce(settings, listening)
        await stop.wait()
    if watcher is not None:
        watcher.cancel()
    return 1 if failures else 0


async def _stop_with_parent(stop: asyncio.Event) -> None:
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - nothing tells us but looking
        await asyncio.sleep(_PARENT_POLL)
    stop.set()


def _announce(settings: Settings, listening: Listening) -> None:
    scheme = "https" if settings.tls else "http"
    line = {
        "ready": True,
        "service": "x_api",
        "host": settings.host,
        "port": listening.port,
        "control_port": listening.control_port,
        "url": f"{scheme}://{settings.host}:{listening.port}",
        "ca_file": str(listening.ca_file) if listening.ca_file else None,
        "bearer_token": settings.token,
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _words(error: OSError, settings: Settings) -> str:
    if error.filename:
        return f"{error.filename}: {error.strerror}"
    return (
        f"{settings.host}:{settings.port} or control port {settings.control_port} cannot be "
        f"listened on ({error.strerror}); choose others, or 0 for free ones"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tweetlog_local.x_api",
        description="The part of X's API v2 that a collector of tweets uses, on this machine.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_places(parser)
    _add_tweets(parser)
    _add_manners(parser)
    return parser


def _add_places(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    default = Settings()
    add("--host", default=default.host, help="address to listen on (%(default)s)")
    add("--port", type=_whole(0, 65_535), default=8443, help="0: a free one (%(default)s)")
    add(
        "--control-port",
        type=_whole(0, 65_535),
        default=8444,
        help="HTTP port for faults, counts and the log; 0: a free one (%(default)s)",
    )
    add("--token", default=default.token, help="the bearer token it takes (%(default)s)")
    add("--tls", action="store_true", help="serve HTTPS with a certificate made at start")
    add(
        "--folder",
        type=Path,
        metavar="DIR",
        help="where the certificate goes (a temporary folder)",
    )
    add("--with-parent", action="store_true", help="stop when the process that started this ends")


def _add_tweets(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    default = Settings()
    add(
        "--rate",
        type=_number,
        default=default.rate,
        metavar="R",
        help="tweets a second; 0: as many as are read (%(default)s)",
    )
    add(
        "--tweets",
        type=_whole(0, 10**9),
        metavar="N",
        help="nothing happens after so many (it goes on)",
    )
    add(
        "--prepared",
        type=_whole(0, 1_000_000),
        default=0,
        metavar="N",
        help="make so many at start and give them out in turn: fast (each is made anew)",
    )
    add("--seed", type=int, default=default.seed, metavar="S", help="which tweets (%(default)s)")
    add(
        "--begin",
        choices=("start", "connect"),
        default=default.begin,
        help="when the first tweet happens (%(default)s)",
    )
    add(
        "--history",
        type=_number,
        default=0.0,
        metavar="SECONDS",
        help="of tweets that were there before (0)",
    )
    add(
        "--latency",
        type=_number,
        default=default.latency,
        metavar="SECONDS",
        help="of 99 in 100 deliveries at most; 0: in order (%(default)s)",
    )


def _add_manners(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    default = Settings()
    add("--tier", choices=tuple(TIERS), default=default.tier, help="(%(default)s)")
    add(
        "--speed",
        type=_positive,
        default=1.0,
        metavar="S",
        help="how many of X's seconds pass in a real one (1)",
    )
    add(
        "--second",
        choices=("reject", "replace"),
        default=default.second,
        help="what a stream over the limit meets (%(default)s)",
    )
    seconds = (
        ("ghost", "a stream is counted on after its client broke off"),
        ("keep_alive", "between two keep-alives"),
        ("rule_delay", "until a change of rules has an effect"),
        ("search_delay", "until a tweet can be found"),
        ("job_delay", "until a compliance job has its results"),
    )
    for name, help in seconds:
        add(
            "--" + name.replace("_", "-"),
            type=_number,
            default=getattr(default, name),
            metavar="SECONDS",
            help=f"{help} (%(default)s)",
        )
    add(
        "--slow-reader",
        type=_whole(0, 10**10),
        default=default.slow_reader,
        metavar="BYTES",
        help="that may wait for a reader (%(default)s)",
    )
    add(
        "--month-cap",
        type=_whole(0, 10**12),
        default=default.month_cap,
        metavar="N",
        help="tweets a month (%(default)s)",
    )


def _whole(least: int, most: int) -> "type[int]":
    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number {least} to {most:,}")
        return int(text)

    return parse  # type: ignore[return-value]


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 on")
    return number


def _positive(text: str) -> float:
    number = _number(text)
    if not number:
        raise argparse.ArgumentTypeError("must be more than 0")
    return number

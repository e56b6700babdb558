"""`python -m loader push` and `python -m loader pull`."""

import argparse
import os
import signal
import socket
import sys
import threading
from typing import Any

from loader import pull, server
from loader.settings import Settings
from loader.writer import credentials
from tweetlog import logs
from tweetlog.errors import SettingsError
from tweetlog.settings import described, read

_ENTRANCES = {
    "push": "serve the deliveries that Pub/Sub pushes (Cloud Run; scales to zero)",
    "pull": "pull from the subscription in batches (worker pools, high volume, replays)",
}
_EXAMPLE = """\
example, against a Pub/Sub and a BigQuery on this machine:
  PUBSUB_EMULATOR_HOST=127.0.0.1:8085 TWEETLOG_BIGQUERY_WRITE_ENDPOINT=127.0.0.1:9060 \\
    TWEETLOG_PROJECT=demo HOST=127.0.0.1 python -m loader push

endpoints: POST / takes deliveries (push); GET /livez, /readyz and /metrics (both)
"""
_PORT = 8080  # where Cloud Run sends requests unless told otherwise


def main(arguments: list[str]) -> int:
    """Run one entrance; return 0 when it was stopped, 1 if it failed, 2 if it cannot start so."""
    entrance = _parser().parse_args(arguments).entrance
    try:
        settings = read(Settings, os.environ)
        authority = credentials(settings.write_endpoint)
        listener = _listener(settings, always=entrance == "push")
    except SettingsError as mistakes:
        print(mistakes, file=sys.stderr)  # noqa: T201 - for who started it, before any log
        return 2
    except OSError as reason:
        where, why = f"{settings.host}:{settings.port or _PORT}", os.strerror(reason.errno or 0)
        print(f"cannot listen on {where}: {why}; set PORT", file=sys.stderr)  # noqa: T201 - as above
        return 2
    logs.configure("loader", project=settings.project, level=settings.log_level)
    if entrance == "push" and listener:
        server.serve(settings, authority, listener)
        return 0
    return _pull(settings, authority, listener)


def _listener(settings: Settings, *, always: bool) -> socket.socket | None:
    """Return the socket to serve on; None for a pull that nobody asks for its health.

    Raises:
        OSError: if the address is taken or not ours.
    """
    if settings.port is None and not always:
        return None
    port = _PORT if settings.port is None else settings.port
    return socket.create_server((settings.host, port), backlog=2048)


def _pull(settings: Settings, authority: Any, listener: socket.socket | None) -> int:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return pull.run(settings, authority, listener, stop)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m loader",
        description="Writes enriched tweets, gaps and tombstones to BigQuery, each exactly once.",
        epilog=f"{_EXAMPLE}\nsettings (environment):\n{described(Settings)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    entrances = parser.add_subparsers(dest="entrance", metavar="push|pull", required=True)
    for name, help in _ENTRANCES.items():
        entrances.add_parser(name, help=help, description=help)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

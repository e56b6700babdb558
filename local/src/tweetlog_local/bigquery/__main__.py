"""The command `python -m tweetlog_local.bigquery`."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from tweetlog_local.bigquery.errors import StartError
from tweetlog_local.bigquery.settings import DELETE_MEMORY_SECONDS, Settings
from tweetlog_local.bigquery.streaming_buffer import BUFFER_SECONDS
from tweetlog_local.collector import collect_rarely

WATCH_SECONDS = 1
EXAMPLE = """example:
  python -m tweetlog_local.bigquery --data-dir .tweetlog/bigquery --port 9050 --grpc-port 9060
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal comes."""
    given, parent = _given(arguments), os.getppid()
    settings = _settings(given)
    stops = {signal.SIGINT, signal.SIGTERM}
    # Blocked in every thread that is started from here on, as some are by an import already.
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    # Takes a second to import, which --help need not wait for.
    from tweetlog_local.bigquery.server import serving  # noqa: PLC0415

    try:
        with serving(settings) as ports:
            ready = {
                "ready": True,
                "service": "bigquery",
                "host": settings.host,
                "port": ports.port,
                "grpc_port": ports.grpc_port,
            }
            sys.stdout.write(json.dumps(ready) + "\n")
            sys.stdout.flush()
            collect_rarely()
            _wait(stops, parent if given.with_parent else None)
    except StartError as error:
        sys.stderr.write(f"tweetlog_local.bigquery: {error}\n")
        return 2
    return 0


def _wait(stops: Iterable[signal.Signals], parent: int | None) -> None:
    """Return when a signal comes, or when the process `parent` is gone."""
    while signal.sigtimedwait(stops, WATCH_SECONDS) is None:
        if parent is not None and os.getppid() != parent:
            return


def _given(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tweetlog_local.bigquery",
        description="An embedded BigQuery: REST and Storage Write API over a DuckDB file.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of the DuckDB file")
    parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    parser.add_argument(
        "--port", type=int, default=9050, help="of REST; 0: a free one (%(default)s)"
    )
    parser.add_argument(
        "--grpc-port", type=int, default=9060, help="of gRPC; 0: a free one (%(default)s)"
    )
    parser.add_argument("--project", default="tweetlog-local", help="default: %(default)s")
    parser.add_argument("--location", default="US", help="default: %(default)s")
    parser.add_argument(
        "--cdc-delete-memory-seconds",
        type=float,
        default=DELETE_MEMORY_SECONDS,
        help="how long a deleted key still beats an older upsert; BigQuery: 2 days (%(default)s)",
    )
    parser.add_argument(
        "--streaming-buffer-seconds",
        type=float,
        default=BUFFER_SECONDS,
        help="how long SQL may not change rows of insertAll; BigQuery: 30 minutes (%(default)s)",
    )
    parser.add_argument(
        "--with-parent", action="store_true", help="stop when the process that started this ends"
    )
    return parser.parse_args(arguments)


def _settings(given: argparse.Namespace) -> Settings:
    return Settings(
        given.data_dir,
        given.host,
        given.port,
        given.grpc_port,
        given.project,
        given.location,
        given.cdc_delete_memory_seconds,
        given.streaming_buffer_seconds,
    )


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Everything is closed; leaving at once skips the leak report of DuckDB's binding.
    os._exit(status)

"""EDGE: how far it is, once a second, as a line that a person and Cloud Logging both read."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime

import orjson

from ingestor.pump import Tally

_SECONDS = 1.0


@contextmanager
def shown(tally: Callable[[], Tally]) -> Iterator[None]:
    """Write the tally to standard error every second while inside, and once at the end."""
    done = threading.Event()

    def show() -> None:
        while not done.wait(_SECONDS):
            _write(tally())

    thread = threading.Thread(target=show, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        _write(tally())


def _write(tally: Tally) -> None:
    done = asdict(tally)
    done["file"] = done.pop("place")
    line = {
        "severity": "INFO",
        "message": f"progress: {tally.read:,} lines read, {tally.published:,} tweets published, "
        f"{tally.rejected:,} rejected",
        "time": datetime.now(UTC).isoformat(),
        "logger": __name__,
        "serviceContext": {"service": "ingestor"},
        **done,
    }
    sys.stderr.write(orjson.dumps(line).decode() + "\n")
    sys.stderr.flush()

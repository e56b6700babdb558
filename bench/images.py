"""How large the images are, and how much processor time their processes take until they serve.

Builds the images, for which it needs root, buildah and debootstrap.

Example: python bench/images.py --rounds 5
"""

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from containers import SERVICES, Builder, Image, missing, run, running

_TICKS = os.sysconf("SC_CLK_TCK")
_NOWHERE = "127.0.0.1:1"
_ENVIRONMENT = {"TWEETLOG_PROJECT": "p", "PUBSUB_EMULATOR_HOST": _NOWHERE, "PORT": "0"}


def main() -> int:
    """Print a line for each image."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="starts of each (default: 3)")
    rounds = parser.parse_args().rounds
    if reason := missing():
        print(f"cannot build images here: {reason}", file=sys.stderr)
        return 2
    cache = Path.home() / ".cache" / "tweetlog"
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        builder = Builder(Path(folder), cache)
        try:
            print("image      installed MB  CPU seconds to serve  what was started")
            for service in SERVICES:
                image = builder.build(service)
                what, start = _start(service, image, Path(folder))
                used = statistics.median(start() for _ in range(rounds))
                print(f"{service:10} {_megabytes(image):12.0f}  {used:20.2f}  {what}")
        finally:
            builder.clear()
    return 0


def _start(service: str, image: Image, folder: Path) -> tuple[str, Callable[[], float]]:
    """Return what is started, and what starts it once and says how much it took."""
    if service in ("enricher", "loader"):
        return "push, until it is ready", lambda: _until_ready(service, image, folder)
    if service == "ingestor":
        return "file - of an empty input, to its end", lambda: _to_its_end(image, "file", "-")
    return "verify --help", lambda: _to_its_end(image, "verify", "--help")


def _until_ready(service: str, image: Image, folder: Path) -> float:
    more = {"TWEETLOG_BIGQUERY_WRITE_ENDPOINT": _NOWHERE} if service == "loader" else {}
    with running(image, "push", log=folder / "log", environment=_ENVIRONMENT | more) as container:
        container.await_log('"message":"ready"')
        return sum(_seconds(pid) for pid in _tree(container.pid()))


def _to_its_end(image: Image, *arguments: str) -> float:
    environment = {} if arguments[0] == "verify" else _ENVIRONMENT
    done = run(image, *arguments, environment=environment)
    if done.code:
        raise SystemExit(done.err)
    return done.cpu_seconds


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text().split():
            yield from _tree(int(child))


def _seconds(pid: int) -> float:
    """Return the processor time of a process so far, in user and system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _megabytes(image: Image) -> float:
    """Return what is installed beside the base."""
    files = (one for one in (image.root / "venv").rglob("*") if not one.is_symlink())
    return sum(one.stat().st_size for one in files if one.is_file()) / 1e6


if __name__ == "__main__":
    sys.exit(main())

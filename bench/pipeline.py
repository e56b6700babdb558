"""End to end: tweets a second from a file to rows of the table, local cloud included.

Each run is `tweetlog run` in a new folder; its own last line of progress is what counts: from
the moment the ingestor is started until nothing waits any more, its start-up included.
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

_LAST = re.compile(r"loaded ([\d,]+)  rejected [\d,]+  ([\d,]+)/s")


def measured(delivery: str, tweets: int, files: Sequence[str]) -> int:
    """Return the tweets a second of one run.

    Raises:
        SystemExit: if the run was not clean, with what it said.
    """
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "tweetlog_ops", "run"),
                *("--data-dir", str(Path(folder) / "data")),
                *("--delivery", delivery, "--tweets", str(tweets), *files),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    found = _LAST.findall(done.stderr)
    if done.returncode or not found:
        sys.exit(done.stderr + done.stdout)
    return int(found[-1][1].replace(",", ""))


def main() -> None:
    """Print a line for each way of delivery: median, least and most of the runs."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="example: python bench/pipeline.py --tweets 20000 --runs 3"
    )
    parser.add_argument("--tweets", type=int, default=10_000, help="made-up tweets a run")
    parser.add_argument("--runs", type=int, default=3, help="runs for each way of delivery")
    parser.add_argument(
        "--delivery", choices=("push", "pull"), action="append", help="only this (default: both)"
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="play these instead")
    asked = parser.parse_args()
    ways = asked.delivery or ["push", "pull"]
    # In turn, so that a slow minute of the machine falls on both.
    rates: dict[str, list[int]] = {way: [] for way in ways}
    for _ in range(asked.runs):
        for way in ways:
            rates[way].append(measured(way, asked.tweets, asked.files))
    for way, runs in rates.items():
        median, spread = statistics.median(runs), f"{min(runs):,} to {max(runs):,}"
        print(f"{way}: median {median:,.0f} tweets/s ({spread})")


if __name__ == "__main__":
    main()

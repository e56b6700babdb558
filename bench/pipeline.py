"""End to end: tweets a second from a file to rows of the table, local cloud included.

Each run is `tweetlog run` in a new folder; its own last line of progress is what counts: from
the moment the ingestor is started until nothing waits any more, its start-up included. Beside it
stands the processor time that each process took for a tweet (Linux), which other work on the
machine changes less than the rate; of two cores, 3,000 tweets/s have 0.67 ms for each tweet.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_COUNTS = re.compile(r"read ([\d,]+) .* loaded ([\d,]+)  rejected [\d,]+  ([\d,]+)/s")
_LOOK_SECONDS = 0.05
_SUPERVISOR = "tweetlog run"


@dataclass(frozen=True, slots=True)
class Run:
    """What one run took.

    Attributes:
        rate: tweets a second.
        cpu: milliseconds of processor time a tweet, by process.
    """

    rate: int
    cpu: Mapping[str, float]


class Meter:
    """Reads the processor time of a run's processes again and again, while they live."""

    def __init__(self, folder: Path, supervisor: int) -> None:
        self._folder = folder
        self._supervisor = supervisor
        self._seen: dict[int, tuple[str, float]] = {}
        self._start: Counter[str] | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def spent(self) -> Counter[str]:
        """Return the seconds that each process spent since the ingestor was started."""
        self._look()
        now = self._sums()
        now.subtract(self._start or {})
        return now

    def end(self) -> None:
        """Stop looking."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            self._look()

    def _look(self) -> None:
        try:
            named = json.loads((self._folder / "run.json").read_text())["processes"]
        except (FileNotFoundError, ValueError):
            return
        for name, process in {**named, _SUPERVISOR: self._supervisor}.items():
            for one in _family(process) if name != _SUPERVISOR else [process]:
                self._seen[one] = name, _cpu_seconds(one) or self._seen.get(one, (name, 0.0))[1]
        if "ingestor" in named and self._start is None:
            self._start = self._sums()
            self._start["ingestor"] = 0

    def _sums(self) -> Counter[str]:
        sums: Counter[str] = Counter()
        for name, seconds in list(self._seen.values()):
            sums[name] += seconds  # type: ignore[assignment] # a Counter of seconds
        return sums


def _family(process: int) -> list[int]:
    """Return a process and its children."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        children = []
    return [process, *map(int, children)]


def _cpu_seconds(process: int) -> float:
    """Return the processor time of a process, 0 once it is gone; utime and stime of proc(5)."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measured(delivery: str, files: Sequence[str]) -> Run:
    """Return what one run took.

    Raises:
        SystemExit: if the run was not clean, with what it said.
    """
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        command = [sys.executable, "-m", "tweetlog_ops", "run", "--data-dir", str(data)]
        with subprocess.Popen(
            [*command, "--delivery", delivery, *files],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            meter = Meter(data, process.pid)
            said, tweets, rate, spent = "", 0, 0, Counter[str]()
            for line in process.stderr or ():
                said += line
                if found := _COUNTS.search(line):
                    spent = meter.spent()  # the last line of counts comes when nothing waits
                    tweets, _, rate = (int(one.replace(",", "")) for one in found.groups())
            meter.end()
    if process.returncode or not tweets:
        sys.exit(said)
    return Run(rate, {name: 1000 * seconds / tweets for name, seconds in spent.items()})


def made_up(folder: str, tweets: int, seed: int) -> str:
    """Return a file of made-up tweets; making it up is no part of what is measured."""
    file = Path(folder) / "tweets.ndjson"
    command = [sys.executable, "-m", "tweetlog_local.tweets", "--out", str(file)]
    subprocess.run(
        [*command, "--tweets", str(tweets), "--seed", str(seed)], capture_output=True, check=True
    )
    return str(file)


def show(way: str, runs: Sequence[Run]) -> None:
    """Print the median, least and most of the rates, and the processor time by process."""
    rates = [run.rate for run in runs]
    spread = f"{min(rates):,} to {max(rates):,}"
    print(f"{way}: median {statistics.median(rates):,.0f} tweets/s ({spread})")
    medians = {
        name: statistics.median(run.cpu.get(name, 0) for run in runs) for name in runs[0].cpu
    }
    for name, milliseconds in medians.items():
        print(f"  {name:14} {milliseconds:6.3f} ms of processor time a tweet")
    print(f"  {'together':14} {sum(medians.values()):6.3f} ms")


def main() -> None:
    """Print figures for each way of delivery."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="example: python bench/pipeline.py --tweets 20000 --runs 3"
    )
    parser.add_argument("--tweets", type=int, default=10_000, help="made-up tweets a run")
    parser.add_argument("--seed", type=int, default=7, help="of the made-up tweets")
    parser.add_argument("--runs", type=int, default=3, help="runs for each way of delivery")
    parser.add_argument(
        "--delivery", choices=("push", "pull"), action="append", help="only this (default: both)"
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="play these instead")
    asked = parser.parse_args()
    ways = asked.delivery or ["push", "pull"]
    runs: dict[str, list[Run]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as folder:
        files = asked.files or [made_up(folder, asked.tweets, asked.seed)]
        for _ in range(asked.runs):
            # In turn, so that a slow minute of the machine falls on both.
            for way in ways:
                runs[way].append(measured(way, files))
    for way, taken in runs.items():
        show(way, taken)


if __name__ == "__main__":
    main()

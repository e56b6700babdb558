"""How fast tweets are made up, read from files, and published into the embedded Pub/Sub.

Example: python bench/ingest.py --tweets 20000 --rounds 3
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from google.cloud import pubsub_v1

from ingestor.files import FileSource
from ingestor.pump import batches
from tweetlog_local.pubsub import running
from tweetlog_local.tweets import expected, lines

PAGE = 100


def pages(payloads: list[bytes]) -> bytes:
    """Return the tweets as an archive holds them: pages of 100 with their includes."""
    written = []
    for first in range(0, len(payloads), PAGE):
        some = [json.loads(payload) for payload in payloads[first : first + PAGE]]
        includes: dict[str, list[Any]] = {}
        for one in some:
            for kind, included in one["includes"].items():
                includes.setdefault(kind, []).extend(included)
        page = {"data": [one["data"] for one in some], "includes": includes}
        written.append(json.dumps(page).encode())
    return b"\n".join(written)


def flattened(payloads: list[bytes]) -> bytes:
    """Return the tweets with their authors inlined, a tweet a line."""
    written = []
    for payload in payloads:
        one = json.loads(payload)
        written.append(json.dumps({**one["data"], "author": one["includes"]["users"][0]}).encode())
    return b"\n".join(written)


def cpu_rate(count: int, work: Callable[[], object]) -> float:
    """Return how many a second of one core `work` does, doing `count`."""
    start = time.process_time()
    work()
    return count / (time.process_time() - start)


def read(file: Path) -> int:
    """Read a file into batches of events and return how many events."""
    steps = FileSource([str(file)]).steps()
    return sum(len(batch.raw) + len(batch.dead) for batch in batches(steps))


def bench_reading(folder: Path, count: int) -> dict[str, float]:
    """Tweets a second of one core, made up and read as each kind of file."""
    made = list(lines(count))
    tweets = [line for line in made if line.startswith(b'{"data":{"id":"') and b"\\ud" not in line]
    whole = [line for line in tweets if is_whole(line)]
    files = {
        "read as plain payloads": b"".join(whole),
        "read as pages of 100": pages(whole),
        "read as flattened tweets": flattened(whole),
    }
    rates = {"made up": cpu_rate(len(made), lambda: list(lines(count)))}
    for name, data in files.items():
        file = folder / "tweets.jsonl"
        file.write_bytes(data)
        rates[name] = cpu_rate(len(whole), lambda file=file: read(file))  # type: ignore[misc]
    return rates


def is_whole(line: bytes) -> bool:
    """Whether the line is a tweet, which some made-up ones are not on purpose."""
    try:
        document = json.loads(line)
    except ValueError:
        return False
    data = document["data"]
    return isinstance(data.get("id"), str) and isinstance(data.get("text"), str)


def bench_command(folder: Path, count: int) -> dict[str, float]:
    """Events a second of `python -m ingestor file` into an embedded Pub/Sub beside it."""
    file = folder / "tweets.jsonl"
    file.write_bytes(b"".join(lines(count)))
    with tempfile.TemporaryDirectory() as data_dir, running(Path(data_dir) / "pubsub") as broker:
        environment = os.environ | {
            "PUBSUB_EMULATOR_HOST": broker.address,
            "TWEETLOG_PROJECT": "bench",
        }
        create_topics(broker.address)
        done = subprocess.run(
            [sys.executable, "-m", "ingestor", "file", str(file)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
        )
    summary = json.loads(done.stdout)
    return {"published by the command": expected(count).lines / summary["seconds"]}


def create_topics(address: str) -> None:
    """Create the topics that the ingestor publishes to."""
    os.environ["PUBSUB_EMULATOR_HOST"] = address
    publisher = pubsub_v1.PublisherClient()
    for name in ("tweets-raw", "tweets-dead"):
        publisher.create_topic(name=f"projects/bench/topics/{name}")
    publisher.stop()


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tweets", type=int, default=10_000, help="per round (10000)")
    parser.add_argument("--rounds", type=int, default=3, help="the median counts (3)")
    options = parser.parse_args()
    found: dict[str, list[float]] = {}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            rates = bench_reading(Path(folder), options.tweets)
            rates |= bench_command(Path(folder), options.tweets)
        for name, rate in rates.items():
            found.setdefault(name, []).append(rate)
    print(f"tweets/s, median of {options.rounds} rounds of {options.tweets:,} tweets")
    for name, some in found.items():
        print(
            f"  {name:28} {statistics.median(some):>9,.0f}   ({min(some):,.0f} to {max(some):,.0f})"
        )


if __name__ == "__main__":
    main()

"""How fast the enricher is, and how right its entities are: the pure step, pull and push.

Rates are medians of a few rounds. Where the machine has two cores, the enricher gets one for
itself and everything around it (Pub/Sub, the clients) the other. The processor time of a tweet
is the steadier figure on a busy machine.
"""

import argparse
import collections
import contextlib
import cProfile
import http.client
import importlib
import json
import os
import pstats
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient

from enricher.enrich import enrich_all
from enricher.enrichments.cashtags import cashtags
from enricher.enrichments.hashtags import hashtags
from enricher.enrichments.mentions import mentions
from enricher.post import Post, objects, read
from enricher.warm import warm_up
from ingestor.files import FileSource
from ingestor.pump import batches
from tweetlog.delivery import encode
from tweetlog.envelope import Envelope
from tweetlog.publisher import PubsubTopic, publisher_client
from tweetlog_local import tweets
from tweetlog_local.pubsub import Running, running

EXAMPLE = """\
examples:
  python bench/enrich.py                            the pure step on made-up tweets
  python bench/enrich.py --tweets archive/*.jsonl   on real ones; hashtags against X's own
  python bench/enrich.py --pull --push              through the embedded Pub/Sub
  python bench/enrich.py --profile                  where the time of the pure step goes
  python bench/enrich.py --conformance extract.yml  twitter-text's conformance suite
"""
PROJECT = "bench"
RAW = f"projects/{PROJECT}/topics/tweets-raw"
ENRICHED = f"projects/{PROJECT}/topics/tweets-enriched"
DEAD = f"projects/{PROJECT}/topics/tweets-dead"
SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/tweets-raw-enricher"
BATCH = 500
AT_ONCE = 40
PATIENCE_SECONDS = 120.0

Round = Callable[[], tuple[float, float | None]]


def raw_events(files: Sequence[str]) -> list[Envelope]:
    """Return the raw events that the ingestor makes of files."""
    return list(chain.from_iterable(batch.raw for batch in batches(FileSource(files).steps())))


def made_up(count: int) -> list[Envelope]:
    """Return the raw events of made-up tweets."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tweets.jsonl"
        file.write_bytes(b"".join(tweets.lines(count)))
        return raw_events([str(file)])


def in_batches(raws: Sequence[Envelope], size: int) -> None:
    """Enrich all, `size` at a time."""
    for first in range(0, len(raws), size):
        enrich_all(raws[first : first + size])


def processor_seconds(work: Callable[[], object]) -> float:
    """Return the processor time of one run."""
    start = time.process_time()
    work()
    return time.process_time() - start


def pure(raws: Sequence[Envelope], rounds: int) -> None:
    """Print the rate of the pure step: raw bytes in, enriched bytes out."""
    size = sum(len(raw.data) for raw in raws) / len(raws)
    print(f"pure step, {len(raws):,} tweets of {size:,.0f} bytes, one core")
    for batch in (BATCH, 1):
        seconds = [processor_seconds(lambda: in_batches(raws, batch)) for _ in range(rounds)]  # noqa: B023 - called at once
        shown(f"in batches of {batch}" if batch > 1 else "one by one", seconds, len(raws))


def shown(what: str, seconds: Sequence[float], count: int) -> None:
    """Print a rate and what one tweet takes, the median with the range."""
    rates = [count / one for one in seconds]
    middle = statistics.median(rates)
    print(
        f"  {what:36}{middle:9,.0f} tweets/s  ({min(rates):,.0f} to {max(rates):,.0f})"
        f"{1e6 / middle:9.1f} us each"
    )


def profiled(raws: Sequence[Envelope]) -> None:
    """Print where the time of the pure step goes."""
    profile = cProfile.Profile()
    profile.runcall(in_batches, raws, BATCH)
    pstats.Stats(profile).sort_stats("tottime").print_stats(25)


def against_x(raws: Sequence[Envelope]) -> None:
    """Print how often hashtags read from the text are X's own, where X's are whole."""
    counts: collections.Counter[str] = collections.Counter()
    for post in (read(raw.json()) for raw in raws):
        entities = post.content.get("entities")
        if not isinstance(entities, dict) or post.partial:
            counts["without X's entities, or cut"] += 1
            continue
        theirs = [(one["tag"], one["start"], one["end"]) for one in objects(entities, "hashtags")]
        bare = {name: value for name, value in post.content.items() if name != "entities"}
        taken, found = tags(post), tags(replace(post, content=bare))
        counts[f"taken from X: {'equal' if taken == theirs else 'different'}"] += 1
        counts[f"read from the text: {'equal' if found == theirs else 'different'}"] += 1
    print("hashtags against X's own, posts")
    for name, count in sorted(counts.items()):
        print(f"  {name:36}{count:9,}")


def tags(post: Post) -> list[tuple[str, int, int]]:
    """Return a post's hashtags with their places."""
    found: Any = hashtags(post)["hashtags"]
    return [(one["tag"], one["start"], one["end"]) for one in found]


def conformance(file: Path) -> None:
    """Print how many cases of twitter-text's suite are met."""
    suites = importlib.import_module("yaml").safe_load(file.read_text("utf-8"))["tests"]
    print("twitter-text conformance, cases met")
    for name, one, key, entity in (
        ("hashtags", hashtags, "tag", "hashtag"),
        ("hashtags_from_astral", hashtags, "tag", "hashtag"),
        ("hashtags_with_indices", hashtags, "tag", "hashtag"),
        ("mentions", mentions, "username", "screen_name"),
        ("mentions_with_indices", mentions, "username", "screen_name"),
        ("cashtags", cashtags, "tag", "cashtag"),
        ("cashtags_with_indices", cashtags, "tag", "cashtag"),
    ):
        met = 0
        for case in suites[name]:
            post = read({"data": {"id": "1", "text": case["text"]}})
            (found,) = one(post).values()
            met += case["expected"] == expected_form(found, key, entity, indices="_with_" in name)
        print(f"  {name:36}{met:4} of {len(suites[name])}")


def expected_form(found: Any, key: str, entity: str, *, indices: bool) -> list[Any]:
    """Return what was found in the form of the suite."""
    if not indices:
        return [one[key] for one in found]
    return [{entity: one[key], "indices": [one["start"], one["end"]]} for one in found]


@dataclass(frozen=True, slots=True)
class Enricher:
    """A running enricher and where it listens."""

    process: "subprocess.Popen[str]"
    port: int

    def seconds(self) -> float | None:
        """Return the processor time of it and its children so far, where the system tells."""
        if not Path("/proc/self/stat").exists():
            return None
        pids = [self.process.pid, *children(self.process.pid)]
        return sum(map(processor_time, pids))


def children(pid: int) -> list[int]:
    """Return the ids of a process's children."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(one) for one in listed.split()]


def processor_time(pid: int) -> float:
    """Return the processor time of a process in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def enricher(entrance: str, broker: Running) -> Iterator[Enricher]:
    """Run the enricher on a core of its own, if there is one."""
    environment = {
        **{name: value for name, value in os.environ.items() if "TWEETLOG" not in name},
        "PUBSUB_EMULATOR_HOST": broker.address,
        "TWEETLOG_PROJECT": PROJECT,
        "TWEETLOG_LOG_LEVEL": "INFO",
        "HOST": "127.0.0.1",
        "PORT": "0",
    }
    with on_core(0):
        process = subprocess.Popen(
            [sys.executable, "-m", "enricher", entrance],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
    try:
        yield Enricher(process, ready(process))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def ready(process: "subprocess.Popen[str]") -> int:
    """Return the port when the enricher is ready, 0 if it listens to none."""
    port = 0
    assert process.stderr is not None  # noqa: S101 - it is a pipe
    for line in process.stderr:
        message = json.loads(line)["message"]
        if message.startswith("listening on"):
            port = int(message.rpartition(":")[2])
        if message == "ready":
            return port
    raise SystemExit("the enricher did not start")


@contextlib.contextmanager
def on_core(number: int) -> Iterator[None]:
    """Start processes on one core while inside; this one is on the others afterwards."""
    if not hasattr(os, "sched_setaffinity") or (os.cpu_count() or 1) <= 1:
        yield
        return
    everything = set(range(os.cpu_count() or 1))
    os.sched_setaffinity(0, {number})
    try:
        yield
    finally:
        os.sched_setaffinity(0, everything - {number})


@contextlib.contextmanager
def pubsub() -> Iterator[Running]:
    """Run the embedded Pub/Sub with the topics and the subscription."""
    with on_core(0):
        pass
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as broker:
        os.environ["PUBSUB_EMULATOR_HOST"] = broker.address
        with PublisherClient() as publisher, SubscriberClient() as subscriber:
            for topic in (RAW, ENRICHED, DEAD):
                publisher.create_topic(name=topic)
            subscriber.create_subscription(
                request={"name": SUBSCRIPTION, "topic": RAW, "ack_deadline_seconds": 60}
            )
        yield broker


def published(broker: Running) -> int:
    """Return how many events are enriched so far."""
    with urllib.request.urlopen(f"{broker.control_url}/stats") as answer:  # noqa: S310 - our own
        return int(json.load(answer)["topics"][ENRICHED]["published"])


def pull_round(raws: Sequence[Envelope]) -> tuple[float, float | None]:
    """Return wall and processor seconds of pulling, enriching and publishing all."""
    with pubsub() as broker:
        topic = PubsubTopic(publisher_client(), RAW)
        for first in range(0, len(raws), BATCH):
            topic.publish(*raws[first : first + BATCH])
        with enricher("pull", broker) as running_enricher:
            used = running_enricher.seconds()
            start = time.perf_counter()
            deadline = start + PATIENCE_SECONDS
            while published(broker) < len(raws) and time.perf_counter() < deadline:
                time.sleep(0.02)
            wall = time.perf_counter() - start
            return wall, spent(running_enricher, used)


def push_round(raws: Sequence[Envelope]) -> tuple[float, float | None]:
    """Return wall and processor seconds of pushing all, 40 requests at once."""
    with pubsub() as broker, enricher("push", broker) as running_enricher:
        shares = [raws[n::AT_ONCE] for n in range(AT_ONCE)]
        used = running_enricher.seconds()
        start = time.perf_counter()
        with ThreadPoolExecutor(AT_ONCE) as clients:
            answered = sum(clients.map(lambda some: pushed(running_enricher.port, some), shares))
        wall = time.perf_counter() - start
        if answered != len(raws) or published(broker) != len(raws):
            raise SystemExit(f"{answered:,} of {len(raws):,} were answered 204")
        return wall, spent(running_enricher, used)


def pushed(port: int, raws: Sequence[Envelope]) -> int:
    """Push events over one connection; return how many were answered 204."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    answered = 0
    for raw in raws:
        data, attributes = encode(raw)
        connection.request("POST", "/", data, attributes)
        answer = connection.getresponse()
        answer.read()
        answered += answer.status == 204  # noqa: PLR2004 - taken
    connection.close()
    return answered


def spent(running_enricher: Enricher, before: float | None) -> float | None:
    """Return the processor time since `before`."""
    now = running_enricher.seconds()
    return None if now is None or before is None else now - before


def through(
    name: str, one_round: Callable[[], tuple[float, float | None]], count: int, rounds: int
) -> None:
    """Print the rates of an entrance."""
    print(f"{name}, {count:,} tweets, through the embedded Pub/Sub, clients included")
    found = [one_round() for _ in range(rounds)]
    shown("by the clock", [wall for wall, _ in found], count)
    used = [seconds for _, seconds in found if seconds]
    if used:
        shown("of the enricher's processor time", used, count)


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--tweets",
        nargs="+",
        metavar="FILE",
        help="real tweets, any kind the ingestor reads (made-up ones)",
    )
    parser.add_argument("--count", type=int, default=10_000, help="made-up tweets (10000)")
    parser.add_argument("--rounds", type=int, default=3, help="the median counts (3)")
    parser.add_argument("--pull", action="store_true", help="measure the pull entrance")
    parser.add_argument("--push", action="store_true", help="measure the push entrance")
    parser.add_argument("--profile", action="store_true", help="profile the pure step")
    parser.add_argument(
        "--conformance", type=Path, metavar="FILE", help="twitter-text's extract.yml"
    )
    options = parser.parse_args()
    warm_up()
    if options.conformance:
        conformance(options.conformance)
        return
    raws = raw_events(options.tweets) if options.tweets else made_up(options.count)
    pure(raws, options.rounds)
    if options.tweets:
        against_x(raws)
    if options.profile:
        profiled(raws)
    if options.pull:
        through("pull", lambda: pull_round(raws), len(raws), options.rounds)
    if options.push:
        through("push", lambda: push_round(raws), len(raws), options.rounds)


if __name__ == "__main__":
    main()

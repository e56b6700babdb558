"""What reading X's stream costs: from a socket with TLS and gzip to published events.

`python -m ingestor x`, unmodified, reads from a local X API that gives as many tweets as are read,
and publishes with the real Pub/Sub client into the embedded Pub/Sub. Its processor time is what
counts, since the servers share the machine with it; two runs of different length take its start
out of the account.

Examples:
    python bench/x.py --tweets 40000 --rounds 3
    python bench/x.py --outage 120 --rate 250     a Pub/Sub that answers nothing for two minutes
"""

import argparse
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.cloud import pubsub_v1

from tweetlog_local import pubsub, x_api

RULE = "(the OR de OR la OR el OR und OR der OR in) -is:retweet -is:quote"
_QUEUE = "TWEETLOG_X_QUEUE_BYTES"
_SETTLE_SECONDS = 5.0
# Tweets after which it is known how many of them match.
_ENOUGH = 1_000


@dataclass(frozen=True)
class Run:
    """How a run of the ingestor ended: what it says, and what it took."""

    summary: dict[str, Any]
    cpu: float
    wall: float
    peak_bytes: int


@contextmanager
def environment(folder: Path, *arguments: str) -> Iterator[tuple[dict[str, str], Any, Any]]:
    """Start a local X API and a broker; yield what the ingestor needs to know, and both."""
    (folder / "rules.yaml").write_text(f"rules:\n- {{tag: bench, value: '{RULE}'}}\n")
    with (
        pubsub.running(folder / "pubsub") as broker,
        x_api.running("--tls", "--rule-delay", "0", "--ghost", "0", *arguments) as api,
    ):
        os.environ["PUBSUB_EMULATOR_HOST"] = broker.address
        publisher = pubsub_v1.PublisherClient()
        for name in ("tweets-raw", "tweets-dead"):
            publisher.create_topic(name=f"projects/bench/topics/{name}")
        publisher.stop()
        with pubsub_v1.SubscriberClient() as subscriber:
            topic, kept = "projects/bench/topics/tweets-raw", "projects/bench/subscriptions/all"
            subscriber.create_subscription(name=kept, topic=topic)
        yield (
            {
                **{k: v for k, v in os.environ.items() if not k.startswith("TWEETLOG_")},
                "TWEETLOG_PROJECT": "bench",
                "TWEETLOG_X_API_URL": api.url,
                "TWEETLOG_X_CA_FILE": str(api.ca_file),
                "TWEETLOG_X_BEARER_TOKEN": api.token,
                "TWEETLOG_X_RULES_FILE": str(folder / "rules.yaml"),
                "TWEETLOG_STATE_DIR": str(folder / "state"),
                # Room for a round: what is read again from disk would count twice.
                _QUEUE: "500000000",
            },
            api,
            broker,
        )


def ingested(env: dict[str, str], tweets: int) -> Run:
    """Read so many tweets and return what that took."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "ingestor", "x", "--tweets", str(tweets)],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = process.communicate()
    if process.returncode:
        sys.exit(err.decode())
    return Run(json.loads(out), 0.0, time.monotonic() - began, 0)


def measured(env: dict[str, str], tweets: int) -> Run:
    """Return a run with the processor time of the child alone."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = ingested(env, tweets)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(run.summary, cpu, run.wall, after.ru_maxrss * 1024)


def throughput(tweets: int, rounds: int) -> None:
    """Print the tweets a second of one core, and what one tweet takes."""
    rates, walls = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            fast = ("--rate", "0", "--prepared", "5000", "--begin", "connect")
            with environment(Path(folder), *fast) as (env, _api, _broker):
                short, long = measured(env, tweets // 10), measured(env, tweets)
        more = long.summary["read"] - short.summary["read"]
        rates.append(more / (long.cpu - short.cpu))
        walls.append(more / (long.wall - short.wall))
        peak = long.peak_bytes
    low, high = min(rates), max(rates)
    middle = statistics.median(rates)
    print(f"socket (TLS, gzip) to published event, {tweets:,} tweets, {rounds} rounds")
    print(f"  tweets/s of one core   {middle:>9,.0f}   ({low:,.0f} to {high:,.0f})")
    print(f"  processor µs a tweet   {1e6 / middle:>9,.0f}")
    by_the_clock = statistics.median(walls)
    print(f"  tweets/s by the clock  {by_the_clock:>9,.0f}   (the servers share the cores)")
    print(f"  memory at its peak     {peak / 1e6:>9,.0f} MB")


def outage(seconds: int, rate: int) -> None:
    """Print what a broker that answers nothing for some time does to memory, disk and tweets."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = ("--rate", str(rate), "--prepared", "5000", "--begin", "connect")
        with environment(Path(folder), *arguments) as (env, api, broker):
            usual = {name: value for name, value in env.items() if name != _QUEUE}
            process = subprocess.Popen([sys.executable, "-m", "ingestor", "x"], env=usual)
            spill = Path(folder, "state/spill")
            _until(lambda: _stats(api)["existed"] > _ENOUGH)
            # Only some of the tweets that happen match the rule.
            share = _stats(api)["matched"] / _stats(api)["existed"]
            _asked(api, "pace", {"rate": rate / share})
            time.sleep(_SETTLE_SECONDS)
            before, since = _resident(process.pid), _stats(api)
            os.kill(broker.pid, signal.SIGSTOP)
            peaks = [_sampled(process.pid, seconds / 10) for _ in range(10)]
            until = _stats(api)
            spilled = sum(file.stat().st_size for file in spill.iterdir())
            os.kill(broker.pid, signal.SIGCONT)
            _asked(api, "pace", {"rate": 1, "tweets": 0})
            began = time.monotonic()
            _until(lambda: not list(spill.iterdir()))
            caught_up = time.monotonic() - began
            time.sleep(_SETTLE_SECONDS)
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            connects = len(_asked(api, "log?path=/2/tweets/search/stream"))
            matched = set(_asked(api, "ids?matched=true"))
            published = _published(broker.address)
        print(f"a Pub/Sub that answers nothing for {seconds} s")
        given = (until["deliveries"] - since["deliveries"]) / (until["now"] - since["now"])
        print(f"  tweets/s of the stream {given:>8,.0f}   (over {connects} connection)")
        print(f"  matched               {len(matched):>9,}")
        print(
            f"  published, by id      {len(published):>9,}   ({len(matched - published)} missing)"
        )
        print(f"  waited on disk        {spilled / 1e6:>9.1f} MB, published in {caught_up:.0f} s")
        print(f"  memory before         {before / 1e6:>9.1f} MB")
        print(f"  memory, each tenth    {' '.join(f'{peak / 1e6:.0f}' for peak in peaks)} MB")


def _until(true: Any) -> None:
    while not true():
        time.sleep(0.2)


def _stats(api: Any) -> Any:
    return _asked(api, "stats")


def _asked(api: Any, what: str, body: Any = None) -> Any:
    request = urllib.request.Request(  # noqa: S310 - our own server
        f"{api.control_url}/_lab/{what}", data=json.dumps(body).encode() if body else None
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - as above
        return json.load(answer)


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _sampled(pid: int, seconds: float) -> int:
    time.sleep(seconds)
    return _resident(pid)


def _published(address: str) -> set[str]:
    """Return the ids of the tweets that the broker has."""
    os.environ["PUBSUB_EMULATOR_HOST"] = address
    found: set[str] = set()
    with pubsub_v1.SubscriberClient() as subscriber:
        name = "projects/bench/subscriptions/all"
        while True:
            response = subscriber.pull(subscription=name, max_messages=1_000, timeout=10)
            if not response.received_messages:
                return found
            ids = [one.ack_id for one in response.received_messages]
            subscriber.acknowledge(subscription=name, ack_ids=ids)
            found |= {
                one.message.attributes["ce-id"]
                for one in response.received_messages
                if one.message.attributes["ce-type"].startswith("tweetlog.tweet")
            }


def main() -> None:
    """Measure one or the other."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tweets", type=int, default=20_000, help="per round (20000)")
    parser.add_argument("--rounds", type=int, default=3, help="the median counts (3)")
    parser.add_argument("--outage", type=int, metavar="SECONDS", help="measure an outage instead")
    parser.add_argument("--rate", type=int, default=250, help="of the outage, tweets/s (250)")
    options = parser.parse_args()
    if options.outage:
        outage(options.outage, options.rate)
    else:
        throughput(options.tweets, options.rounds)


if __name__ == "__main__":
    main()

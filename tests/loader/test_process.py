"""The loader as it is run: its two entrances as processes, between real servers on loopback."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import grpc
import pytest
from google.api_core.exceptions import DeadlineExceeded
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient

from builders import a_raw_tweet, a_tombstone
from enriched import an_enriched_tweet
from fake_bigquery import FakeBigQuery, ended
from tweetlog.delivery import encode
from tweetlog.publisher import PubsubTopic
from tweetlog_local import pubsub

pytestmark = pytest.mark.servers

PROJECT = "projects/p"
SUBSCRIPTION = f"{PROJECT}/subscriptions/tweets-enriched-loader"
DEAD = f"{PROJECT}/subscriptions/dead"


def eventually(true: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.02)


class Loader:
    """A loader that runs; its port, and the lines it has logged."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.lines: list[str] = []
        self.port = 0
        assert process.stderr is not None
        for line in process.stderr:
            self.lines.append(line)
            message = json.loads(line)["message"]
            if " on 127.0.0.1:" in message:
                self.port = int(message.rsplit(":", 1)[1])
            if message == "ready":
                break
        self._rest = threading.Thread(target=lambda: self.lines.extend(process.stderr or ()))
        self._rest.start()

    def get(self, path: str) -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(20)
        self._rest.join()
        return code


@contextmanager
def a_loader(entrance: str, bigquery: FakeBigQuery, environ: Mapping[str, str]) -> Iterator[Loader]:
    process = subprocess.Popen(
        [sys.executable, "-m", "loader", entrance],
        env={
            **os.environ,
            "TWEETLOG_PROJECT": "p",
            "TWEETLOG_BIGQUERY_WRITE_ENDPOINT": bigquery.endpoint,
            "HOST": "127.0.0.1",
            "PORT": "0",
            **environ,
        },
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Loader(process)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PubsubTopic]:
    """The topic of enriched events on an embedded Pub/Sub, with the loader's subscription."""
    with pubsub.running(tmp_path / "pubsub") as server:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.address)
        publisher, subscriber = PublisherClient(), SubscriberClient()
        for topic, subscription in (("tweets-enriched", SUBSCRIPTION), ("tweets-dead", DEAD)):
            publisher.create_topic(name=f"{PROJECT}/topics/{topic}")
            subscriber.create_subscription(
                name=subscription, topic=f"{PROJECT}/topics/{topic}", ack_deadline_seconds=60
            )
        subscriber.close()
        yield PubsubTopic(publisher, f"{PROJECT}/topics/tweets-enriched")
        publisher.stop()


def pulled(subscription: str) -> int:
    """Return how many messages a pull from the subscription gives at once."""
    with SubscriberClient() as subscriber:
        try:
            response = subscriber.pull(
                subscription=subscription, max_messages=1000, timeout=1, retry=None
            )
        except DeadlineExceeded:
            return 0
        return len(response.received_messages)


def push(port: int, count: int, threads: int = 16) -> list[int]:
    """Push `count` tweets to the loader at once; return the answers."""

    def some(first: int) -> list[int]:
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        answers = []
        for n in range(first, count, threads):
            data, attributes = encode(an_enriched_tweet(str(10**18 + n)))
            connection.request("POST", "/", data, attributes)
            response = connection.getresponse()
            response.read()
            answers.append(response.status)
        return answers

    with ThreadPoolExecutor(threads) as pool:
        return [answer for answers in pool.map(some, range(threads)) for answer in answers]


# --- push


def test_pushed_tweets_are_loaded_and_those_in_flight_are_answered_before_it_ends(
    bigquery: FakeBigQuery,
) -> None:
    with (
        a_loader("push", bigquery, {"PUBSUB_EMULATOR_HOST": "127.0.0.1:1"}) as loader,
        ThreadPoolExecutor(1) as pool,
    ):
        answers = push(loader.port, 200)
        appends = len(bigquery.requests)
        ready = loader.get("/readyz")
        bigquery.delay = 0.5
        last = pool.submit(push, loader.port, 4, 4)
        eventually(lambda: len(bigquery.requests) > appends)
        code = loader.stop(signal.SIGINT)  # which is passed on as SIGTERM

        assert answers == [204] * 200
        assert appends < 200
        assert ready == (200, "ready\n")
        assert last.result(20) == [204] * 4
        assert code == 0
    assert len(bigquery.tables["tweets"].rows) == 200


# --- pull


def test_pulled_tweets_are_loaded_then_acked_whatever_happens_on_the_way(
    bigquery: FakeBigQuery, broker: PubsubTopic
) -> None:
    tweets = [an_enriched_tweet(str(10**18 + n)) for n in range(1_000)]
    bigquery.schema_faults += [grpc.StatusCode.UNAVAILABLE]
    bigquery.poison = lambda row: "bad" if row["tweet_id"].endswith("7") else None
    bigquery.faults += [None, ended(grpc.StatusCode.UNAVAILABLE)]
    broker.publish(*tweets, a_raw_tweet())

    with a_loader("pull", bigquery, {}) as loader:
        eventually(lambda: len(bigquery.tables["tweets"].rows) == 900)
        eventually(lambda: 'reason="unknown_type"} 1.0' in loader.get("/metrics")[1])
        broker.publish(a_tombstone(str(10**18)))
        eventually(lambda: len(bigquery.tables["tweets"].rows) == 899)
        ready = loader.get("/readyz")
        code = loader.stop()

    assert ready == (200, "ready\n")
    assert code == 0
    assert pulled(SUBSCRIPTION) == 0
    assert pulled(DEAD) == 101

"""The pull entrance: durable first, acknowledged last."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import grpc
import pytest

from builders import a_raw_tweet
from enricher.pull import receive
from enricher_command import started
from fake_pubsub import FakePubsub, serving
from tweetlog.delivery import encode
from tweetlog.envelope import Envelope
from tweetlog.errors import PublishFailed
from tweetlog.subscription import Pulled
from tweetlog.topic import InMemoryTopic

PATIENCE_SECONDS = 20.0


def a_message(ack_id: str, event: Envelope | None = None) -> Pulled:
    data, attributes = encode(event) if event else (b"?", {})
    return Pulled(data, attributes, "m", datetime(2026, 1, 1, tzinfo=UTC), ack_id)


class FailingTopic:
    """A topic whose broker never answers."""

    def publish(self, *_: Envelope) -> None:
        """Fail."""
        raise PublishFailed("no answer")


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)
    return holds()


@pytest.fixture
def pubsub() -> Iterator[FakePubsub]:
    with serving() as fake:
        yield fake


def settings(fake: FakePubsub, **more: str) -> dict[str, str]:
    return {"PUBSUB_EMULATOR_HOST": fake.address, "TWEETLOG_PROJECT": "demo", **more}


def queue(fake: FakePubsub, count: int) -> list[str]:
    tweets = [a_raw_tweet(str(1590000000000000000 + n)) for n in range(count)]
    return [fake.queue(*encode(tweet)) for tweet in tweets]


def test_every_message_of_a_batch_is_acked_once_its_result_is_durable() -> None:
    enriched, dead_letters = InMemoryTopic(), InMemoryTopic()
    batch = [a_message("1", a_raw_tweet()), a_message("2"), a_message("3", a_raw_tweet("9"))]

    acked = receive(batch, enriched=enriched, dead_letters=dead_letters, stop=threading.Event())

    assert acked == ["1", "2", "3"]
    assert [event.subject for event in enriched.events] == ["1590000000000000000", "9"]
    assert [letter.json()["reason_class"] for letter in dead_letters.events] == ["unreadable"]


@pytest.mark.parametrize("broken", ["enriched", "dead_letters"])
def test_nothing_is_acked_when_a_publish_fails_until_the_end(broken: str) -> None:
    batch = [a_message("1", a_raw_tweet()), a_message("2")]
    stop = threading.Event()
    stop.set()
    enriched = FailingTopic() if broken == "enriched" else InMemoryTopic()
    dead_letters = FailingTopic() if broken == "dead_letters" else InMemoryTopic()

    assert receive(batch, enriched=enriched, dead_letters=dead_letters, stop=stop) == []


@pytest.mark.servers
@pytest.mark.parametrize("processes", ["1", "2"])
def test_what_is_pulled_is_published_then_acked(pubsub: FakePubsub, processes: str) -> None:
    ids = queue(pubsub, 700)
    with started("pull", **settings(pubsub, TWEETLOG_PROCESSES=processes)) as enricher:
        everything = eventually(lambda: len(pubsub.acked) == len(ids))
        code = enricher.stopped(signal.SIGTERM)

    assert everything
    assert sorted(pubsub.acked) == sorted(ids)
    assert len(pubsub.events("tweets-enriched")) == len(ids)
    assert pubsub.journal.index("publish") < pubsub.journal.index("acknowledge")
    assert (code, enricher.messages().count("ready")) == (0, 1)


@pytest.mark.servers
def test_what_cannot_be_published_is_kept_and_handed_back_at_the_end(pubsub: FakePubsub) -> None:
    pubsub.failing = grpc.StatusCode.PERMISSION_DENIED
    ids = queue(pubsub, 3)
    with started("pull", **settings(pubsub)) as enricher:
        waiting = eventually(lambda: any("wait" in one for one in enricher.messages()))
        nacked_before = list(pubsub.nacked)
        code = enricher.stopped(signal.SIGINT)

    assert waiting
    assert (pubsub.acked, nacked_before, code) == ([], [], 0)
    assert sorted(pubsub.nacked) == sorted(ids)


@pytest.mark.servers
def test_what_is_kept_goes_out_when_the_broker_takes_it_again(pubsub: FakePubsub) -> None:
    pubsub.failing = grpc.StatusCode.PERMISSION_DENIED
    ids = queue(pubsub, 3)
    with started("pull", **settings(pubsub)) as enricher:
        assert eventually(lambda: any("wait" in one for one in enricher.messages()))
        pubsub.failing = None
        acked = eventually(lambda: len(pubsub.acked) == len(ids))
        enricher.stopped(signal.SIGTERM)

    assert acked
    assert pubsub.nacked == []


@pytest.mark.servers
def test_the_batch_in_hand_is_finished_before_the_end(pubsub: FakePubsub) -> None:
    ids = queue(pubsub, 5)
    pubsub.hold.clear()
    with started("pull", **settings(pubsub)) as enricher:
        assert pubsub.publishing.wait(PATIENCE_SECONDS)
        enricher.process.send_signal(signal.SIGTERM)
        pubsub.hold.set()
        code = enricher.ended()

    assert (sorted(pubsub.acked), code) == (sorted(ids), 0)


@pytest.mark.servers
def test_a_missing_subscription_ends_it_with_one_line(pubsub: FakePubsub) -> None:
    pubsub.missing = True
    with started("pull", **settings(pubsub)) as enricher:
        code = enricher.ended()

    assert code == 1
    assert enricher.messages()[-1].startswith("projects/demo/subscriptions/tweets-raw-enricher: ")
    assert "Traceback" not in str(enricher.lines)

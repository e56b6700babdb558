"""The order of things on the pull entrance: written, then acknowledged."""

import threading
from collections.abc import Sequence
from typing import Any

import grpc
import pytest
from google.api_core.exceptions import NotFound
from google.pubsub_v1.types import PubsubMessage, PullResponse, ReceivedMessage

from builders import a_raw_tweet, a_tombstone
from enriched import PUBLISHED, an_enriched_tweet
from fake_bigquery import FakeBigQuery, ended, serving
from loader import pull as entrance
from loader.settings import Settings
from loader.wiring import Loader
from loader.writer import Limits
from tweetlog.delivery import encode
from tweetlog.envelope import Envelope
from tweetlog.settings import read
from tweetlog.subscription import Pulled, pull
from tweetlog.topic import InMemoryTopic

LIMITS = Limits(deadline=5, backoff=(0.01, 0.05), setup_backoff=(30, 60))


class Subscription:
    """A subscriber client with one batch; writes down what is acknowledged and handed back."""

    def __init__(self, journal: list[str], *events: Envelope) -> None:
        self.journal = journal
        self.batch = [self._received(n, event) for n, event in enumerate(events)]
        self.stop = threading.Event()

    def _received(self, number: int, event: Envelope) -> ReceivedMessage:
        data, attributes = encode(event)
        message = PubsubMessage(data=data, attributes=attributes, publish_time=PUBLISHED)
        return ReceivedMessage(ack_id=str(number), message=message)

    def pull(self, **_: Any) -> PullResponse:
        batch, self.batch = self.batch, []
        self.stop.set()
        return PullResponse(received_messages=batch)

    def acknowledge(self, *, subscription: str, ack_ids: Sequence[str]) -> None:
        assert subscription == "s"
        self.journal.append(f"acked {len(ack_ids)}")

    def modify_ack_deadline(
        self, *, subscription: str, ack_ids: Sequence[str], ack_deadline_seconds: int
    ) -> None:
        assert subscription == "s"
        if ack_deadline_seconds == 0:
            self.journal.append(f"handed back {len(ack_ids)}")


class DeadLetters(InMemoryTopic):
    """Writes down what is published."""

    def __init__(self, journal: list[str]) -> None:
        super().__init__()
        self.journal = journal

    def publish(self, *events: Envelope) -> None:
        super().publish(*events)
        if events:
            self.journal.append(f"set aside {len(events)}")


def journal_of(fake: FakeBigQuery, *events: Envelope) -> list[str]:
    """Pull the events once and return everything that happened, in its order."""
    with serving(fake):
        environ = {"TWEETLOG_PROJECT": "p", "TWEETLOG_BIGQUERY_WRITE_ENDPOINT": fake.endpoint}
        loader = Loader(
            read(Settings, environ), dead_letters=DeadLetters(fake.journal), limits=LIMITS
        )
        subscription = Subscription(fake.journal, *events)
        pull(subscription, "s", loader.receive_all, stop=subscription.stop)
        loader.close()
    return fake.journal


def test_rows_are_appended_and_then_acked() -> None:
    journal = journal_of(FakeBigQuery(), an_enriched_tweet("1"), an_enriched_tweet("2"))

    assert journal == ["appended 2 rows", "acked 2"]


def test_a_tombstone_is_kept_then_deletes_then_is_acked() -> None:
    fake = FakeBigQuery()

    assert journal_of(fake, a_tombstone()) == ["appended 1 rows", "appended 1 rows", "acked 1"]
    assert len(fake.tables["deletions"].rows) == 1


def test_refused_rows_are_set_aside_before_they_are_acked() -> None:
    fake = FakeBigQuery()
    fake.poison = lambda row: "bad" if row["tweet_id"] == "1" else None

    journal = journal_of(fake, an_enriched_tweet("1"), an_enriched_tweet("2"), a_raw_tweet("3"))

    assert journal == ["appended 1 rows", "set aside 2", "acked 3"]


def test_what_cannot_be_written_now_is_handed_back_and_not_acked() -> None:
    fake = FakeBigQuery()
    fake.faults += [ended(grpc.StatusCode.PERMISSION_DENIED)]

    assert journal_of(fake, an_enriched_tweet("1")) == ["handed back 1"]


class Mended:
    """Loads nothing before it was asked so often whether it is mended."""

    def __init__(self, asked: int, *, faulty: bool = True) -> None:
        self.asked = asked
        self.faulty = faulty
        self.batches: list[int] = []

    def receive_all(self, messages: Sequence[Pulled]) -> list[str]:
        self.batches.append(len(messages))
        good = messages[:1] if self.faulty else messages
        return [message.ack_id for message in good]

    def faults(self) -> list[str]:
        self.asked -= 1
        self.faulty = self.asked > 0
        return ["no permission"] if self.faulty else []


def messages(count: int) -> list[Pulled]:
    return [Pulled(b"", {}, str(n), PUBLISHED, ack_id=str(n)) for n in range(count)]


def test_a_batch_is_kept_while_a_person_has_to_mend_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(entrance, "_PATIENCE_SECONDS", 0.001)
    loader = Mended(asked=5)

    acks = entrance.patiently(loader, threading.Event(), messages(3))

    assert sorted(acks) == ["0", "1", "2"]
    assert loader.batches == [3, 2]


def test_a_batch_is_handed_back_when_nothing_is_to_be_mended() -> None:
    loader = Mended(asked=0)

    assert entrance.patiently(loader, threading.Event(), messages(3)) == ["0"]
    assert loader.batches == [3]


def test_a_batch_is_handed_back_when_the_loader_stops() -> None:
    stop = threading.Event()
    stop.set()

    assert entrance.patiently(Mended(asked=1_000), stop, messages(2)) == ["0"]


def test_a_loop_that_cannot_go_on_stops_the_others_with_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    not_found: Any = NotFound  # it has no types of its own

    def missing() -> None:
        raise not_found("the subscription does not exist")

    stop = threading.Event()

    code = entrance.run_loop(missing, stop)

    assert code == 1
    assert stop.is_set()
    assert "the subscription does not exist" in caplog.messages[0]

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import grpc
import pytest

from builders import a_raw_tweet
from fake_pubsub import FakePubsub, serving
from tweetlog.delivery import encode
from tweetlog.errors import PublishFailed
from tweetlog.publisher import BatchTopic, lazy_client, publisher_client


def test_threads_that_come_first_together_share_one_client(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")
    client, together = lazy_client(), Barrier(8)

    def first() -> int:
        together.wait()
        return id(client())

    with ThreadPoolExecutor(8) as threads:
        made = {future.result() for future in [threads.submit(first) for _ in range(8)]}

    client().transport.close()
    assert len(made) == 1


@pytest.fixture
def pubsub() -> Iterator[FakePubsub]:
    with serving() as fake:
        yield fake


@pytest.fixture
def topic(pubsub: FakePubsub, monkeypatch: pytest.MonkeyPatch) -> BatchTopic:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub.address)
    return BatchTopic(publisher_client(), "projects/demo/topics/t")


@pytest.mark.servers
def test_a_batch_is_one_request(pubsub: FakePubsub, topic: BatchTopic) -> None:
    tweets = [a_raw_tweet(str(n)) for n in range(1, 501)]

    topic.publish(*tweets)

    assert pubsub.journal == ["publish"]
    assert [(one.data, dict(one.attributes)) for one in pubsub.events("t")] == [
        encode(tweet) for tweet in tweets
    ]


@pytest.mark.servers
def test_a_batch_of_many_bytes_is_more_than_one_request(
    pubsub: FakePubsub, topic: BatchTopic
) -> None:
    topic.publish(*(a_raw_tweet(str(n), text="x" * 3_000_000) for n in range(1, 5)))

    assert pubsub.journal == ["publish", "publish"]
    assert len(pubsub.events("t")) == 4


@pytest.mark.servers
def test_a_batch_of_many_events_is_more_than_one_request(
    pubsub: FakePubsub, topic: BatchTopic
) -> None:
    topic.publish(*(a_raw_tweet(str(n)) for n in range(1, 1_502)))

    assert pubsub.journal == ["publish", "publish"]
    assert len(pubsub.events("t")) == 1_501


@pytest.mark.servers
def test_a_batch_of_nothing_is_no_request(pubsub: FakePubsub, topic: BatchTopic) -> None:
    topic.publish()

    assert pubsub.journal == []


@pytest.mark.servers
def test_a_batch_that_is_refused_has_failed(pubsub: FakePubsub, topic: BatchTopic) -> None:
    pubsub.failing = grpc.StatusCode.NOT_FOUND

    with pytest.raises(PublishFailed, match="projects/demo/topics/t: not confirmed"):
        topic.publish(a_raw_tweet())

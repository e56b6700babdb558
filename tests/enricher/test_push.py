"""The push entrance: what each kind of request is answered with, and when."""

import base64
import contextlib
import http.client
import json
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from builders import a_raw_tweet
from enricher_command import Running, started
from fake_pubsub import FakePubsub, serving
from tweetlog import events
from tweetlog.delivery import encode
from tweetlog.envelope import Envelope

pytestmark = pytest.mark.servers

TOKEN = "Bearer very-secret"  # noqa: S105 - made up, and looked for in answers
AT_ONCE = 40

Answer = tuple[int, bytes]


@pytest.fixture(scope="module")
def broker() -> Iterator[FakePubsub]:
    with serving() as fake:
        yield fake


@pytest.fixture(scope="module")
def enricher(broker: FakePubsub) -> Iterator[Running]:
    with started("push", **settings(broker)) as running:
        running.wait_until_ready()
        yield running


@pytest.fixture
def pubsub(broker: FakePubsub) -> Iterator[FakePubsub]:
    broker.published.clear()
    yield broker
    broker.failing = None
    broker.hold.set()
    broker.publishing.clear()


def settings(fake: FakePubsub) -> dict[str, str]:
    return {"PUBSUB_EMULATOR_HOST": fake.address, "TWEETLOG_PROJECT": "demo"}


def asked(
    enricher: Running,
    method: str,
    path: str,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
) -> Answer:
    server = http.client.HTTPConnection("127.0.0.1", enricher.port(), timeout=30)
    with contextlib.closing(server) as connection:
        connection.request(method, path, body, {"Authorization": TOKEN, **(headers or {})})
        answer = connection.getresponse()
        return answer.status, answer.read()


def pushed(enricher: Running, event: Envelope, **more: str) -> Answer:
    data, attributes = encode(event)
    return asked(enricher, "POST", "/", data, {**attributes, **more})


def test_an_event_is_published_enriched_and_answered_204(
    enricher: Running, pubsub: FakePubsub
) -> None:
    answer = pushed(enricher, a_raw_tweet(text="hello #World"))
    (message,) = pubsub.events("tweets-enriched")

    assert answer == (204, b"")
    assert message.attributes["ce-type"] == events.ENRICHED
    assert json.loads(message.data)["hashtags"][0]["tag"] == "World"


def test_a_wrapped_push_gives_the_same_message(enricher: Running, pubsub: FakePubsub) -> None:
    data, attributes = encode(a_raw_tweet())
    message = {"data": base64.b64encode(data).decode(), "attributes": attributes, "messageId": "1"}
    wrapped = json.dumps({"message": message, "subscription": "s"}).encode()

    pushed(enricher, a_raw_tweet())
    answer = asked(enricher, "POST", "/", wrapped, {"content-type": "application/json"})
    first, second = pubsub.events("tweets-enriched")

    assert answer == (204, b"")
    assert (first.data, first.attributes) == (second.data, second.attributes)


def test_it_is_not_answered_before_the_publish_is_durable(
    enricher: Running, pubsub: FakePubsub
) -> None:
    pubsub.hold.clear()
    with ThreadPoolExecutor() as clients:
        answer = clients.submit(pushed, enricher, a_raw_tweet())
        assert pubsub.publishing.wait(20)
        early = answer.done()
        pubsub.hold.set()

        assert not early
        assert answer.result(30) == (204, b"")


def test_a_publish_that_fails_is_answered_503(enricher: Running, pubsub: FakePubsub) -> None:
    pubsub.failing = grpc.StatusCode.PERMISSION_DENIED

    status, body = pushed(enricher, a_raw_tweet())

    assert status == 503
    assert len(body) < 100


@pytest.mark.parametrize(
    ("body", "headers", "reason"),
    [
        (b"?", {}, "unreadable"),
        (b"", {"ce-id": "1"}, "unreadable"),
        (b"[]", {"content-type": "application/cloudevents+json"}, "unreadable"),
    ],
)
def test_what_is_no_event_is_dead_lettered_and_answered_204(
    enricher: Running, pubsub: FakePubsub, body: bytes, headers: dict[str, str], reason: str
) -> None:
    answer = asked(enricher, "POST", "/", body, headers)
    (letter,) = pubsub.events("tweets-dead")

    assert answer == (204, b"")
    assert json.loads(letter.data)["reason_class"] == reason
    assert TOKEN.encode() not in letter.data


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_health_is_answered_200(enricher: Running, path: str) -> None:
    assert asked(enricher, "GET", path)[0] == 200


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("PUT", "/livez"), ("GET", "/favicon.ico"), ("BREW", "/")]
)
def test_no_answer_repeats_what_was_sent(enricher: Running, method: str, path: str) -> None:
    status, body = asked(enricher, method, path, b"sent", {"ce-id": "sent-id"})

    assert 400 <= status < 500
    assert b"secret" not in body
    assert b"sent" not in body


def test_a_message_may_have_as_many_attributes_as_pubsub_allows(
    enricher: Running, pubsub: FakePubsub
) -> None:
    extensions = {f"x{n}": "v" * 1000 for n in range(88)}
    metadata = {f"x-goog-pubsub-{n}": "v" for n in range(20)}
    data, attributes = encode(a_raw_tweet())
    headers = {**attributes, **metadata, **{f"ce-{k}": v for k, v in extensions.items()}}

    assert asked(enricher, "POST", "/", data, headers) == (204, b"")
    assert len(pubsub.events("tweets-enriched")) == 1


def test_forty_requests_at_once_share_their_publishes(
    enricher: Running, pubsub: FakePubsub
) -> None:
    tweets = [a_raw_tweet(str(1590000000000000000 + n)) for n in range(5 * AT_ONCE)]
    before = pubsub.journal.count("publish")
    with ThreadPoolExecutor(AT_ONCE) as clients:
        answers = list(clients.map(lambda tweet: pushed(enricher, tweet), tweets))

    assert answers == [(204, b"")] * len(tweets)
    assert len(pubsub.events("tweets-enriched")) == len(tweets)
    assert pubsub.journal.count("publish") - before < len(tweets) / 2


def test_it_says_once_that_it_is_ready(enricher: Running) -> None:
    assert enricher.messages().count("ready") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_in_flight_is_finished_before_the_end(
    pubsub: FakePubsub, number: signal.Signals
) -> None:
    pubsub.hold.clear()
    with started("push", **settings(pubsub)) as enricher, ThreadPoolExecutor() as clients:
        enricher.wait_until_ready()
        answer = clients.submit(pushed, enricher, a_raw_tweet())
        assert pubsub.publishing.wait(20)
        enricher.signal_group(number)
        pubsub.hold.set()

        assert answer.result(30) == (204, b"")
        assert enricher.ended() == 0


def test_a_taken_port_is_said_in_one_line(pubsub: FakePubsub) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with started("push", **{**settings(pubsub), "PORT": port}) as enricher:
            code = enricher.ended()

    assert code == 2
    assert len(enricher.lines) == 1
    assert f"127.0.0.1:{port}" in enricher.lines[0]


def test_every_mistake_in_the_settings_is_said_at_once() -> None:
    with started("push", PORT="none", TWEETLOG_CONCURENCY="4") as enricher:
        code = enricher.ended()

    assert code == 2
    assert len(enricher.lines) == 3
    assert "did you mean TWEETLOG_CONCURRENCY" in enricher.lines[2]

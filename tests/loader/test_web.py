"""The push entrance: a delivery in, its own row's fate as the answer."""

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import grpc
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from builders import A_TWEET_ID, a_raw_tweet, a_tombstone
from enriched import an_enriched_tweet
from fake_bigquery import FakeBigQuery, ended
from loader.settings import Settings
from loader.web import application
from loader.wiring import Loader
from loader.writer import Limits
from tweetlog.delivery import encode
from tweetlog.envelope import Envelope
from tweetlog.errors import PublishFailed
from tweetlog.settings import read
from tweetlog.topic import InMemoryTopic

TOKEN = "Bearer secret-token"  # noqa: S105 - not one
LIMITS = Limits(deadline=5, backoff=(0.01, 0.05), setup_backoff=(30, 60))


class DeafTopic(InMemoryTopic):
    """A topic that confirms nothing."""

    def publish(self, *_events: Envelope) -> None:
        raise PublishFailed("no answer")


def settings(bigquery: FakeBigQuery, **more: str) -> Settings:
    environ = {
        "TWEETLOG_PROJECT": "p",
        "TWEETLOG_BIGQUERY_WRITE_ENDPOINT": bigquery.endpoint,
        "TWEETLOG_LINGER_MS": "5",
        **more,
    }
    return read(Settings, environ)


@pytest.fixture
def dead() -> InMemoryTopic:
    return InMemoryTopic()


@pytest.fixture
def loader(bigquery: FakeBigQuery, dead: InMemoryTopic) -> Iterator[Loader]:
    made = Loader(settings(bigquery), dead_letters=dead, limits=LIMITS)
    yield made
    made.close()


@pytest.fixture
def client(loader: Loader) -> FlaskClient:
    return application(loader).test_client()


def push(client: FlaskClient, event: Envelope) -> TestResponse:
    """Push the event as Pub/Sub does without a wrapper."""
    data, attributes = encode(event)
    headers = {**attributes, "authorization": TOKEN, "x-goog-pubsub-message-id": "1"}
    return client.post("/", data=data, headers=headers)


def test_a_delivery_is_acked_when_its_row_is_there(
    client: FlaskClient, bigquery: FakeBigQuery
) -> None:
    response = push(client, an_enriched_tweet())

    assert (response.status_code, response.data) == (204, b"")
    assert bigquery.tables["tweets"].rows.keys() == {A_TWEET_ID}


def test_a_wrapped_delivery_is_the_same_delivery(
    client: FlaskClient, bigquery: FakeBigQuery
) -> None:
    data, attributes = encode(an_enriched_tweet())
    message: dict[str, Any] = {
        "data": base64.b64encode(data).decode(),
        "attributes": attributes,
        "messageId": "1",
        "publishTime": "2026-01-01T00:00:00.000Z",
    }

    response = client.post("/", json={"message": message, "subscription": "s"})

    assert response.status_code == 204
    assert bigquery.tables["tweets"].rows[A_TWEET_ID]["enriched_at"] == "1767225600000000"


def test_a_tombstone_is_kept_and_deletes(client: FlaskClient, bigquery: FakeBigQuery) -> None:
    push(client, an_enriched_tweet())

    assert push(client, a_tombstone()).status_code == 204
    assert bigquery.tables["tweets"].rows == {}
    assert bigquery.tables["deletions"].rows.keys() == {A_TWEET_ID}


def test_a_refused_row_is_acked_after_it_was_set_aside(
    client: FlaskClient, bigquery: FakeBigQuery, dead: InMemoryTopic
) -> None:
    bigquery.poison = lambda _row: "Field created_at is out of range"

    assert push(client, an_enriched_tweet()).status_code == 204
    assert "out of range" in json.loads(dead.events[0].data)["reason"]


@pytest.mark.parametrize("event", [a_raw_tweet(), an_enriched_tweet(like_count="many")])
def test_what_can_never_be_loaded_is_acked_after_it_was_set_aside(
    client: FlaskClient, dead: InMemoryTopic, event: Envelope
) -> None:
    assert push(client, event).status_code == 204
    assert len(dead.events) == 1


def test_what_is_no_event_is_acked_after_it_was_set_aside(
    client: FlaskClient, dead: InMemoryTopic
) -> None:
    response = client.post("/", data=b"junk", headers={"authorization": TOKEN})

    assert response.status_code == 204
    letter = json.loads(dead.events[0].data)
    assert base64.b64decode(letter["data_base64"]) == b"junk"
    assert "secret" not in json.dumps(letter)


def test_nothing_is_acked_while_the_dead_letters_do_not_answer(bigquery: FakeBigQuery) -> None:
    loader = Loader(settings(bigquery), dead_letters=DeafTopic(), limits=LIMITS)

    response = push(application(loader).test_client(), a_raw_tweet())

    assert response.status_code == 503
    loader.close()


def test_a_wrong_set_up_acks_nothing_and_says_what_is_wrong(
    client: FlaskClient, bigquery: FakeBigQuery, dead: InMemoryTopic
) -> None:
    ready = client.get("/readyz").status_code
    bigquery.faults += [ended(grpc.StatusCode.PERMISSION_DENIED, "no bigquery.tables.updateData")]

    response = push(client, an_enriched_tweet())
    readiness = client.get("/readyz")

    assert (ready, response.status_code, readiness.status_code) == (200, 503, 503)
    assert "projects/p/datasets/tweetlog/tables/tweets: PERMISSION_DENIED" in readiness.text
    assert client.get("/livez").status_code == 200
    assert dead.events == []


def test_a_missing_table_is_seen_before_the_first_delivery(
    client: FlaskClient, bigquery: FakeBigQuery
) -> None:
    del bigquery.tables["gaps"]

    response = client.get("/readyz")

    assert response.status_code == 503
    assert "tables/gaps: NOT_FOUND" in response.text


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("POST", "/elsewhere"), ("PUT", "/")])
def test_no_answer_says_back_what_was_asked(client: FlaskClient, method: str, path: str) -> None:
    response = client.open(path, method=method, headers={"authorization": TOKEN}, data=b"body!")

    assert response.status_code in (404, 405)
    assert "secret" not in response.text
    assert "body!" not in response.text


def test_a_503_says_nothing_of_the_request(client: FlaskClient, bigquery: FakeBigQuery) -> None:
    bigquery.faults += [ended(grpc.StatusCode.NOT_FOUND)]

    response = push(client, an_enriched_tweet(text="a private text"))

    assert response.status_code == 503
    assert "secret" not in response.text
    assert "private" not in response.text


def test_deliveries_at_once_share_an_append_and_have_their_own_answers(
    loader: Loader, bigquery: FakeBigQuery, dead: InMemoryTopic
) -> None:
    app = application(loader)
    bigquery.poison = lambda row: "bad" if int(row["tweet_id"]) % 3 == 0 else None

    def deliver(n: int) -> int:
        return push(app.test_client(), an_enriched_tweet(str(n))).status_code

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(deliver, range(1, 61)))

    assert answers == [204] * 60
    assert len(bigquery.tables["tweets"].rows) == 40
    assert len(dead.events) == 20
    assert len(bigquery.requests) < 60


def test_the_metrics_tell_what_happened(client: FlaskClient, bigquery: FakeBigQuery) -> None:
    push(client, an_enriched_tweet().extended(receivedtime="2026-01-01T00:00:00Z"))
    push(client, a_tombstone())
    push(client, a_raw_tweet())
    bigquery.faults += [ended(grpc.StatusCode.UNAVAILABLE)]
    push(client, an_enriched_tweet())

    lines = client.get("/metrics").text.splitlines()

    assert {
        'tweetlog_loader_rows_total{change="upsert",table="tweets"} 2.0',
        'tweetlog_loader_rows_total{change="delete",table="tweets"} 1.0',
        'tweetlog_loader_rows_total{change="upsert",table="deletions"} 1.0',
        'tweetlog_loader_bad_rows_total{reason="unknown_type"} 1.0',
        'tweetlog_loader_reconnects_total{cause="transient"} 1.0',
        'tweetlog_loader_in_flight_bytes{table="tweets"} 0.0',
        "tweetlog_loader_batch_rows_count 4.0",
        "tweetlog_loader_append_seconds_count 4.0",
        'tweetlog_loader_end_to_end_seconds_count{since="received"} 1.0',
    } <= set(lines)


def test_the_append_layout_keeps_every_version_and_no_pseudo_column(
    bigquery: FakeBigQuery, dead: InMemoryTopic
) -> None:
    loader = Loader(
        replace(settings(bigquery), layout="append", tweets_table="tweets"),
        dead_letters=dead,
        limits=LIMITS,
    )
    client = application(loader).test_client()

    answers = [
        push(client, event).status_code
        for event in (an_enriched_tweet(version=1), an_enriched_tweet(version=2), a_tombstone())
    ]

    assert answers == [204, 204, 204]
    appended = bigquery.tables["tweets"].appended
    assert [row["enricher_version"] for row in appended] == ["1", "2"]
    assert bigquery.tables["deletions"].rows.keys() == {A_TWEET_ID}
    loader.close()

"""BigQuery subscriptions, against a Storage Write API that can be told to fail."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.cloud.bigquery_storage_v1 import types

from local.pubsub.clients import Clients, control
from local.pubsub.endpoint import until
from local.pubsub.fake_bigquery import (
    COLUMNS,
    AppendRowsResponse,
    Column,
    FakeBigQuery,
    Rows,
    accept,
    fake_bigquery,
)
from tweetlog_local.pubsub import StartError, running
from tweetlog_local.pubsub.api import PubsubMessage, Subscription
from tweetlog_local.pubsub.bigquery_rows import NotText, RowFormat
from tweetlog_local.pubsub.errors import ApiError

TABLE = {"table": "p.d.raw_events", "write_metadata": True}


@dataclass(frozen=True, slots=True)
class Setting:
    bigquery: FakeBigQuery
    clients: Clients
    control_url: str

    def subscription(self, topic: str, **properties: Any) -> str:
        return self.clients.subscription(topic, bigquery_config=TABLE, **properties)

    def stats(self, subscription: str) -> Any:
        return control(self.control_url, "/stats")[1]["subscriptions"][subscription]

    def settled(self, subscription: str) -> None:
        until(lambda: self.stats(subscription)["backlog"] == 0)

    def shown(self, subscription: str) -> Any:
        return self.clients.subscriber.get_subscription(subscription=subscription)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    with (
        fake_bigquery() as bigquery,
        running(tmp_path_factory.mktemp("sink"), bigquery_endpoint=bigquery.address) as up,
    ):
        clients = Clients.of(up.address)
        yield Setting(bigquery, clients, up.control_url)
        clients.close()


@pytest.fixture
def setting(pair: Setting) -> Setting:
    pair.bigquery.judge = accept
    pair.bigquery.columns = dict(COLUMNS)
    pair.bigquery.rows.clear()
    pair.bigquery.appends.clear()
    return pair


def test_a_message_becomes_a_row_with_its_metadata(setting: Setting) -> None:
    topic = setting.clients.topic()
    subscription = setting.subscription(topic)
    (message_id,) = setting.clients.publish(topic, '{"text": "ü"}', **{"ce-id": "1"})
    setting.settled(subscription)
    (row,) = setting.bigquery.rows

    assert json.loads(row.pop("attributes")) == {"ce-id": "1"}
    assert datetime.now(UTC) - row.pop("publish_time") < timedelta(minutes=1)
    assert row == {
        "subscription_name": subscription,
        "message_id": message_id,
        "data": '{"text": "ü"}',
    }
    assert setting.bigquery.streams == {"projects/p/datasets/d/tables/raw_events/streams/_default"}


def test_rows_go_in_batches(setting: Setting) -> None:
    topic = setting.clients.topic()
    subscription = setting.subscription(topic)
    for _ in range(3):
        setting.clients.publish(topic, *map(str, range(1_000)))
    setting.settled(subscription)

    assert sorted(int(row["data"]) for row in setting.bigquery.rows) == sorted([*range(1_000)] * 3)
    assert max(setting.bigquery.appends) <= 2_000
    assert len(setting.bigquery.appends) <= 40


def test_a_message_is_acknowledged_only_after_its_append(setting: Setting) -> None:
    journal: list[tuple[str, int]] = []
    topic = setting.clients.topic()
    subscription = setting.subscription(topic)

    def judge(rows: Rows) -> Any:
        journal.append(("appending", setting.stats(subscription)["acked"]))
        return accept(rows)

    setting.bigquery.judge = judge
    setting.clients.publish(topic, "a")
    setting.settled(subscription)
    journal.append(("settled", setting.stats(subscription)["acked"]))

    assert journal == [("appending", 0), ("settled", 1)]


@pytest.mark.parametrize(
    "status",
    [
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    ],
    ids=str,
)
def test_a_failed_append_is_tried_until_it_succeeds(
    setting: Setting, status: grpc.StatusCode
) -> None:
    answers = iter([status, status])
    setting.bigquery.judge = lambda rows: next(answers, None) or accept(rows)
    topic = setting.clients.topic()
    subscription = setting.subscription(topic)
    setting.clients.publish(topic, "a", "b")
    setting.settled(subscription)

    assert sorted(row["data"] for row in setting.bigquery.rows) == ["a", "b"]
    assert setting.stats(subscription)["nacked"] == 0


def test_an_error_inside_the_stream_is_tried_again_too(setting: Setting) -> None:
    answers = iter([AppendRowsResponse(error={"code": 13, "message": "internal"})])
    setting.bigquery.judge = lambda rows: next(answers, None) or accept(rows)
    topic = setting.clients.topic()
    subscription = setting.subscription(topic)
    setting.clients.publish(topic, "a")
    setting.settled(subscription)

    assert [row["data"] for row in setting.bigquery.rows] == ["a"]


def refuse_poison(rows: Rows) -> Any:
    """As BigQuery does: name the bad rows and write none."""
    bad = [at for at, row in enumerate(rows) if "poison" in row["data"]]
    if not bad:
        return accept(rows)
    return AppendRowsResponse(
        error={"code": 3, "message": "Errors found while processing rows"},
        row_errors=[{"index": at, "code": 1, "message": "bad"} for at in bad],
    )


def test_a_refused_row_goes_to_the_dead_letters_and_the_rest_is_written(setting: Setting) -> None:
    setting.bigquery.judge = refuse_poison
    topic, dead = setting.clients.topic(), setting.clients.topic()
    letters = setting.clients.subscription(dead)
    subscription = setting.subscription(topic, dead_letter_policy={"dead_letter_topic": dead})
    setting.clients.publish(topic, "a", "poison", "b")
    setting.settled(subscription)

    assert sorted(row["data"] for row in setting.bigquery.rows) == ["a", "b"]
    assert setting.clients.pull_texts(letters, 1) == ["poison"]


def test_data_that_is_no_text_is_refused_for_a_text_column(setting: Setting) -> None:
    topic, dead = setting.clients.topic(), setting.clients.topic()
    letters = setting.clients.subscription(dead)
    subscription = setting.subscription(topic, dead_letter_policy={"dead_letter_topic": dead})
    setting.clients.publish(topic, b"\xff\xfe", b"fine")
    setting.settled(subscription)

    assert [row["data"] for row in setting.bigquery.rows] == ["fine"]
    assert [each.message.data for each in setting.clients.pull(letters)] == [b"\xff\xfe"]


def test_a_missing_table_shows_in_the_subscriptions_state_and_mends_itself(
    setting: Setting,
) -> None:
    topic = setting.clients.topic()
    subscription = setting.subscription(topic)
    setting.bigquery.columns = {}
    setting.bigquery.judge = lambda _: grpc.StatusCode.NOT_FOUND
    setting.clients.publish(topic, "a")
    until(lambda: setting.shown(subscription).state.name == "RESOURCE_ERROR")
    assert setting.shown(subscription).bigquery_config.state.name == "NOT_FOUND"

    setting.bigquery.columns, setting.bigquery.judge = dict(COLUMNS), accept
    setting.settled(subscription)

    assert setting.shown(subscription).state.name == "ACTIVE"
    assert setting.shown(subscription).bigquery_config.state.name == "ACTIVE"


def test_a_subscription_to_a_missing_table_is_refused(setting: Setting) -> None:
    setting.bigquery.columns = {}

    with pytest.raises(exceptions.NotFound, match="tables/raw_events: Table not found"):
        setting.subscription(setting.clients.topic())


def test_a_subscription_to_a_table_of_another_shape_is_refused(setting: Setting) -> None:
    del setting.bigquery.columns["attributes"]

    with pytest.raises(exceptions.InvalidArgument, match="has no column attributes"):
        setting.subscription(setting.clients.topic())


def test_a_lost_ack_appends_the_row_again(setting: Setting) -> None:
    topic = setting.clients.topic()
    subscription = setting.subscription(topic)
    rule = {"kind": "lose_ack", "count": 1, "seconds": 0.1, "subscription": subscription}
    control(setting.control_url, "/faults", "POST", rule)
    setting.clients.publish(topic, "a")
    setting.settled(subscription)

    assert [row["data"] for row in setting.bigquery.rows] == ["a", "a"]


def test_a_restart_goes_on_with_the_backlog(tmp_path: Path) -> None:
    with fake_bigquery() as bigquery:
        bigquery.judge = lambda _: grpc.StatusCode.UNAVAILABLE
        with running(tmp_path, bigquery_endpoint=bigquery.address) as up:
            clients = Clients.of(up.address)
            topic = clients.topic()
            clients.subscription(topic, bigquery_config=TABLE)
            clients.publish(topic, "a", "b")
            until(lambda: bigquery.appends)
            clients.close()
        bigquery.judge = accept
        with running(tmp_path, bigquery_endpoint=bigquery.address):
            until(lambda: len(bigquery.rows) == 2)

        assert sorted(row["data"] for row in bigquery.rows) == ["a", "b"]


def test_without_its_bigquery_it_does_not_start(setting: Setting, tmp_path: Path) -> None:
    with running(tmp_path, bigquery_endpoint=setting.bigquery.address) as up:
        clients = Clients.of(up.address)
        clients.subscription(clients.topic(), bigquery_config=TABLE)
        clients.close()

    with pytest.raises(StartError, match="start with --bigquery-endpoint"), running(tmp_path):
        pass


# rows, without a server


def a_format(*, write_metadata: bool = True, **changed: Any) -> RowFormat:
    columns = {name: kind for name, kind in {**COLUMNS, **changed}.items() if kind is not None}
    fields = [{"name": name, "type_": int(kind)} for name, kind in columns.items()]
    subscription = Subscription(name="projects/p/subscriptions/s")
    subscription.bigquery_config.table = "p.d.t"
    subscription.bigquery_config.write_metadata = write_metadata
    return RowFormat(subscription, types.TableSchema.pb()(fields=fields))


def a_body(data: bytes) -> bytes:
    return bytes(PubsubMessage(data=data).SerializeToString())


@pytest.mark.parametrize(
    ("kind", "found"),
    [(Column.STRING, '{"a":1}'), (Column.JSON, '{"a":1}'), (Column.BYTES, b'{"a":1}')],
)
def test_data_fits_text_json_and_bytes_columns(kind: Any, found: object) -> None:
    rows = a_format(data=kind).rows([a_body(b'{"a":1}')])

    assert rows.column("data").to_pylist() == [found]


def test_a_bytes_column_takes_any_data() -> None:
    rows = a_format(data=Column.BYTES).rows([a_body(b"\xff\x00")])

    assert rows.column("data").to_pylist() == [b"\xff\x00"]


def test_data_that_is_no_text_is_named_by_its_place() -> None:
    bodies = [a_body(b"a"), a_body(b"\xff"), a_body("ü".encode()), a_body(b"\xc3")]

    with pytest.raises(NotText) as raised:
        a_format().rows(bodies)

    assert raised.value.places == [1, 3]


def test_without_metadata_only_the_data_is_written() -> None:
    row_format = a_format(write_metadata=False, message_id=None)

    assert row_format.rows([a_body(b"a")]).to_pylist() == [{"data": "a"}]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"data": None}, "has no column data"),
        ({"publish_time": Column.STRING}, "column publish_time of table p.d.t must be TIMESTAMP"),
        ({"attributes": Column.BYTES}, "must be JSON or STRING"),
    ],
    ids=str,
)
def test_a_table_that_does_not_fit_is_refused(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(ApiError, match=reason):
        a_format(**changed)

"""What only the embedded server promises, through the real clients; the rest is in the contract."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import TimeoutError as NotYetError
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.cloud.pubsub_v1 import PublisherClient, SchemaServiceClient, SubscriberClient
from google.cloud.pubsub_v1.types import FlowControl
from google.pubsub_v1.services.schema_service.transports import SchemaServiceGrpcTransport

from local.pubsub.clients import PROJECT, Clients, control
from local.pubsub.endpoint import Endpoint, endpoint, until
from tweetlog_local.pubsub import Running

pytestmark = pytest.mark.servers
WRITE_METADATA = {"write_metadata": True}


def push_config(app: Endpoint) -> dict[str, Any]:
    return {"push_endpoint": app.url, "no_wrapper": WRITE_METADATA}


def stats(server: Running, subscription: str) -> Any:
    return control(server.control_url, "/stats")[1]["subscriptions"][subscription]


@pytest.fixture
def faults(server: Running) -> Any:
    """Puts rules in force for one test."""

    def add(*rules: dict[str, Any]) -> None:
        assert control(server.control_url, "/faults", "POST", list(rules))[0] == 200

    yield add
    control(server.control_url, "/faults", "DELETE")


# refusals


@pytest.mark.parametrize(
    "properties",
    [
        {"enable_message_ordering": True},
        {"enable_exactly_once_delivery": True},
        {"cloud_storage_config": {"bucket": "b"}},
    ],
    ids=str,
)
def test_what_is_not_done_says_so(clients: Clients, properties: dict[str, Any]) -> None:
    topic = clients.topic()

    with pytest.raises(exceptions.MethodNotImplemented, match="is not done by the embedded"):
        clients.subscription(topic, **properties)


def test_detaching_schemas_and_permissions_are_refused_in_a_sentence(
    clients: Clients, server: Running
) -> None:
    subscription = clients.subscription(clients.topic())
    channel = grpc.insecure_channel(server.address)
    schemas = SchemaServiceClient(transport=SchemaServiceGrpcTransport(channel=channel))
    with pytest.raises(exceptions.MethodNotImplemented, match="DetachSubscription is not done"):
        clients.publisher.detach_subscription(request={"subscription": subscription})
    with pytest.raises(exceptions.MethodNotImplemented, match="there are no permissions"):
        clients.publisher.get_iam_policy(request={"resource": subscription})
    with pytest.raises(exceptions.MethodNotImplemented, match="schemas are not done"):
        schemas.list_schemas(parent=PROJECT)


def test_a_bigquery_subscription_needs_a_bigquery(clients: Clients) -> None:
    with pytest.raises(exceptions.FailedPrecondition, match="--bigquery-endpoint"):
        clients.subscription(clients.topic(), bigquery_config={"table": "p.d.t"})


def test_messages_beyond_the_limits_are_refused_over_the_wire(clients: Clients) -> None:
    topic = clients.topic()

    with pytest.raises(exceptions.InvalidArgument, match="goog"):
        clients.publish(topic, "x", googclient_a="b")
    with pytest.raises(exceptions.InvalidArgument, match="at least one attribute"):
        clients.publish(topic, "")


# listing


def test_listings_come_in_pages(clients: Clients) -> None:
    topic = clients.topic()
    made = sorted(clients.subscription(topic) for _ in range(5))
    request = {"topic": topic, "page_size": 2}
    pages = list(clients.publisher.list_topic_subscriptions(request=request).pages)

    assert [list(page.subscriptions) for page in pages] == [made[:2], made[2:4], made[4:]]


# filters


def test_only_matching_messages_arrive(clients: Clients) -> None:
    topic = clients.topic()
    subscription = clients.subscription(topic, filter='attributes.lang = "en"')
    clients.publish(topic, "no", lang="de")
    clients.publish(topic, "yes", lang="en")

    assert clients.pull_texts(subscription, 1) == ["yes"]


def test_a_bad_filter_is_refused_with_the_reason(clients: Clients) -> None:
    with pytest.raises(exceptions.InvalidArgument, match="expected 'attributes' at character 1"):
        clients.subscription(clients.topic(), filter="bogus(")


# pull


def test_a_pull_waits_for_the_first_message(clients: Clients) -> None:
    topic = clients.topic()
    subscription = clients.subscription(topic)
    timer = threading.Timer(0.3, clients.publish, (topic, "late"))
    timer.start()
    received = clients.pull(subscription)
    timer.join()

    assert [each.message.data for each in received] == [b"late"]


def test_an_empty_pull_answers_before_the_callers_deadline(clients: Clients) -> None:
    subscription = clients.subscription(clients.topic())

    assert clients.pull(subscription, seconds=0.6) == []


def test_a_waiting_pull_learns_that_its_subscription_was_deleted(clients: Clients) -> None:
    subscription = clients.subscription(clients.topic())
    request = {"subscription": subscription}
    timer = threading.Timer(
        0.2, clients.subscriber.delete_subscription, kwargs={"request": request}
    )
    timer.start()

    with pytest.raises(exceptions.NotFound, match="was deleted"):
        clients.pull(subscription)

    timer.join()


def test_a_push_subscription_is_not_for_pulling(clients: Clients, app: Endpoint) -> None:
    subscription = clients.subscription(clients.topic(), push_config=push_config(app))

    with pytest.raises(exceptions.FailedPrecondition, match="is a push subscription"):
        clients.pull(subscription)


# streaming pull


def test_a_stream_holds_no_more_than_its_flow_control(clients: Clients, server: Running) -> None:
    topic = clients.topic()
    subscription = clients.subscription(topic)
    clients.publish(topic, *map(str, range(50)))
    waiting: list[Any] = []
    future = clients.subscriber.subscribe(
        subscription, waiting.append, flow_control=FlowControl(max_messages=7)
    )
    until(lambda: len(waiting) == 7)
    in_flight = stats(server, subscription)["in_flight"]
    for _ in range(50):
        until(lambda: waiting)
        waiting.pop().ack()
    until(lambda: stats(server, subscription)["acked"] == 50)
    future.cancel()
    future.result(timeout=10)

    assert in_flight <= 7


def test_two_streams_share_a_subscription(clients: Clients, server: Running) -> None:
    topic = clients.topic()
    subscription = clients.subscription(topic)
    counts: list[list[str]] = [[], []]

    def into(seen: list[str]) -> Callable[[Any], None]:
        def receive(message: Any) -> None:
            seen.append(message.data.decode())
            message.ack()

        return receive

    futures = [clients.subscriber.subscribe(subscription, into(seen)) for seen in counts]
    texts = [str(n) for n in range(300)]
    for text in texts:
        clients.publisher.publish(topic, text.encode())
    until(lambda: stats(server, subscription)["acked"] == 300)
    for future in futures:
        future.cancel()
        future.result(timeout=10)

    assert sorted(counts[0] + counts[1]) == sorted(texts)


def test_a_stream_ends_when_its_subscription_is_deleted(clients: Clients) -> None:
    subscription = clients.subscription(clients.topic())
    future = clients.subscriber.subscribe(subscription, lambda message: message.ack())
    with pytest.raises(NotYetError):
        future.result(timeout=0.3)
    clients.subscriber.delete_subscription(request={"subscription": subscription})

    with pytest.raises(exceptions.NotFound):
        future.result(timeout=10)


# push


def test_pushes_start_few_and_become_many(clients: Clients, server: Running, app: Endpoint) -> None:
    release = threading.Event()

    def slowly(_: object) -> int:
        release.wait(10)
        time.sleep(0.02)
        return 204

    app.answer = slowly
    topic = clients.topic()
    subscription = clients.subscription(topic, push_config=push_config(app))
    clients.publish(topic, *map(str, range(600)))
    until(lambda: len(app.requests) == 4)
    at_first = stats(server, subscription)
    release.set()
    until(lambda: len(app.requests) == 600)

    assert (at_first["in_flight"], at_first["backlog"]) == (4, 600)
    assert 16 <= app.most_at_once <= 64
    assert app.connections <= 64


def test_binary_data_arrives_as_it_was(clients: Clients, app: Endpoint) -> None:
    topic = clients.topic()
    clients.subscription(topic, push_config=push_config(app))
    clients.publish(topic, bytes(range(256)))
    until(lambda: app.requests)

    assert app.bodies() == [bytes(range(256))]


@pytest.mark.parametrize("status", [102, 202])
def test_every_documented_success_is_an_ack(
    clients: Clients, server: Running, app: Endpoint, status: int
) -> None:
    app.answer = lambda _: status
    topic = clients.topic()
    subscription = clients.subscription(topic, push_config=push_config(app))
    clients.publish(topic, "a")
    until(lambda: stats(server, subscription)["acked"] == 1)

    assert len(app.requests) == 1


@pytest.mark.parametrize("status", [203, 302, 404, 429, 503])
def test_anything_else_is_tried_again(clients: Clients, app: Endpoint, status: int) -> None:
    answers = iter([status])
    app.answer = lambda _: next(answers, 204)
    topic = clients.topic()
    clients.subscription(topic, push_config=push_config(app))
    clients.publish(topic, "a")
    until(lambda: len(app.requests) == 2)

    assert app.bodies() == [b"a", b"a"]


def test_backoff_doubles_by_the_retry_policy(clients: Clients, app: Endpoint) -> None:
    answers = iter([500, 500])
    app.answer = lambda _: next(answers, 204)
    topic = clients.topic()
    policy = {"minimum_backoff": {"nanos": 400_000_000}, "maximum_backoff": {"seconds": 2}}
    clients.subscription(topic, push_config=push_config(app), retry_policy=policy)
    clients.publish(topic, "a")
    until(lambda: len(app.requests) == 3)
    first, second, third = (request.at for request in app.requests)

    assert second - first >= 0.4
    assert third - second >= 0.8


def test_an_endpoint_that_comes_up_late_gets_everything(clients: Clients, server: Running) -> None:
    with endpoint() as gone:
        url, port = gone.url, int(gone.url.split(":")[2].split("/")[0])
    topic = clients.topic()
    subscription = clients.subscription(topic, push_config={"push_endpoint": url})
    clients.publish(topic, "a", "b", "c")
    until(lambda: stats(server, subscription)["nacked"] > 0)
    with endpoint(port) as up:
        until(lambda: stats(server, subscription)["backlog"] == 0)

        assert len(up.requests) == 3


def test_a_deleted_push_subscription_pushes_no_more(clients: Clients, app: Endpoint) -> None:
    topic = clients.topic()
    subscription = clients.subscription(topic, push_config=push_config(app))
    other = clients.subscription(topic, push_config=push_config(app))
    clients.subscriber.delete_subscription(request={"subscription": subscription})
    clients.publish(topic, "a")
    until(lambda: app.requests)
    names = [request.headers["x-goog-pubsub-subscription-name"] for request in app.requests]

    assert names == [other]


# the control port


def test_stats_count_what_happened(clients: Clients, server: Running) -> None:
    topic = clients.topic()
    subscription = clients.subscription(topic)
    clients.publish(topic, "a", "b", "c")
    received = clients.pull(subscription, 2)
    clients.ack(subscription, received[:1])
    clients.nack(subscription, received[1:2])
    told = stats(server, subscription)
    age = told.pop("oldest_unacked_seconds")

    assert age >= 0
    assert told == {
        "topic": topic,
        "kind": "pull",
        "backlog": 2,
        "in_flight": 0,
        "delivered": 2,
        "acked": 1,
        "nacked": 1,
        "dead_lettered": 0,
    }
    published = control(server.control_url, "/stats")[1]["topics"][topic]
    assert published["published"] == 3
    assert published["bytes"] > 3


def test_a_publish_can_be_refused_so_many_times(clients: Clients, faults: Any) -> None:
    topic = clients.topic()
    subscription = clients.subscription(topic)
    rule = {"kind": "refuse_publish", "code": "PERMISSION_DENIED", "count": 1, "topic": topic}
    faults(rule)
    with pytest.raises(exceptions.PermissionDenied, match="refused by a fault rule"):
        clients.publish(topic, "refused")
    clients.publish(topic, "taken")

    assert clients.pull_texts(subscription, 1) == ["taken"]


def test_a_lost_answer_makes_the_client_publish_twice(clients: Clients, faults: Any) -> None:
    topic = clients.topic()
    subscription = clients.subscription(topic)
    faults({"kind": "lose_publish", "count": 1, "topic": topic})
    clients.publish(topic, "a")

    assert clients.pull_texts(subscription, 2) == ["a", "a"]


def test_a_publish_can_be_made_to_wait(clients: Clients, faults: Any) -> None:
    topic = clients.topic()
    faults({"kind": "stall_publish", "seconds": 0.5, "count": 1, "topic": topic})
    started = time.monotonic()
    clients.publish(topic, "a")

    assert time.monotonic() - started >= 0.5


def test_a_lost_ack_of_a_push_is_a_second_push(
    clients: Clients, app: Endpoint, faults: Any
) -> None:
    topic = clients.topic()
    subscription = clients.subscription(topic, push_config=push_config(app))
    faults({"kind": "lose_ack", "count": 1, "seconds": 0.1, "subscription": subscription})
    clients.publish(topic, "a")
    until(lambda: len(app.requests) == 2)

    assert app.bodies() == [b"a", b"a"]


def test_a_push_can_be_made_twice(clients: Clients, app: Endpoint, faults: Any) -> None:
    topic = clients.topic()
    subscription = clients.subscription(topic, push_config=push_config(app))
    faults({"kind": "deliver_twice", "count": 1, "subscription": subscription.split("/")[-1]})
    clients.publish(topic, "a")
    until(lambda: len(app.requests) == 2)

    assert app.bodies() == [b"a", b"a"]


def test_rules_in_force_are_shown_and_can_be_cleared(server: Running, faults: Any) -> None:
    faults({"kind": "deliver_twice", "probability": 0.0, "seed": 7})
    (shown,) = control(server.control_url, "/faults")[1]
    assert (shown["kind"], shown["fired"], shown["seed"]) == ("deliver_twice", 0, 7)

    control(server.control_url, "/faults", "DELETE")

    assert control(server.control_url, "/faults") == (200, [])


@pytest.mark.parametrize(
    "rule", [{"kind": "explode"}, {"kind": "lose_ack", "topic": "x"}, 7], ids=str
)
def test_a_bad_rule_is_refused_with_the_reason(server: Running, rule: Any) -> None:
    status, answer = control(server.control_url, "/faults", "POST", rule)

    assert status == 400
    assert answer["error"]


def test_an_unknown_path_names_the_known_ones(server: Running) -> None:
    status, answer = control(server.control_url, "/metrics")

    assert status == 404
    assert "GET /stats" in answer["error"]


def test_one_can_wait_until_everything_is_delivered(
    clients: Clients, server: Running, app: Endpoint
) -> None:
    topic = clients.topic()
    release = threading.Event()
    app.answer = lambda _: 204 if release.wait(10) else 500
    subscription = clients.subscription(topic, push_config=push_config(app))
    clients.publish(topic, "a")
    assert control(server.control_url, "/wait-idle?timeout=0.2", "POST")[0] == 408

    release.set()
    until(lambda: stats(server, subscription)["backlog"] == 0)
    for name, left in control(server.control_url, "/stats")[1]["subscriptions"].items():
        if left["backlog"]:
            clients.subscriber.delete_subscription(request={"subscription": name})

    assert control(server.control_url, "/wait-idle?timeout=5", "POST")[0] == 200


def test_only_the_emulator_variable_is_needed(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.address)
    publisher, subscriber = PublisherClient(), SubscriberClient()
    topic, subscription = f"{PROJECT}/topics/plain", f"{PROJECT}/subscriptions/plain"
    publisher.create_topic(name=topic)
    subscriber.create_subscription(name=subscription, topic=topic)
    publisher.publish(topic, b"hello").result(timeout=10)
    received = subscriber.pull(subscription=subscription, max_messages=1).received_messages
    publisher.stop()
    subscriber.close()

    assert received[0].message.data == b"hello"

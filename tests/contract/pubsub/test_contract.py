"""What both the embedded server and Google's emulator do for the real clients."""

import json
import time
from base64 import b64decode
from datetime import timedelta
from typing import Any

import pytest
from google.api_core import exceptions
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1 import types

from local.pubsub.clients import PROJECT, Clients
from local.pubsub.endpoint import Endpoint, until

pytestmark = pytest.mark.servers
METADATA = {"write_metadata": True}


def unwrapped(app: Endpoint) -> dict[str, Any]:
    return {"push_endpoint": app.url, "no_wrapper": METADATA}


# topics


def test_a_topic_can_be_created_once_found_listed_and_deleted(clients: Clients) -> None:
    topic = clients.topic(labels={"a": "b"})
    assert dict(clients.publisher.get_topic(topic=topic).labels) == {"a": "b"}
    with pytest.raises(exceptions.AlreadyExists):
        clients.publisher.create_topic(name=topic)
    assert topic in [each.name for each in clients.publisher.list_topics(project=PROJECT)]

    clients.publisher.delete_topic(topic=topic)

    with pytest.raises(exceptions.NotFound):
        clients.publisher.get_topic(topic=topic)
    with pytest.raises(exceptions.NotFound):
        clients.publisher.delete_topic(topic=topic)
    with pytest.raises(exceptions.NotFound):
        clients.publish(topic, "x")


@pytest.mark.parametrize("identifier", ["ab", "1abc", "google-x"])
def test_ids_outside_the_rules_are_refused(clients: Clients, identifier: str) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        clients.publisher.create_topic(name=f"{PROJECT}/topics/{identifier}")


def test_a_topics_labels_can_change(clients: Clients) -> None:
    topic = clients.topic(labels={"a": "b"})
    clients.publisher.update_topic(
        request={
            "topic": {"name": topic, "labels": {"c": "d"}},
            "update_mask": FieldMask(paths=["labels"]),
        }
    )

    assert dict(clients.publisher.get_topic(topic=topic).labels) == {"c": "d"}


def test_a_deleted_topic_leaves_its_subscriptions(clients: Clients) -> None:
    topic = clients.topic()
    subscription = clients.subscription(topic)
    clients.publisher.delete_topic(topic=topic)
    left = clients.subscriber.get_subscription(subscription=subscription)

    assert left.topic == "_deleted-topic_"


@pytest.mark.parametrize("seconds", [599, 31 * 86_400 + 1])
def test_retention_outside_ten_minutes_to_31_days_is_refused(
    clients: Clients, seconds: int
) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        clients.topic(message_retention_duration=Duration(seconds=seconds))
    with pytest.raises(exceptions.InvalidArgument):
        clients.subscription(clients.topic(), message_retention_duration=Duration(seconds=seconds))


def test_a_topics_retention_shows_on_its_subscriptions(clients: Clients) -> None:
    topic = clients.topic(message_retention_duration=Duration(seconds=3600))
    subscription = clients.subscription(topic)
    shown = clients.subscriber.get_subscription(subscription=subscription)

    assert shown.topic_message_retention_duration == timedelta(hours=1)


# publishing


def test_an_empty_message_is_refused(clients: Clients) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        clients.publish(clients.topic(), "")


def test_too_many_attributes_are_refused(clients: Clients) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        clients.publish(clients.topic(), "x", **{f"a{n}": "" for n in range(101)})


def test_a_reserved_attribute_key_is_refused(clients: Clients) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        clients.publish(clients.topic(), "x", googclient_a="")


@pytest.mark.parametrize("attribute", [("k" * 257, "v"), ("k", "v" * 1025)], ids=["key", "value"])
def test_too_long_attributes_are_refused(clients: Clients, attribute: tuple[str, str]) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        clients.publish(clients.topic(), "x", **dict([attribute]))


# subscriptions


def test_a_subscription_can_be_created_once_found_listed_and_deleted(clients: Clients) -> None:
    topic = clients.topic()
    subscription = clients.subscription(topic)
    found = clients.subscriber.get_subscription(subscription=subscription)
    assert (found.topic, found.ack_deadline_seconds) == (topic, 10)
    assert found.message_retention_duration == timedelta(days=7)
    with pytest.raises(exceptions.AlreadyExists):
        clients.subscriber.create_subscription(name=subscription, topic=topic)
    listed = clients.subscriber.list_subscriptions(project=PROJECT)
    assert subscription in [each.name for each in listed]
    assert list(clients.publisher.list_topic_subscriptions(topic=topic)) == [subscription]

    clients.subscriber.delete_subscription(subscription=subscription)

    with pytest.raises(exceptions.NotFound):
        clients.subscriber.get_subscription(subscription=subscription)
    with pytest.raises(exceptions.NotFound):
        clients.pull(subscription)


def test_a_subscription_needs_its_topic(clients: Clients) -> None:
    with pytest.raises(exceptions.NotFound):
        clients.subscription(f"{PROJECT}/topics/no-such-topic")


def test_properties_can_be_updated(clients: Clients) -> None:
    subscription = clients.subscription(clients.topic())
    clients.subscriber.update_subscription(
        request={
            "subscription": {"name": subscription, "ack_deadline_seconds": 77},
            "update_mask": FieldMask(paths=["ack_deadline_seconds"]),
        }
    )

    found = clients.subscriber.get_subscription(subscription=subscription)

    assert found.ack_deadline_seconds == 77


def test_an_ack_deadline_below_10_seconds_is_refused(clients: Clients) -> None:
    with pytest.raises(exceptions.BadRequest):
        clients.subscription(clients.topic(), ack_deadline_seconds=9)


def test_an_ack_deadline_above_600_seconds_is_refused(clients: Clients) -> None:
    with pytest.raises(exceptions.BadRequest):
        clients.subscription(clients.topic(), ack_deadline_seconds=601)


@pytest.mark.parametrize("attempts", [4, 101])
def test_delivery_attempts_outside_5_to_100_are_refused(clients: Clients, attempts: int) -> None:
    policy = {"dead_letter_topic": clients.topic(), "max_delivery_attempts": attempts}

    with pytest.raises(exceptions.BadRequest):
        clients.subscription(clients.topic(), dead_letter_policy=policy)


def test_a_dead_letter_topic_must_exist(clients: Clients) -> None:
    policy = {"dead_letter_topic": f"{PROJECT}/topics/no-such-topic"}

    with pytest.raises(exceptions.NotFound):
        clients.subscription(clients.topic(), dead_letter_policy=policy)


@pytest.mark.parametrize(
    "properties",
    [
        {"bigquery_config": {"table": "p.d.t", "use_topic_schema": True}},
        {"cloud_storage_config": {"bucket": "b"}},
    ],
    ids=str,
)
def test_what_google_has_and_this_has_not_is_refused(
    clients: Clients, properties: dict[str, Any]
) -> None:
    with pytest.raises(exceptions.MethodNotImplemented):
        clients.subscription(clients.topic(), **properties)


def test_detaching_is_refused(clients: Clients) -> None:
    subscription = clients.subscription(clients.topic())

    with pytest.raises(exceptions.MethodNotImplemented):
        clients.publisher.detach_subscription(request={"subscription": subscription})


# pulling


def test_a_message_arrives_as_it_was_published(clients: Clients) -> None:
    topic = clients.topic()
    subscription = clients.subscription(topic)
    (message_id,) = clients.publish(topic, bytes(range(256)), lang="en", empty="")
    (received,) = clients.pull(subscription)

    assert received.message.data == bytes(range(256))
    assert dict(received.message.attributes) == {"lang": "en", "empty": ""}
    assert received.message.message_id == message_id
    assert abs(received.message.publish_time.timestamp() - time.time()) < 60


def test_every_subscription_gets_every_message(clients: Clients) -> None:
    topic = clients.topic()
    subscriptions = [clients.subscription(topic) for _ in range(2)]
    clients.publish(topic, "a", "b")

    assert [sorted(clients.pull_texts(each, 2)) for each in subscriptions] == [["a", "b"]] * 2


def test_a_new_subscription_does_not_see_older_messages(clients: Clients) -> None:
    topic = clients.topic()
    clients.publish(topic, "before")
    subscription = clients.subscription(topic)
    clients.publish(topic, "after")

    assert clients.pull_texts(subscription, 1) == ["after"]


def test_a_new_subscription_does_not_see_older_messages_of_a_retaining_topic(
    clients: Clients,
) -> None:
    topic = clients.topic(message_retention_duration=Duration(seconds=600))
    clients.publish(topic, "before")
    subscription = clients.subscription(topic)
    clients.publish(topic, "after")

    assert clients.pull_texts(subscription, 1) == ["after"]


def test_an_acknowledged_message_does_not_come_again(clients: Clients) -> None:
    topic = clients.topic()
    subscription = clients.subscription(topic)
    clients.publish(topic, "a")
    clients.ack(subscription, clients.pull(subscription))

    assert clients.pull_now(subscription) == []


def test_a_nacked_message_comes_again_with_another_ack_id(clients: Clients) -> None:
    topic = clients.topic()
    subscription = clients.subscription(topic)
    clients.publish(topic, "a")
    first = clients.pull(subscription)
    clients.nack(subscription, first)
    second = clients.pull(subscription)

    assert second[0].message == first[0].message
    assert second[0].ack_id != first[0].ack_id


def test_a_message_comes_again_after_its_deadline(clients: Clients) -> None:
    topic = clients.topic()
    subscription = clients.subscription(topic)
    clients.publish(topic, "a")
    clients.modify(subscription, clients.pull(subscription), 1)

    assert clients.pull_texts(subscription, 1) == ["a"]


def test_a_second_ack_is_harmless(clients: Clients) -> None:
    topic = clients.topic()
    subscription = clients.subscription(topic)
    clients.publish(topic, "a")
    received = clients.pull(subscription)
    clients.ack(subscription, received)
    clients.ack(subscription, received)
    clients.nack(subscription, received)

    assert clients.pull_now(subscription) == []


def test_delivery_attempts_are_counted_with_a_dead_letter_policy(clients: Clients) -> None:
    topic, dead = clients.topic(), clients.topic()
    subscription = clients.subscription(topic, dead_letter_policy={"dead_letter_topic": dead})
    clients.publish(topic, "a")
    attempts = []
    for _ in range(2):
        received = clients.pull(subscription)
        attempts.append(received[0].delivery_attempt)
        clients.nack(subscription, received)

    assert attempts == [1, 2]


def test_attempts_are_not_told_without_one(clients: Clients) -> None:
    topic = clients.topic()
    subscription = clients.subscription(topic)
    clients.publish(topic, "a")

    assert clients.pull(subscription)[0].delivery_attempt == 0


def test_a_message_ends_as_dead_letter_after_its_attempts(clients: Clients) -> None:
    topic, dead = clients.topic(), clients.topic()
    letters = clients.subscription(dead)
    policy = {"dead_letter_topic": dead, "max_delivery_attempts": 5}
    subscription = clients.subscription(topic, dead_letter_policy=policy)
    clients.publish(topic, "a", kind="x")
    for _ in range(5):
        clients.nack(subscription, clients.pull_some(subscription))
    assert clients.pull_now(subscription) == []  # Google's forwards a letter when asked for more
    (letter,) = clients.pull_some(letters)
    attributes = dict(letter.message.attributes)

    assert letter.message.data == b"a"
    assert attributes.pop("kind") == "x"
    assert attributes.pop("CloudPubSubDeadLetterSourceSubscription") == subscription.split("/")[-1]
    assert attributes.pop("CloudPubSubDeadLetterSourceSubscriptionProject") == "p"
    assert attributes.pop("CloudPubSubDeadLetterSourceDeliveryCount") == "5"
    assert list(attributes) == ["CloudPubSubDeadLetterSourceTopicPublishTime"]


# filters


def test_only_matching_messages_arrive(clients: Clients) -> None:
    topic = clients.topic()
    subscription = clients.subscription(topic, filter='attributes.lang = "en"')
    clients.publish(topic, "no", lang="de")
    clients.publish(topic, "yes", lang="en")

    assert clients.pull_texts(subscription, 1) == ["yes"]


def test_a_filter_may_test_for_a_key_or_a_prefix(clients: Clients) -> None:
    topic = clients.topic()
    text = 'attributes:lang AND NOT hasPrefix(attributes.ce-type, "gap.")'
    subscription = clients.subscription(topic, filter=text)
    clients.publish(topic, "no", **{"ce-type": "tweet.x"})
    clients.publish(topic, "no", lang="de", **{"ce-type": "gap.x"})
    clients.publish(topic, "yes", lang="en", **{"ce-type": "tweet.x"})

    assert clients.pull_texts(subscription, 1) == ["yes"]


def test_a_bad_filter_is_refused(clients: Clients) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        clients.subscription(clients.topic(), filter="bogus(")


# streaming


def test_a_stream_delivers_everything(clients: Clients) -> None:
    topic = clients.topic()
    subscription = clients.subscription(topic)
    seen: list[str] = []

    def receive(message: Any) -> None:
        seen.append(message.data.decode())
        message.ack()

    future = clients.subscriber.subscribe(subscription, receive)
    texts = [str(n) for n in range(200)]
    clients.publish(topic, *texts)
    until(lambda: len(seen) >= 200)
    future.cancel()
    future.result(timeout=10)

    assert sorted(seen) == sorted(texts)
    assert clients.pull_now(subscription) == []


def test_what_a_stream_nacks_comes_again(clients: Clients) -> None:
    topic = clients.topic()
    subscription = clients.subscription(topic)
    seen: list[str] = []

    def receive(message: Any) -> None:
        seen.append(message.data.decode())
        message.ack() if seen.count("a") > 1 else message.nack()

    future = clients.subscriber.subscribe(subscription, receive)
    clients.publish(topic, "a")
    until(lambda: len(seen) == 2)
    future.cancel()
    future.result(timeout=10)

    assert seen == ["a", "a"]


def test_a_stream_of_a_missing_subscription_ends(clients: Clients) -> None:
    name = f"{PROJECT}/subscriptions/no-such-subscription"
    future = clients.subscriber.subscribe(name, lambda message: message.ack())

    with pytest.raises(exceptions.NotFound):
        future.result(timeout=20)


def test_a_push_subscription_has_no_streams(clients: Clients, app: Endpoint) -> None:
    subscription = clients.subscription(clients.topic(), push_config=unwrapped(app))
    future = clients.subscriber.subscribe(subscription, lambda message: message.ack())

    with pytest.raises(exceptions.FailedPrecondition):
        future.result(timeout=20)


def test_an_ack_without_ack_ids_is_refused(clients: Clients) -> None:
    subscription = clients.subscription(clients.topic())

    with pytest.raises(exceptions.InvalidArgument):
        clients.subscriber.acknowledge(subscription=subscription, ack_ids=[])


# push


def test_an_unwrapped_push_is_the_data_with_attributes_as_headers(
    clients: Clients, app: Endpoint
) -> None:
    topic = clients.topic()
    subscription = clients.subscription(topic, push_config=unwrapped(app))
    attributes = {"ce-id": "1", "ce-type": "t", "content-type": "application/json"}
    (message_id,) = clients.publish(topic, '{"text": "ü 😀"}', **attributes)
    until(lambda: app.requests)
    (request,) = app.requests

    assert request.body == '{"text": "ü 😀"}'.encode()
    assert {name: request.headers[name] for name in attributes} == attributes
    assert request.headers["x-goog-pubsub-message-id"] == message_id
    assert request.headers["x-goog-pubsub-subscription-name"] == subscription
    assert request.headers["x-goog-pubsub-publish-time"].endswith("Z")


def test_a_wrapped_push_is_the_documented_json(clients: Clients, app: Endpoint) -> None:
    topic = clients.topic()
    subscription = clients.subscription(topic, push_config={"push_endpoint": f"{app.url}?token=x"})
    (message_id,) = clients.publish(topic, b"\x00\xff", kind="x")
    until(lambda: app.requests)
    (request,) = app.requests
    outer = json.loads(request.body)
    inner = outer["message"]

    assert request.path == "/push?token=x"
    assert request.headers["content-type"] == "application/json"
    assert outer["subscription"] == subscription
    assert b64decode(inner["data"]) == b"\x00\xff"
    assert inner["attributes"] == {"kind": "x"}
    assert inner["messageId"] == inner["message_id"] == message_id
    assert inner["publishTime"] == inner["publish_time"]


def test_a_wrapped_push_tells_ordering_key_and_attempt(clients: Clients, app: Endpoint) -> None:
    topic, dead = clients.topic(), clients.topic()
    clients.subscription(
        topic,
        push_config={"push_endpoint": app.url},
        dead_letter_policy={"dead_letter_topic": dead},
    )
    keyed = types.PubsubMessage(data=b"a", ordering_key="user-7")
    clients.publisher.transport.publish(types.PublishRequest(topic=topic, messages=[keyed]))
    until(lambda: app.requests)
    outer = json.loads(app.requests[0].body)

    assert outer.get("deliveryAttempt") == 1
    assert outer["message"].get("orderingKey") == "user-7"


@pytest.mark.parametrize("status", [200, 204])
def test_success_is_an_ack(clients: Clients, app: Endpoint, status: int) -> None:
    app.answer = lambda _: status
    topic = clients.topic()
    subscription = clients.subscription(topic, push_config=unwrapped(app))
    clients.publish(topic, "a")
    until(lambda: app.requests)
    clients.subscriber.modify_push_config(subscription=subscription, push_config={})

    assert clients.pull(subscription, seconds=1.5) == []


def test_a_status_of_202_is_an_ack(clients: Clients, app: Endpoint) -> None:
    app.answer = lambda _: 202
    topic = clients.topic()
    clients.subscription(topic, push_config=unwrapped(app))
    clients.publish(topic, "a")
    until(lambda: app.requests)
    clients.publish(topic, "b")
    until(lambda: b"b" in app.bodies())
    time.sleep(1.5)  # a redelivery would come after a second

    assert app.bodies() == [b"a", b"b"]


def test_a_status_of_203_is_no_ack(clients: Clients, app: Endpoint) -> None:
    answers = iter([203])
    app.answer = lambda _: next(answers, 204)
    topic = clients.topic()
    clients.subscription(topic, push_config=unwrapped(app))
    clients.publish(topic, "a")
    until(lambda: len(app.requests) == 2, seconds=2)


def test_a_refused_push_comes_again(clients: Clients, app: Endpoint) -> None:
    answers = iter([500, 429])
    app.answer = lambda _: next(answers, 204)
    topic = clients.topic()
    clients.subscription(topic, push_config=unwrapped(app))
    clients.publish(topic, "a")
    until(lambda: len(app.requests) == 3)

    assert app.bodies() == [b"a"] * 3


def test_a_retry_waits_for_the_minimum_backoff(clients: Clients, app: Endpoint) -> None:
    answers = iter([500])
    app.answer = lambda _: next(answers, 204)
    topic = clients.topic()
    policy = {"minimum_backoff": Duration(seconds=2), "maximum_backoff": Duration(seconds=60)}
    clients.subscription(topic, push_config=unwrapped(app), retry_policy=policy)
    clients.publish(topic, "a")
    until(lambda: len(app.requests) == 2)
    first, second = (request.at for request in app.requests)

    assert second - first >= 2


def test_a_poison_message_does_not_hold_up_the_others(clients: Clients, app: Endpoint) -> None:
    app.answer = lambda request: 500 if request.body == b"poison" else 204
    topic = clients.topic()
    clients.subscription(topic, push_config=unwrapped(app))
    clients.publish(topic, "poison", *map(str, range(20)))
    until(lambda: len({body for body in app.bodies() if body != b"poison"}) == 20)


def test_a_push_that_fails_for_good_ends_as_dead_letter(clients: Clients, app: Endpoint) -> None:
    app.answer = lambda _: 500
    topic, dead = clients.topic(), clients.topic()
    letters = clients.subscription(dead)
    policy = {"dead_letter_topic": dead, "max_delivery_attempts": 5}
    clients.subscription(topic, push_config=unwrapped(app), dead_letter_policy=policy)
    clients.publish(topic, "a")

    assert clients.pull_texts(letters, 1) == ["a"]
    assert len(app.requests) == 5


def test_an_empty_push_configuration_pauses_and_another_resumes(
    clients: Clients, app: Endpoint
) -> None:
    topic = clients.topic()
    subscription = clients.subscription(topic, push_config=unwrapped(app))
    clients.publish(topic, "pushed")
    until(lambda: app.requests)
    clients.subscriber.modify_push_config(subscription=subscription, push_config={})
    clients.publish(topic, "pulled")
    assert clients.pull_texts(subscription, 1) == ["pulled"]

    clients.publish(topic, "resumed")
    clients.subscriber.modify_push_config(subscription=subscription, push_config=unwrapped(app))
    until(lambda: len(app.requests) == 2)

    assert app.bodies() == [b"pushed", b"resumed"]


def test_binary_data_is_pushed_as_it_is(clients: Clients, app: Endpoint) -> None:
    topic = clients.topic()
    clients.subscription(topic, push_config=unwrapped(app))
    clients.publish(topic, bytes(range(256)))
    until(lambda: app.requests)

    assert app.bodies() == [bytes(range(256))]


def test_a_line_break_in_an_attribute_stops_nothing(clients: Clients, app: Endpoint) -> None:
    topic = clients.topic()
    clients.subscription(topic, push_config=unwrapped(app))
    clients.publish(topic, "a", "b", note="one\r\ntwo: three")
    clients.publish(topic, "c")
    until(lambda: len(app.requests) == 3, seconds=3)

    assert not any("two" in request.headers for request in app.requests)


# replay


def seek(clients: Clients, subscription: str, **target: Any) -> None:
    clients.subscriber.seek(request={"subscription": subscription, **target})


def three(clients: Clients, topic: str, subscription: str) -> list[Any]:
    """Publish and acknowledge a, b and c, each at a time of its own."""
    received = []
    for text in ("a", "b", "c"):
        clients.publish(topic, text)
        received += clients.pull(subscription)
        time.sleep(0.02)  # publish times are told apart by the millisecond
    clients.ack(subscription, received)
    return received


def test_a_seek_to_a_time_brings_back_what_came_since(clients: Clients) -> None:
    topic = clients.topic()
    subscription = clients.subscription(topic, retain_acked_messages=True)
    _, second, _ = three(clients, topic, subscription)
    seek(clients, subscription, time=second.message.publish_time)

    assert sorted(clients.pull_texts(subscription, 2)) == ["b", "c"]


def test_topic_retention_is_enough_to_go_back(clients: Clients) -> None:
    topic = clients.topic(message_retention_duration=Duration(seconds=600))
    subscription = clients.subscription(topic)
    _, second, _ = three(clients, topic, subscription)
    seek(clients, subscription, time=second.message.publish_time)

    assert sorted(clients.pull_texts(subscription, 2)) == ["b", "c"]


def test_without_retention_nothing_comes_back(clients: Clients) -> None:
    topic = clients.topic()
    subscription = clients.subscription(topic)
    first, _, _ = three(clients, topic, subscription)
    seek(clients, subscription, time=first.message.publish_time)
    clients.publish(topic, "new")

    assert clients.pull_texts(subscription, 1) == ["new"]


def test_a_seek_forward_drops_the_backlog(clients: Clients) -> None:
    topic = clients.topic()
    subscription = clients.subscription(topic)
    clients.publish(topic, "a", "b")
    seek(clients, subscription, time={"seconds": int(time.time()) + 3600})

    assert clients.pull_now(subscription) == []


def test_a_seek_brings_pushes_back(clients: Clients, app: Endpoint) -> None:
    topic = clients.topic()
    subscription = clients.subscription(
        topic, push_config=unwrapped(app), retain_acked_messages=True
    )
    clients.publish(topic, "a")
    until(lambda: app.requests)
    time.sleep(0.3)  # for the answer to have been read
    seek(clients, subscription, time={"seconds": 946_684_800})
    until(lambda: len(app.requests) == 2)

    assert app.bodies() == [b"a", b"a"]


def test_a_snapshot_brings_back_what_was_owed_and_what_came_after(clients: Clients) -> None:
    topic = clients.topic()
    subscription = clients.subscription(topic)
    clients.publish(topic, "acked")
    clients.pull_texts(subscription, 1)
    clients.publish(topic, "owed")
    snapshot = f"{PROJECT}/snapshots/{subscription.split('/')[-1]}"
    taken = clients.subscriber.create_snapshot(name=snapshot, subscription=subscription)
    clients.publish(topic, "later")
    assert len(clients.pull_texts(subscription, 2)) == 2
    seek(clients, subscription, snapshot=snapshot)

    assert taken.topic == topic
    assert sorted(clients.pull_texts(subscription, 2)) == ["later", "owed"]


def test_a_snapshot_can_be_created_once_listed_and_deleted(clients: Clients) -> None:
    subscription = clients.subscription(clients.topic())
    snapshot = f"{PROJECT}/snapshots/{subscription.split('/')[-1]}"
    clients.subscriber.create_snapshot(name=snapshot, subscription=subscription)
    with pytest.raises(exceptions.AlreadyExists):
        clients.subscriber.create_snapshot(name=snapshot, subscription=subscription)
    listed = clients.subscriber.list_snapshots(project=PROJECT)
    assert snapshot in [each.name for each in listed]

    clients.subscriber.delete_snapshot(snapshot=snapshot)

    with pytest.raises(exceptions.NotFound):
        clients.subscriber.delete_snapshot(snapshot=snapshot)
    with pytest.raises(exceptions.NotFound):
        seek(clients, subscription, snapshot=snapshot)


def test_a_snapshots_labels_are_kept(clients: Clients) -> None:
    subscription = clients.subscription(clients.topic())
    snapshot = f"{PROJECT}/snapshots/{subscription.split('/')[-1]}"
    request = {"name": snapshot, "subscription": subscription, "labels": {"a": "b"}}
    clients.subscriber.create_snapshot(request=request)

    kept = clients.subscriber.get_snapshot(snapshot=snapshot)

    assert dict(kept.labels) == {"a": "b"}

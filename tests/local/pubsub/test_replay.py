from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from local.pubsub.builders import SUBSCRIPTION, TOPIC, House
from tweetlog_local.pubsub import cleanup
from tweetlog_local.pubsub.api import MICROS, request_type
from tweetlog_local.pubsub.errors import ApiError
from tweetlog_local.pubsub.replay import Snapshots, oldest_unacked_seconds, seek_to_time

SNAPSHOT = "projects/p/snapshots/before"
DAY = 86_400


def seek(house: House, seconds_ago: float) -> None:
    micros = int((house.clock() - seconds_ago) * MICROS)
    seek_to_time(house.broker, house.find(), micros)


def snapshot(snapshots: Snapshots, name: str = SNAPSHOT, **properties: Any) -> Any:
    request = request_type("CreateSnapshot")(name=name, subscription=SUBSCRIPTION, **properties)
    return snapshots.create(request)


def three_messages_ten_seconds_apart(house: House) -> None:
    for text in ("a", "b", "c"):
        house.publish(text)
        house.clock.passes(10)


def test_a_seek_brings_back_what_was_acknowledged_since(house: House) -> None:
    house.topic()
    subscription = house.subscription(retain_acked_messages=True)
    three_messages_ten_seconds_apart(house)
    house.drain(subscription)
    seek(house, 20)

    assert house.drain(subscription) == ["b", "c"]


def test_a_seek_into_the_deep_past_brings_back_all(house: House) -> None:
    house.topic()
    subscription = house.subscription(retain_acked_messages=True)
    three_messages_ten_seconds_apart(house)
    house.drain(subscription)
    seek(house, 10**9)

    assert house.drain(subscription) == ["a", "b", "c"]


def test_a_seek_to_now_or_later_acknowledges_the_backlog(house: House) -> None:
    house.topic()
    subscription = house.subscription()
    three_messages_ten_seconds_apart(house)
    seek(house, -1)

    assert house.drain(subscription) == []
    assert oldest_unacked_seconds(house.broker, subscription) is None


def test_without_retention_acknowledged_messages_do_not_come_back(house: House) -> None:
    house.topic()
    subscription = house.subscription()
    three_messages_ten_seconds_apart(house)
    house.broker.ack(subscription, [each.ack_id for each in house.take(subscription, 2)])
    seek(house, 100)

    assert house.drain(subscription) == ["c"]


def test_topic_retention_lets_even_a_later_subscription_go_back(house: House) -> None:
    house.topic(message_retention_duration={"seconds": 3600})
    three_messages_ten_seconds_apart(house)
    subscription = house.subscription()
    assert house.drain(subscription) == []

    seek(house, 20)

    assert house.drain(subscription) == ["b", "c"]


def test_a_seek_goes_back_only_as_far_as_messages_are_retained(house: House) -> None:
    house.topic(message_retention_duration={"seconds": 600})
    subscription = house.subscription()
    house.publish("old")
    house.clock.passes(700)
    house.publish("new")
    house.drain(subscription)
    seek(house, 10_000)

    assert house.drain(subscription) == ["new"]


def test_acks_of_deliveries_from_before_a_seek_change_nothing(house: House) -> None:
    house.topic()
    subscription = house.subscription(retain_acked_messages=True)
    three_messages_ten_seconds_apart(house)
    old = [each.ack_id for each in house.take(subscription)]
    seek(house, 100)
    house.broker.ack(subscription, old)

    assert house.drain(subscription) == ["a", "b", "c"]


def test_a_seek_survives_a_restart(house: House) -> None:
    house.topic()
    subscription = house.subscription(retain_acked_messages=True)
    three_messages_ten_seconds_apart(house)
    house.drain(subscription)
    seek(house, 20)
    house.broker.flush()
    house.restart()

    assert house.drain(house.find()) == ["b", "c"]


def test_a_filter_holds_after_a_seek(house: House) -> None:
    house.topic(message_retention_duration={"seconds": 600})
    subscription = house.subscription(filter="attributes:keep")
    house.publish("a", keep="yes")
    house.publish("b")
    house.drain(subscription)
    seek(house, 100)

    assert house.drain(subscription) == ["a"]


def test_a_snapshot_brings_back_what_was_unacknowledged_and_what_came_after(house: House) -> None:
    house.topic()
    subscription, snapshots = house.subscription(), Snapshots(house.broker)
    house.publish("acked")
    house.drain(subscription)
    house.publish("owed")
    snapshot(snapshots)
    house.publish("later")
    house.drain(subscription)
    snapshots.seek(subscription, SNAPSHOT)

    assert house.drain(subscription) == ["owed", "later"]


def test_a_snapshot_keeps_its_messages_from_the_clean_up(house: House) -> None:
    house.topic()
    subscription, snapshots = house.subscription(), Snapshots(house.broker)
    house.publish("owed")
    snapshot(snapshots)
    house.drain(subscription)
    house.clock.passes(1)
    list(cleanup.clean(house.broker, snapshots))
    snapshots.seek(subscription, SNAPSHOT)

    assert house.drain(subscription) == ["owed"]


def test_snapshots_survive_a_restart(house: House) -> None:
    house.topic()
    house.subscription()
    snapshot(Snapshots(house.broker), labels={"a": "b"})
    house.restart()

    (kept,) = Snapshots(house.broker).all()

    assert (kept.name, kept.topic, dict(kept.labels)) == (SNAPSHOT, TOPIC, {"a": "b"})


def test_a_snapshot_lives_seven_days_less_the_age_of_the_oldest_message(house: House) -> None:
    house.topic()
    house.subscription()
    snapshots = Snapshots(house.broker)
    house.publish("a")
    house.clock.passes(DAY)
    taken = snapshot(snapshots)
    assert taken.expire_time.seconds == int(house.clock()) + 6 * DAY

    house.clock.passes(6 * DAY)

    assert snapshots.all() == []


def test_a_snapshot_that_would_live_less_than_an_hour_is_refused(house: House) -> None:
    house.topic()
    house.subscription()
    house.publish("a")
    house.clock.passes(7 * DAY - 1800)

    with pytest.raises(ApiError, match="less than an hour") as error:
        snapshot(Snapshots(house.broker))

    assert error.value.code == "FAILED_PRECONDITION"


def test_a_snapshot_of_another_topic_is_refused(house: House) -> None:
    house.topic()
    house.topic("projects/p/topics/other")
    house.subscription()
    other = house.subscription("projects/p/subscriptions/other", "projects/p/topics/other")
    snapshots = Snapshots(house.broker)
    snapshot(snapshots)

    with pytest.raises(ApiError, match="of another topic"):
        snapshots.seek(other, SNAPSHOT)


def test_snapshot_names_are_unique_and_missing_ones_not_found(house: House) -> None:
    house.topic()
    house.subscription()
    snapshots = Snapshots(house.broker)
    snapshot(snapshots)
    with pytest.raises(ApiError, match="already exists"):
        snapshot(snapshots)

    snapshots.delete(SNAPSHOT)

    with pytest.raises(ApiError, match="does not exist"):
        snapshots.get(SNAPSHOT)


def test_a_snapshots_labels_can_change(house: House) -> None:
    house.topic()
    house.subscription()
    snapshots = Snapshots(house.broker)
    snapshot(snapshots, labels={"a": "b"})
    request = request_type("UpdateSnapshot")(update_mask=FieldMask(paths=["labels"]))
    request.snapshot.name = SNAPSHOT
    request.snapshot.labels["c"] = "d"
    snapshots.update(request)

    assert dict(snapshots.get(SNAPSHOT).labels) == {"c": "d"}


# clean-up


def kept(house: House) -> int:
    """How many messages the log holds."""
    count = house.broker.log._db.execute("SELECT count(*) FROM message")  # noqa: SLF001 - to see
    number: int = count.fetchone()[0]
    return number


def clean(house: House) -> None:
    list(cleanup.clean(house.broker, Snapshots(house.broker)))


def test_what_everybody_acknowledged_leaves_the_log(house: House) -> None:
    house.topic()
    one = house.subscription()
    two = house.subscription("projects/p/subscriptions/two")
    house.publish("a", "b")
    house.clock.passes(1)
    house.drain(one)
    clean(house)
    assert kept(house) == 2

    house.drain(two)
    clean(house)

    assert kept(house) == 0


def test_an_old_unacknowledged_message_does_not_keep_those_after_it(house: House) -> None:
    house.topic()
    subscription = house.subscription()
    house.publish("stuck", "b", "c")
    house.clock.passes(1)
    _, *rest = house.take(subscription)
    house.broker.ack(subscription, [each.ack_id for each in rest])
    clean(house)

    assert kept(house) == 1


def test_a_topic_nobody_reads_keeps_nothing_beyond_its_retention(house: House) -> None:
    house.topic(message_retention_duration={"seconds": 600})
    house.publish("a")
    clean(house)
    assert kept(house) == 1

    house.clock.passes(601)
    clean(house)

    assert kept(house) == 0


def test_retained_acknowledged_messages_stay_for_as_long_as_was_said(house: House) -> None:
    house.topic()
    retention = {"seconds": 600}
    subscription = house.subscription(
        retain_acked_messages=True, message_retention_duration=retention
    )
    house.publish("a")
    house.drain(subscription)
    clean(house)
    assert kept(house) == 1

    house.clock.passes(601)
    clean(house)

    assert kept(house) == 0


def test_a_backlog_expires_with_the_subscriptions_retention(house: House) -> None:
    house.topic()
    subscription = house.subscription(message_retention_duration={"seconds": 600})
    house.publish("old")
    house.clock.passes(601)
    house.publish("new")
    clean(house)

    assert house.drain(subscription) == ["new"]
    assert kept(house) == 1


def test_a_message_in_flight_while_it_expires_is_gone_without_harm(house: House) -> None:
    house.topic()
    subscription = house.subscription(message_retention_duration={"seconds": 600})
    house.publish("old")
    (delivery,) = house.take(subscription)
    house.clock.passes(601)
    clean(house)
    house.broker.nack(subscription, [delivery.ack_id])

    assert house.drain(subscription) == []


def test_a_deleted_topic_is_forgotten_with_its_last_subscription(house: House) -> None:
    house.topic()
    house.subscription()
    house.publish("a")
    house.broker.delete_topic(TOPIC)
    clean(house)
    assert kept(house) == 1

    house.clock.passes(1)
    house.broker.delete_subscription(SUBSCRIPTION)
    clean(house)

    assert kept(house) == 0
    assert house.broker.topic_ids() == []


def test_a_clean_up_gives_others_their_turn_and_comes_to_an_end(house: House) -> None:
    house.topic()
    subscription = house.subscription()
    for _ in range(3):
        house.publish(*["x"] * 500)
    house.clock.passes(1)
    while house.drain(subscription):
        pass
    steps = len(list(cleanup.clean(house.broker, Snapshots(house.broker))))

    assert kept(house) == 0
    assert steps >= 3


def test_publishing_goes_on_where_it_was_after_everything_was_removed(house: House) -> None:
    house.topic()
    subscription = house.subscription()
    (before,) = house.publish("a")
    house.clock.passes(1)
    house.drain(subscription)
    clean(house)
    house.restart()
    (after,) = house.publish("b")

    assert int(after) == int(before) + 1
    assert house.drain(house.find()) == ["b"]

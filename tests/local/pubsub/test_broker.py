from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from local.pubsub.builders import SUBSCRIPTION, TOPIC, Clock, House, text_of
from tweetlog_local.pubsub import broker
from tweetlog_local.pubsub.api import PubsubMessage, request_type
from tweetlog_local.pubsub.delivery import Holder
from tweetlog_local.pubsub.errors import ApiError

DEAD = "projects/p/topics/dead"
POLICY = {"dead_letter_topic": DEAD, "max_delivery_attempts": 5}


def updated(house: House, mask: str, **properties: Any) -> None:
    request = request_type("UpdateSubscription")(update_mask=FieldMask(paths=[mask]))
    request.subscription.name = SUBSCRIPTION
    request.subscription.MergeFrom(type(request.subscription)(**properties))
    house.broker.update_subscription(request)


def test_what_is_published_is_delivered_once_in_order(house: House) -> None:
    house.topic()
    subscription = house.subscription()
    house.publish("a", "b")
    house.publish("c")

    assert house.drain(subscription) == ["a", "b", "c"]
    assert house.drain(subscription) == []


def test_ids_and_times_rise_within_a_topic_even_if_the_clock_runs_back(house: House) -> None:
    house.topic()
    subscription = house.subscription()
    house.publish("a")
    house.clock.passes(-100)
    house.publish("b")
    first, second = (PubsubMessage.FromString(d.body) for d in house.take(subscription))

    assert int(first.message_id) < int(second.message_id)
    assert first.publish_time.ToNanoseconds() <= second.publish_time.ToNanoseconds()


def test_every_subscription_gets_its_own_copy(house: House) -> None:
    house.topic()
    one = house.subscription("projects/p/subscriptions/one")
    two = house.subscription("projects/p/subscriptions/two")
    house.publish("a")

    assert house.drain(one) == house.drain(two) == ["a"]


def test_topics_do_not_mix(house: House) -> None:
    house.topic()
    other = house.topic("projects/p/topics/other")
    subscription = house.subscription()
    house.publish("a")
    house.publish("x", topic=other)
    house.publish("b")

    assert house.drain(subscription) == ["a", "b"]


def test_a_new_subscription_does_not_see_older_messages(house: House) -> None:
    house.topic()
    house.publish("before")
    subscription = house.subscription()
    house.publish("after")

    assert house.drain(subscription) == ["after"]


def test_what_is_leased_is_not_delivered_to_another(house: House) -> None:
    house.topic()
    subscription = house.subscription()
    house.publish("a", "b")

    assert house.texts(subscription, 1) == ["a"]
    assert house.texts(subscription, 9) == ["b"]
    assert house.texts(subscription, 9) == []


def test_an_unacked_message_comes_again_after_its_deadline(house: House) -> None:
    house.topic()
    subscription = house.subscription()
    house.publish("a")
    house.take(subscription)
    house.clock.passes(9.9)
    assert house.texts(subscription) == []

    house.clock.passes(0.2)

    assert house.texts(subscription) == ["a"]


def test_a_nack_brings_a_message_back_at_once_without_a_retry_policy(house: House) -> None:
    house.topic()
    subscription = house.subscription()
    house.publish("a")
    (delivery,) = house.take(subscription)
    house.broker.modify_deadline(subscription, [delivery.ack_id], 0)

    assert house.texts(subscription) == ["a"]


def test_a_retry_policy_delays_more_with_each_failure(house: House) -> None:
    house.topic()
    policy = {"minimum_backoff": {"seconds": 10}, "maximum_backoff": {"seconds": 30}}
    subscription = house.subscription(retry_policy=policy)
    house.publish("a")
    waits = []
    for _ in range(4):
        (delivery,) = house.take(subscription)
        house.broker.nack(subscription, [delivery.ack_id])
        waits.append(house.broker.next_due(subscription) - house.clock())
        house.clock.passes(waits[-1])

    assert waits == [10, 20, 30, 30]


def test_a_failing_message_does_not_hold_up_the_others(house: House) -> None:
    house.topic()
    subscription = house.subscription(retry_policy={})
    house.publish("poison")
    (delivery,) = house.take(subscription)
    house.broker.nack(subscription, [delivery.ack_id])
    house.publish("good")

    assert house.drain(subscription) == ["good"]


def test_bytes_limit_a_batch_after_the_message_that_reaches_them(house: House) -> None:
    house.topic()
    subscription = house.subscription()
    house.publish("x" * 600, "x" * 600, "x" * 600)
    taken = house.broker.take(subscription, Holder(), limit=9, max_bytes=1000, seconds=10)

    assert len(taken) == 2


def test_a_message_ends_as_dead_letter_after_its_attempts(house: House) -> None:
    house.topic()
    house.topic(DEAD)
    dead = house.subscription("projects/p/subscriptions/dead", DEAD)
    subscription = house.subscription(dead_letter_policy=POLICY)
    house.publish("a", kind="x")
    attempts = []
    for _ in range(5):
        (delivery,) = house.take(subscription)
        attempts.append(delivery.attempt)
        house.broker.nack(subscription, [delivery.ack_id])

    assert attempts == [1, 2, 3, 4, 5]
    assert house.take(subscription) == []
    (letter,) = house.take(dead)
    message = PubsubMessage.FromString(letter.body)
    assert message.data == b"a"
    assert dict(message.attributes) == {
        "kind": "x",
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
        "CloudPubSubDeadLetterSourceSubscription": "reader",
        "CloudPubSubDeadLetterSourceSubscriptionProject": "p",
        "CloudPubSubDeadLetterSourceTopicPublishTime": "2023-11-14T22:13:20Z",
    }
    assert subscription.counters.dead_lettered == 1


def test_missed_deadlines_count_toward_the_dead_letter_too(house: House) -> None:
    house.topic()
    house.topic(DEAD)
    subscription = house.subscription(dead_letter_policy=POLICY)
    house.publish("a")
    for _ in range(5):
        assert house.texts(subscription) == ["a"]
        house.clock.passes(11)
    house.broker.expire(subscription, house.clock())

    assert house.broker.topic(DEAD).row.published == 1


def test_without_its_dead_letter_topic_a_message_keeps_being_tried(house: House) -> None:
    house.topic()
    house.topic(DEAD)
    subscription = house.subscription(dead_letter_policy=POLICY)
    house.publish("a")
    house.broker.delete_topic(DEAD)
    for _ in range(7):
        (delivery,) = house.take(subscription)
        house.broker.nack(subscription, [delivery.ack_id])

    assert house.texts(subscription) == ["a"]


def test_a_dead_letter_topic_must_exist(house: House) -> None:
    house.topic()

    with pytest.raises(ApiError, match="topics/dead does not exist"):
        house.subscription(dead_letter_policy=POLICY)


def test_a_filter_lets_only_matching_messages_through(house: House) -> None:
    house.topic()
    subscription = house.subscription(filter='attributes.lang = "en"')
    house.publish("a", lang="en")
    house.publish("b", lang="de")
    house.publish("c")

    assert subscription.deliveries.backlog(subscription.topic.row.last_id) == 1
    assert house.drain(subscription) == ["a"]


def test_a_filter_holds_for_what_was_published_before_a_crash(house: House) -> None:
    house.topic()
    house.subscription(filter='attributes.lang = "en"')
    house.publish("a", lang="en")
    house.publish("b", lang="de")
    house.restart()

    assert house.drain(house.find()) == ["a"]
    assert house.find().deliveries.backlog(house.find().topic.row.last_id) == 0


def test_a_filter_that_rejects_much_gives_others_their_turn(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "MAX_FILTERED", 10)
    house.topic()
    house.subscription(filter="attributes:keep")
    house.publish(*map(str, range(25)))
    house.publish("kept", keep="yes")
    house.restart()
    subscription = house.find()
    takes: list[list[str]] = []
    while house.broker.next_due(subscription) <= house.clock() or not takes:
        takes.append(house.drain(subscription))

    assert takes == [[], [], ["kept"]]


def test_a_consumer_that_never_acknowledges_is_handed_no_more_than_fits_in_memory(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "MAX_OUTSTANDING", 3)
    house.topic()
    subscription = house.subscription()
    house.publish("a", "b", "c", "d")
    held = house.take(subscription, 3)
    assert house.take(subscription) == []

    house.broker.ack(subscription, [held[0].ack_id])

    assert house.texts(subscription) == ["d"]


def test_a_deleted_topic_leaves_its_subscriptions_with_their_backlog(house: House) -> None:
    house.topic()
    subscription = house.subscription()
    house.publish("a")
    house.broker.delete_topic(TOPIC)

    assert house.broker.shown(subscription).topic == "_deleted-topic_"
    assert house.drain(subscription) == ["a"]


def test_a_topic_created_anew_is_another_topic(house: House) -> None:
    house.topic()
    subscription = house.subscription()
    house.broker.delete_topic(TOPIC)
    house.restart()
    house.topic()
    house.publish("new")

    assert house.drain(house.find(subscription.name)) == []
    assert house.broker.topic(TOPIC).subscriptions == []


def test_names_are_taken_only_once(house: House) -> None:
    house.topic()
    house.subscription()

    with pytest.raises(ApiError, match="already exists"):
        house.topic()
    with pytest.raises(ApiError, match="already exists"):
        house.subscription()


def test_what_is_missing_is_not_found(house: House) -> None:
    for look in (house.broker.topic, house.broker.delete_topic):
        with pytest.raises(ApiError, match="does not exist"):
            look(TOPIC)
    for find in (house.broker.subscription, house.broker.delete_subscription):
        with pytest.raises(ApiError, match="does not exist"):
            find(SUBSCRIPTION)


def test_an_update_takes_effect_and_lasts(house: House) -> None:
    house.topic()
    house.subscription()
    updated(house, "retry_policy", retry_policy={"minimum_backoff": {"seconds": 7}})
    house.restart()

    assert house.find().backoff.minimum == 7


def test_a_topics_retention_shows_on_its_subscriptions(house: House) -> None:
    house.topic(message_retention_duration={"seconds": 3600})
    subscription = house.subscription()

    shown = house.broker.shown(subscription)

    assert shown.topic_message_retention_duration.seconds == 3600


# across restarts


def test_a_restart_delivers_what_was_not_acknowledged(house: House) -> None:
    house.topic()
    subscription = house.subscription()
    house.publish("a", "b", "c")
    (_, delivery, _) = house.take(subscription)
    house.broker.ack(subscription, [delivery.ack_id])
    house.broker.flush()
    house.restart()

    assert house.drain(house.find()) == ["a", "c"]


def test_an_ack_that_was_not_flushed_is_a_redelivery_and_no_loss(house: House) -> None:
    house.topic()
    house.publish("lost to nobody")
    subscription = house.subscription()
    house.publish("a")
    house.drain(subscription)
    house.restart()

    assert house.drain(house.find()) == ["a"]


def test_an_ack_id_from_before_a_restart_means_nothing(house: House) -> None:
    house.topic()
    subscription = house.subscription()
    house.publish("a", "b")
    old = [delivery.ack_id for delivery in house.take(subscription)]
    house.restart()
    again = house.take(house.find(), 1)
    house.broker.ack(house.find(), old)

    assert [text_of(each) for each in again] == ["a"]
    assert house.find().counters.acked == 0


def test_attempts_and_waits_survive_a_restart(house: House) -> None:
    house.topic()
    subscription = house.subscription(retry_policy={})
    house.publish("a")
    (delivery,) = house.take(subscription)
    house.broker.nack(subscription, [delivery.ack_id])
    house.broker.flush()
    house.restart()
    assert house.take(house.find()) == []

    house.clock.passes(10)

    assert [each.attempt for each in house.take(house.find())] == [2]


def test_counts_survive_a_restart(house: House) -> None:
    house.topic()
    subscription = house.subscription()
    house.publish("a", "b")
    house.drain(subscription)
    house.broker.flush()
    row = house.broker.topic(TOPIC).row
    house.restart()

    assert house.broker.topic(TOPIC).row == row
    assert house.find().counters.acked == 2


# faults


def test_a_lost_ack_means_delivery_again_after_the_deadline(house: House) -> None:
    house.topic()
    subscription = house.subscription()
    house.faults.add([{"kind": "lose_ack", "count": 1}])
    house.publish("a", "b")
    house.drain(subscription)
    assert house.drain(subscription) == []

    house.clock.passes(10)

    assert house.drain(subscription) == ["a"]


def test_a_lost_ack_can_be_made_to_show_sooner(house: House) -> None:
    house.topic()
    subscription = house.subscription(ack_deadline_seconds=600)
    house.faults.add([{"kind": "lose_ack", "count": 1, "seconds": 0.5, "subscription": "reader"}])
    house.publish("a")
    house.drain(subscription)
    house.clock.passes(0.5)

    assert house.drain(subscription) == ["a"]


def test_a_message_can_be_made_to_come_twice(house: House) -> None:
    house.topic()
    subscription = house.subscription()
    house.faults.add([{"kind": "deliver_twice", "count": 1}])
    house.publish("a", "b")

    assert house.texts(subscription) == ["a", "b"]
    assert house.texts(subscription) == ["a"]


def test_deliveries_can_be_stalled(house: House) -> None:
    house.topic()
    subscription = house.subscription()
    house.faults.add([{"kind": "stall_delivery", "count": 1, "seconds": 5}])
    house.publish("a")
    assert house.take(subscription) == []
    assert house.broker.next_due(subscription) == house.clock() + 5

    house.clock.passes(5)

    assert house.texts(subscription) == ["a"]


class Journal(RuleBasedStateMachine):
    """Whatever happens in whatever order: nothing unacknowledged is lost."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = TemporaryDirectory()
        self.house = House(Path(self.directory.name), Clock())
        self.house.topic()
        self.house.subscription(retry_policy={"minimum_backoff": {"seconds": 1}})
        self.published: list[str] = []
        self.acked: set[str] = set()
        self.held: dict[str, str] = {}

    @rule(count=st.integers(1, 5))
    def publish(self, count: int) -> None:
        texts = [str(len(self.published) + n) for n in range(count)]
        self.house.publish(*texts)
        self.published += texts

    @rule(limit=st.integers(1, 4))
    def take(self, limit: int) -> None:
        for delivery in self.house.take(self.house.find(), limit):
            assert text_of(delivery) not in self.acked
            assert text_of(delivery) not in self.leased()
            self.held[delivery.ack_id] = text_of(delivery)

    def leased(self) -> set[str]:
        """What somebody else holds at this moment."""
        leases = self.house.find().deliveries.leases
        return {text for ack_id, text in self.held.items() if ack_id in leases}

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def ack(self, data: st.DataObject) -> None:
        ack_id = data.draw(st.sampled_from(sorted(self.held)))
        before = self.house.find().counters.acked
        self.house.broker.ack(self.house.find(), [ack_id])
        if self.house.find().counters.acked > before:
            self.acked.add(self.held[ack_id])
        del self.held[ack_id]

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def nack(self, data: st.DataObject) -> None:
        self.house.broker.nack(self.house.find(), [data.draw(st.sampled_from(sorted(self.held)))])

    @rule(seconds=st.sampled_from([0.5, 5.0, 20.0]))
    def wait(self, seconds: float) -> None:
        self.house.clock.passes(seconds)

    @rule()
    def restart(self) -> None:
        self.house.broker.flush()
        self.house.restart()

    @invariant()
    def the_backlog_is_what_is_not_acknowledged(self) -> None:
        subscription = self.house.find()
        backlog = subscription.deliveries.backlog(subscription.topic.row.last_id)
        assert backlog == len(self.published) - len(self.acked)

    def teardown(self) -> None:
        seen = set(self.acked)
        for _ in range(20):
            self.house.clock.passes(700)
            seen |= set(self.house.drain(self.house.find()))
        assert seen == set(self.published)
        self.house.close()
        self.directory.cleanup()


Journal.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
test_nothing_unacknowledged_is_ever_lost = Journal.TestCase


@pytest.mark.parametrize(
    "given",
    [
        {"data": b"x", "attributes": {"a": "b"}},
        {"attributes": {"only": "attributes"}, "ordering_key": "k"},
        {"data": b"x", "message_id": "of the client"},
        {"data": b"x", "publish_time": {"seconds": 1, "nanos": 7}},
    ],
)
def test_a_message_that_came_as_bytes_is_kept_as_one_that_was_parsed(
    house: House, given: dict[str, Any]
) -> None:
    house.topic()
    subscription, topic = house.subscription(), house.broker.topic(TOPIC)
    message = PubsubMessage(**given)
    body = message.SerializeToString()
    house.broker.publish(topic, [PubsubMessage.FromString(body)])

    house.broker.publish(topic, [PubsubMessage.FromString(body)], [body])

    parsed, raw = (PubsubMessage.FromString(one.body) for one in house.take(subscription))
    assert int(raw.message_id) == int(parsed.message_id) + 1
    assert raw.publish_time == parsed.publish_time
    raw.message_id = parsed.message_id
    assert raw == parsed

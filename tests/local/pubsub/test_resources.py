from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1 import types
from hypothesis import given
from hypothesis import strategies as st

from tweetlog_local.pubsub import limits, names, resources
from tweetlog_local.pubsub.api import Publish, PubsubMessage, Subscription, Topic
from tweetlog_local.pubsub.api import request_type as api_request
from tweetlog_local.pubsub.backoff import Backoff
from tweetlog_local.pubsub.errors import ApiError

NAME = "projects/p/subscriptions/reader"
TOPIC = "projects/p/topics/tweets"


def a_subscription(**properties: Any) -> Any:
    return Subscription(name=NAME, topic=TOPIC, **properties)


def refusal(**properties: Any) -> tuple[str, str]:
    with pytest.raises(ApiError) as error:
        resources.new_subscription(a_subscription(**properties))
    return error.value.code, str(error.value)


def test_documented_defaults_are_filled_in() -> None:
    subscription = resources.new_subscription(
        a_subscription(dead_letter_policy={"dead_letter_topic": TOPIC})
    )

    assert subscription.ack_deadline_seconds == 10
    assert subscription.message_retention_duration.seconds == 7 * 86_400
    assert subscription.expiration_policy.ttl.seconds == 31 * 86_400
    assert subscription.dead_letter_policy.max_delivery_attempts == 5


def test_an_empty_expiration_policy_means_never() -> None:
    subscription = resources.new_subscription(a_subscription(expiration_policy={}))

    assert not subscription.expiration_policy.HasField("ttl")


@pytest.mark.parametrize(
    "properties",
    [
        {"enable_message_ordering": True},
        {"enable_exactly_once_delivery": True},
        {"cloud_storage_config": {"bucket": "b"}},
        {"message_transforms": [{}]},
        {"tags": {"a": "b"}},
        {"detached": True},
        {"bigquery_config": {"table": "p.d.t", "use_topic_schema": True}},
        {"bigquery_config": {"table": "p.d.t", "use_table_schema": True}},
        {"bigquery_config": {"table": "p.d.t", "drop_unknown_fields": True}},
        {
            "push_config": {
                "push_endpoint": "http://h/",
                "attributes": {"x-goog-version": "v1beta1"},
            }
        },
    ],
    ids=str,
)
def test_what_is_not_done_is_refused_and_not_ignored(properties: dict[str, Any]) -> None:
    code, reason = refusal(**properties)

    assert code == "UNIMPLEMENTED"
    assert "done" in reason


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"ack_deadline_seconds": 9}, "ack_deadline_seconds must be 10 to 600"),
        ({"ack_deadline_seconds": 601}, "ack_deadline_seconds must be 10 to 600"),
        ({"message_retention_duration": {"seconds": 599}}, "message_retention_duration must be"),
        ({"message_retention_duration": {"seconds": 31 * 86_400 + 1}}, "must be 600 to 2678400"),
        ({"expiration_policy": {"ttl": {"seconds": 86_399}}}, "a day at least"),
        ({"retry_policy": {"maximum_backoff": {"seconds": 601}}}, "maximum_backoff must be"),
        ({"retry_policy": {"minimum_backoff": {"seconds": -1}}}, "minimum_backoff must be"),
        (
            {
                "retry_policy": {
                    "minimum_backoff": {"seconds": 9},
                    "maximum_backoff": {"seconds": 8},
                }
            },
            "must not be above",
        ),
        (
            {"dead_letter_policy": {"dead_letter_topic": TOPIC, "max_delivery_attempts": 4}},
            "max_delivery_attempts must be 5 to 100",
        ),
        (
            {"dead_letter_policy": {"dead_letter_topic": TOPIC, "max_delivery_attempts": 101}},
            "max_delivery_attempts must be 5 to 100",
        ),
        ({"dead_letter_policy": {"max_delivery_attempts": 5}}, "the name must be"),
        ({"filter": "bogus("}, "filter"),
        ({"push_config": {"push_endpoint": "ftp://x/"}}, "http or https"),
        ({"push_config": {"push_endpoint": "/relative"}}, "http or https"),
        ({"push_config": {"push_endpoint": "http://h:99999/"}}, "http or https"),
        ({"push_config": {"push_endpoint": "http://[h/"}}, "http or https"),
        ({"push_config": {"push_endpoint": "http://h/a b"}}, "http or https"),
        ({"push_config": {"push_endpoint": "http://h/\r\nx: y"}}, "http or https"),
        ({"bigquery_config": {"table": "no_dataset"}}, "PROJECT.DATASET.TABLE"),
        (
            {"bigquery_config": {"table": "p.d.t"}, "push_config": {"push_endpoint": "http://h/"}},
            "not both",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(properties: dict[str, Any], reason: str) -> None:
    code, said = refusal(**properties)

    assert code == "INVALID_ARGUMENT"
    assert reason in said


@pytest.mark.parametrize("name", ["p.d.t", "p:d.t"])
def test_a_table_is_named_with_dots_or_a_colon(name: str) -> None:
    assert resources.table_name(name) == resources.TableName("p", "d", "t")


def test_a_domain_scoped_project_is_kept_whole() -> None:
    assert resources.table_name("example.com:p.d.t").project == "example.com:p"


def test_identities_are_kept_though_nobody_asks_for_them() -> None:
    push = {"push_endpoint": "https://h/", "oidc_token": {"service_account_email": "a@b"}}
    subscription = resources.new_subscription(a_subscription(push_config=push))

    assert subscription.push_config.oidc_token.service_account_email == "a@b"


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({}, Backoff(10.0, 600.0)),
        ({"minimum_backoff": {"seconds": 0}}, Backoff(0.0, 600.0)),
        ({"minimum_backoff": {"seconds": 1}, "maximum_backoff": {"seconds": 2}}, Backoff(1.0, 2.0)),
    ],
)
def test_a_retry_policy_says_when_to_try_again(policy: dict[str, Any], expected: Backoff) -> None:
    assert resources.backoff(a_subscription(retry_policy=policy)) == expected


def an_update(mask: list[str], **properties: Any) -> Any:
    request = api_request("UpdateSubscription")
    return request(subscription=a_subscription(**properties), update_mask=FieldMask(paths=mask))


def test_an_update_changes_what_the_mask_names_and_nothing_else() -> None:
    current = resources.new_subscription(a_subscription(labels={"a": "1"}))
    update = an_update(["ack_deadline_seconds"], ack_deadline_seconds=60, labels={"b": "2"})
    changed = resources.changed_subscription(current, update)

    assert changed.ack_deadline_seconds == 60
    assert dict(changed.labels) == {"a": "1"}


def test_an_update_can_clear_a_policy() -> None:
    current = resources.new_subscription(a_subscription(retry_policy={}))
    changed = resources.changed_subscription(current, an_update(["retry_policy"]))

    assert not changed.HasField("retry_policy")


def test_labels_are_replaced_as_a_whole() -> None:
    current = resources.new_subscription(a_subscription(labels={"a": "1"}))
    changed = resources.changed_subscription(current, an_update(["labels"], labels={"b": "2"}))

    assert dict(changed.labels) == {"b": "2"}


@pytest.mark.parametrize("path", ["filter", "topic", "name", "enable_message_ordering", "no_such"])
def test_what_cannot_change_is_refused(path: str) -> None:
    current = resources.new_subscription(a_subscription())

    with pytest.raises(ApiError, match=path):
        resources.changed_subscription(current, an_update([path]))


def test_an_update_needs_a_mask() -> None:
    with pytest.raises(ApiError, match="update_mask"):
        resources.changed_subscription(a_subscription(), an_update([]))


def test_a_topic_keeps_labels_and_retention() -> None:
    topic = Topic(name=TOPIC, labels={"a": "b"}, message_retention_duration=Duration(seconds=600))

    assert resources.new_topic(topic) == topic


@pytest.mark.parametrize("field", ["kms_key_name", "schema_settings", "message_storage_policy"])
def test_topic_properties_that_are_not_done_are_refused(field: str) -> None:
    value: Any = {"kms_key_name": "k", "schema_settings": {"schema": "s"}}.get(
        field, {"allowed_persistence_regions": ["r"]}
    )

    with pytest.raises(ApiError, match=field) as error:
        resources.new_topic(Topic(name=TOPIC, **{field: value}))

    assert error.value.code == "UNIMPLEMENTED"


@pytest.mark.parametrize(
    "identifier", ["ab", "1abc", "goog-a", "Google", "a b c", "a/b", "", "x" * 256, "täg"]
)
def test_ids_outside_the_rules_are_refused(identifier: str) -> None:
    with pytest.raises(ApiError) as error:
        names.topic(f"projects/p/topics/{identifier}")

    assert error.value.code == "INVALID_ARGUMENT"


@pytest.mark.parametrize("identifier", ["abc", "a.b-c_d~e+f%g", "x" * 255])
def test_ids_within_the_rules_are_fine(identifier: str) -> None:
    name = f"projects/p/topics/{identifier}"

    assert names.topic(name) == name


@pytest.mark.parametrize("name", ["tweets", "topics/abc", "projects//topics/abc", "projects/p/abc"])
def test_half_a_name_is_refused(name: str) -> None:
    with pytest.raises(ApiError, match="projects/PROJECT/topics/ID"):
        names.topic(name)


def a_publish(*messages: Any) -> Publish:
    request = types.PublishRequest.pb()(topic=TOPIC, messages=messages)
    return Publish.FromString(request.SerializeToString())


def a_message(**properties: Any) -> Any:
    return PubsubMessage(**({"data": b"x"} | properties))


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (a_message(data=b""), "must have data or at least one attribute"),
        (a_message(attributes={str(n): "" for n in range(101)}), "100 attributes"),
        (a_message(attributes={"k" * 257: ""}), "256 bytes"),
        (a_message(attributes={"ä" * 129: ""}), "256 bytes"),
        (a_message(attributes={"": "v"}), "1 to 256 bytes"),
        (a_message(attributes={"k": "v" * 1025}), "1024 bytes"),
        (a_message(attributes={"googclient_x": "v"}), "must not begin with 'goog'"),
        (a_message(ordering_key="k" * 1025), "1024 bytes"),
    ],
    ids=["empty", "many", "key", "utf-8 key", "no key", "value", "reserved", "ordering key"],
)
def test_messages_beyond_the_documented_limits_are_refused(message: Any, reason: str) -> None:
    with pytest.raises(ApiError, match=reason) as error:
        limits.check_messages([message])

    assert error.value.code == "INVALID_ARGUMENT"


def test_messages_at_the_limits_are_fine() -> None:
    full = {f"k{n:03}" + "k" * 252: "v" * 1024 for n in range(100)}
    limits.check_messages([a_message(attributes=full, ordering_key="k" * 1024)] * 1000)


def test_more_than_a_thousand_messages_are_refused() -> None:
    with pytest.raises(ApiError, match="1000 messages"):
        limits.check_messages([a_message()] * 1001)


def test_a_request_without_messages_is_refused() -> None:
    with pytest.raises(ApiError, match="at least one"):
        limits.check_messages([])


def test_a_request_of_more_than_ten_megabytes_is_refused() -> None:
    request = a_publish(a_message(data=b"x" * 10_000_000))

    with pytest.raises(ApiError, match="10000000 bytes"):
        limits.check_publish(request)


@pytest.mark.parametrize(
    "attributes", [{"googid": "x"}, {"k" * 257: "v"}, {"k": "v" * 1025}, {"": "v"}]
)
def test_a_message_beyond_the_limits_is_refused_among_fine_ones(attributes: dict[str, str]) -> None:
    fine = a_message(attributes={"k": "v"})

    limits.check_publish(a_publish(fine, fine))
    with pytest.raises(ApiError):
        limits.check_publish(a_publish(fine, a_message(attributes=attributes)))


@given(st.text(max_size=60))
def test_any_text_is_a_name_or_refused(text: str) -> None:
    try:
        outcome = names.topic(text)
    except ApiError as error:
        outcome = error.code

    assert outcome in {text, "INVALID_ARGUMENT"}

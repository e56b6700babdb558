import json
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweetlog_local.pubsub.api import PubsubMessage, Subscription
from tweetlog_local.pubsub.push_request import TOKEN, Headers, request

NAME = "projects/p/subscriptions/push"
UNWRAPPED = {"push_endpoint": "http://h/", "no_wrapper": {"write_metadata": True}}


def a_message(
    data: bytes = b"{}", attributes: dict[str, str] | None = None, ordering_key: str = ""
) -> Any:
    message = PubsubMessage(data=data, message_id="17", ordering_key=ordering_key)
    message.publish_time.FromJsonString("2026-11-22T15:35:43.850Z")
    message.attributes.update(attributes or {})
    return message


def pushed(
    message: Any, push: dict[str, Any] | None = None, attempt: int = 1, **properties: Any
) -> tuple[Headers, bytes]:
    push = UNWRAPPED if push is None else push
    subscription = Subscription(name=NAME, push_config=push, **properties)
    return request(subscription, message, attempt)


def test_an_unwrapped_event_is_a_binary_mode_cloudevent() -> None:
    attributes = {"ce-id": "1", "ce-type": "t", "content-type": "application/json"}
    headers, body = pushed(a_message(b'{"a": 1}', attributes))

    assert body == b'{"a": 1}'
    assert dict(headers) == {
        b"ce-id": b"1",
        b"ce-type": b"t",
        b"content-type": b"application/json",
        b"x-goog-pubsub-subscription-name": NAME.encode(),
        b"x-goog-pubsub-message-id": b"17",
        b"x-goog-pubsub-publish-time": b"2026-11-22T15:35:43.850Z",
    }


def test_without_metadata_only_the_data_is_sent() -> None:
    push = {"push_endpoint": "http://h/", "no_wrapper": {"write_metadata": False}}

    assert pushed(a_message(b"raw", {"ce-id": "1"}), push) == ([], b"raw")


def test_a_wrapped_push_is_the_documented_json() -> None:
    message = a_message(b"\x00\xff", {"kind": "x"}, "user-7")
    headers, body = pushed(
        message,
        {"push_endpoint": "http://h/"},
        attempt=3,
        dead_letter_policy={"dead_letter_topic": "projects/p/topics/dead"},
    )
    outer = json.loads(body)

    assert headers == [(b"content-type", b"application/json")]
    assert b64decode(outer["message"].pop("data")) == b"\x00\xff"
    assert outer == {
        "subscription": NAME,
        "deliveryAttempt": 3,
        "message": {
            "attributes": {"kind": "x"},
            "messageId": "17",
            "message_id": "17",
            "orderingKey": "user-7",
            "publishTime": "2026-11-22T15:35:43.850Z",
            "publish_time": "2026-11-22T15:35:43.850Z",
        },
    }


def test_attempts_are_told_only_with_a_dead_letter_policy() -> None:
    _, body = pushed(a_message(), {"push_endpoint": "http://h/"}, attempt=3)

    assert "deliveryAttempt" not in json.loads(body)


@pytest.mark.parametrize(
    "name",
    ["Host", "content-length", "Transfer-Encoding", "connection", "Authorization", "te", "expect"],
)
def test_attributes_cannot_speak_for_the_connection(name: str) -> None:
    headers, _ = pushed(a_message(attributes={name: "x"}))

    assert name.lower().encode() not in dict(headers)


def test_a_line_break_in_a_value_stays_inside_its_header() -> None:
    headers, _ = pushed(a_message(attributes={"note": "a\r\nevil: yes\x00"}))

    assert dict(headers)[b"note"] == b"a  evil: yes"


def test_metadata_cannot_be_forged() -> None:
    headers, _ = pushed(a_message(attributes={"x-goog-pubsub-message-id": "99"}))

    assert dict(headers)[b"x-goog-pubsub-message-id"] == b"17"


def test_names_that_differ_in_case_only_become_one_header() -> None:
    headers, _ = pushed(a_message(attributes={"Content-Type": "a/b", "content-type": "a/b"}))

    assert [value for name, value in headers if name == b"content-type"] == [b"a/b"]


def test_an_ordering_key_is_metadata_too() -> None:
    headers, _ = pushed(a_message(ordering_key="user-7"))

    assert dict(headers)[b"x-goog-pubsub-ordering-key"] == b"user-7"


@given(st.binary(max_size=300))
def test_every_byte_of_the_data_arrives(data: bytes) -> None:
    assert pushed(a_message(data))[1] == data


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=40), max_size=8))
def test_no_attribute_can_break_the_request(attributes: dict[str, str]) -> None:
    headers, _ = pushed(a_message(attributes=attributes))

    assert all(TOKEN.fullmatch(name) for name, _ in headers)
    assert not any(byte in value for _, value in headers for byte in (b"\r", b"\n", b"\x00"))
    assert len({name for name, _ in headers}) == len(headers)

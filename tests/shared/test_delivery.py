import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import a_raw_tweet
from tweetlog.delivery import encode, encode_structured, from_message, from_push
from tweetlog.envelope import Envelope
from tweetlog.errors import InvalidEvent, Unreadable

PUBLISHED = "2026-01-31T12:00:00.123Z"
VALUES = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters="%"),
    min_size=1,
    max_size=40,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@st.composite
def json_events(draw: st.DrawFn) -> Envelope:
    optional = st.none() | VALUES
    names = st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True)
    core = {"id", "source", "type", "specversion", "time", "subject"}
    names = names.filter(lambda name: name not in core | {"data", "datacontenttype", "dataschema"})
    return Envelope(
        id=draw(VALUES),
        source=draw(VALUES),
        type=draw(VALUES),
        data=json.dumps(draw(JSON), ensure_ascii=False, separators=(",", ":")).encode(),
        time=draw(optional),
        subject=draw(optional),
        dataschema=draw(optional),
        extensions=draw(st.dictionaries(names, VALUES, max_size=3)),
    )


def unwrapped(data: bytes, attributes: dict[str, str]) -> tuple[dict[str, str], bytes]:
    return {
        **{name.title(): value for name, value in attributes.items()},
        "X-Goog-Pubsub-Message-Id": "7",
        "X-Goog-Pubsub-Publish-Time": PUBLISHED,
        "X-Goog-Pubsub-Subscription-Name": "projects/p/subscriptions/s",
        "Authorization": "Bearer secret",
    }, data


def wrapped(data: bytes, attributes: dict[str, str]) -> tuple[dict[str, str], bytes]:
    message = {
        "data": base64.b64encode(data).decode(),
        "attributes": attributes,
        "messageId": "7",
        "publishTime": PUBLISHED,
    }
    body = {"message": message, "subscription": "projects/p/subscriptions/s", "deliveryAttempt": 3}
    return {"Content-Type": "application/json"}, json.dumps(body).encode()


@given(json_events())
def test_all_forms_of_a_delivery_give_the_same_event(event: Envelope) -> None:
    data, attributes = encode(event)
    structured = encode_structured(event)
    structured_type = {"content-type": "application/cloudevents+json; charset=utf-8"}

    assert from_message(data, attributes).event == event
    assert from_push(*unwrapped(data, attributes)).event == event
    assert from_push(*wrapped(data, attributes)).event == event
    for form in (
        from_message(structured, structured_type),
        from_push(*unwrapped(structured, structured_type)),
        from_push(*wrapped(structured, structured_type)),
    ):
        assert form.event.attributes() == event.attributes()
        assert form.event.json() == event.json()


@given(st.binary())
def test_bytes_pass_through_untouched(data: bytes) -> None:
    event = Envelope(id="1", source="//s", type="t", data=data, datacontenttype="image/png")
    sent, attributes = encode(event)

    assert sent is data
    assert from_push(*unwrapped(sent, attributes)).event == event
    assert from_push(*wrapped(sent, attributes)).event == event
    assert from_message(encode_structured(event), {"content-type": STRUCTURED}).event == event


STRUCTURED = "application/cloudevents+json"


def test_a_push_tells_message_id_publish_time_and_subscription() -> None:
    sent = encode(a_raw_tweet())

    plain, packed = from_push(*unwrapped(*sent)), from_push(*wrapped(*sent))

    assert (
        plain.publish_time
        == packed.publish_time
        == datetime(2026, 1, 31, 12, 0, 0, 123000, tzinfo=UTC)
    )
    assert plain.message_id == packed.message_id == "7"
    assert plain.subscription == packed.subscription == "projects/p/subscriptions/s"
    assert (plain.attempt, packed.attempt) == (None, 3)


def test_the_data_content_type_is_read_by_either_of_its_names() -> None:
    data, attributes = encode(a_raw_tweet())
    attributes["ce-datacontenttype"] = attributes.pop("content-type")

    assert from_message(data, attributes).event == a_raw_tweet()


def test_a_mirrored_header_does_not_change_a_structured_event() -> None:
    event = a_raw_tweet()
    headers = {"content-type": STRUCTURED, "ce-id": "another"}

    assert from_push(headers, encode_structured(event)).event.id == event.id


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=5), st.binary())
def test_garbage_is_unreadable_and_kept(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        from_push({"h" + name: value for name, value in headers.items()}, body)

    assert caught.value.data == body


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b'"x"',
        b'{"message": null}',
        b'{"message": []}',
        b'{"message": {"data": 1}}',
        b'{"message": {"data": "%%%"}}',
        b'{"message": {"attributes": ["x"]}}',
        b'{"message": {"attributes": {"ce-id": 1}}}',
    ],
)
def test_a_push_envelope_that_is_none_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable, match="neither ce-"):
        from_push({"content-type": "application/json"}, body)


@given(st.binary())
def test_a_structured_event_that_is_none_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        from_message(b"\xff" + body, {"content-type": STRUCTURED})


def test_an_unreadable_push_never_keeps_a_token() -> None:
    headers = {"Authorization": "Bearer secret", "ce-id": "1"}

    with pytest.raises(Unreadable) as caught:
        from_push(headers, b"x")

    assert caught.value.attributes == {"ce-id": "1"}


def test_a_message_larger_than_pubsub_takes_is_refused_with_its_size() -> None:
    event = Envelope(id="1", source="//s", type="t", data=b"x" * 10_000_000)

    with pytest.raises(InvalidEvent, match=r"10,000,0\d\d bytes"):
        encode(event)

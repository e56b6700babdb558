import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import A_TWEET_ID, a_raw_tweet
from tweetlog.envelope import Envelope, from_attributes
from tweetlog.errors import InvalidEvent


def an_envelope(**changes: object) -> Envelope:
    given_ = {"id": "1", "source": "//s", "type": "t", "data": b"{}"} | changes
    return Envelope(**given_)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["", "ä", "50%", "a\nb", "\x7f", "x" * 1025])
def test_a_value_that_could_not_travel_is_refused(value: str) -> None:
    with pytest.raises(InvalidEvent, match="printable ASCII"):
        an_envelope(subject=value)


@pytest.mark.parametrize("name", ["replay-id", "Replay", "", "x" * 21, "id", "source"])
def test_an_extension_has_a_name_of_lower_case_letters_and_digits(name: str) -> None:
    with pytest.raises(InvalidEvent):
        an_envelope(extensions={name: "1"})


@pytest.mark.parametrize("name", ["id", "source", "type", "specversion"])
def test_a_missing_attribute_is_named(name: str) -> None:
    attributes = an_envelope().attributes()
    del attributes[name]

    with pytest.raises(InvalidEvent, match=f"{name} missing"):
        from_attributes(attributes, b"")


def test_another_version_of_cloudevents_is_refused() -> None:
    attributes = an_envelope().attributes() | {"specversion": "0.3"}

    with pytest.raises(InvalidEvent, match=r"0\.3 is not 1\.0"):
        from_attributes(attributes, b"")


def test_the_attributes_give_the_envelope_back() -> None:
    event = a_raw_tweet().extended(replayid="r1")

    assert from_attributes(event.attributes(), event.data) == event


def test_a_derived_event_names_its_cause_and_keeps_subject_time_and_replay() -> None:
    raw = a_raw_tweet().extended(replayid="r1", receivedtime="2026-01-01T00:00:00Z", other="x")

    derived = raw.derive(id="2", source="//e", type="u", data=b"x")

    assert (derived.subject, derived.time) == (raw.subject, raw.time)
    assert dict(derived.extensions) == {
        "causationid": A_TWEET_ID,
        "receivedtime": "2026-01-01T00:00:00Z",
        "replayid": "r1",
    }


@given(st.binary())
def test_data_that_is_not_json_is_an_invalid_event_and_never_another_error(data: bytes) -> None:
    event = an_envelope(data=b"\xff" + data)

    with pytest.raises(InvalidEvent, match="not JSON"):
        event.json()

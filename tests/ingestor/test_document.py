import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestor.document import MAX_DEPTH, dump, parse
from tweetlog.errors import InvalidEvent

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)  # fmt: skip


def reason(line: bytes) -> str:
    with pytest.raises(InvalidEvent) as caught:
        parse(line)
    return caught.value.reason_class


SEPARATORS = [(",", ":"), (", ", ": "), (" ,\t", "\r: ")]


@given(value=JSON, ascii_only=st.booleans(), separators=st.sampled_from(SEPARATORS))
def test_what_is_json_is_read_as_it_stands_and_written_as_it_was_read(
    *, value: object, ascii_only: bool, separators: tuple[str, str]
) -> None:
    line = json.dumps(value, ensure_ascii=ascii_only, separators=separators).encode()

    assert parse(line) == value
    assert json.loads(dump(parse(line))) == value


@given(st.binary())
def test_whatever_the_bytes_are_they_are_json_or_refused(line: bytes) -> None:
    try:
        value = parse(line)
    except InvalidEvent:
        return

    assert parse(dump(value)) == value


def test_half_a_surrogate_pair_is_read_and_written() -> None:
    line = rb'{"text":"half \ud83d and whole \ud83d\ude00"}'

    assert parse(line) == {"text": "half \ud83d and whole 😀"}
    assert parse(dump(parse(line))) == parse(line)


def test_half_a_surrogate_pair_excuses_nothing_else() -> None:
    assert reason(rb'{"a":"\ud83d","a":1}') == "duplicate_key"
    assert reason(rb'["\ud83d",NaN]') == "not_json"
    assert reason(rb'["\ud83d",1e999]') == "not_json"
    assert reason(b'["\\ud83d","caf\xe9"]') == "not_json"
    assert reason(rb'["\ud83d"') == "not_json"
    assert reason(rb'["\ud83d",' + b"[" * 300 + b"]" * 301) == "too_deep"
    assert reason(rb'["\ud83d",' + b"[" * 99_999 + b"]" * 100_000) == "too_deep"


def test_an_encoded_surrogate_is_not_utf_8() -> None:
    assert reason(b'["\xed\xa0\xbd"]') == "not_json"


@pytest.mark.parametrize(
    "line",
    [
        b'{"a":1,"a":2}',
        b'{"a":1,"a" :2}',
        b'{"a"\t:1,"a":2}',
        b'{"x":{"a":1,"b":[{"c":0,"c":0}]}}',
        rb'{"a":1,"\u0061":2}',
        rb'{"a":1,"a":"\u0022:"}',
        rb'{"a":1,"a":"\"\u003a"}',
        b'{"a":":)","a":":"}',
    ],
)
def test_a_key_that_stands_twice_is_refused(line: bytes) -> None:
    assert reason(line) == "duplicate_key"


@pytest.mark.parametrize("line", [b"NaN", b'{"a":Infinity}', b"[-Infinity]", b"[1e999]"])
def test_what_is_no_json_number_is_refused(line: bytes) -> None:
    assert reason(line) == "not_json"


def test_deep_nesting_is_refused_before_it_can_break_what_comes_later() -> None:
    deep = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH

    assert dump(parse(deep)) == deep
    assert reason(b"[" + deep + b"]") == "too_deep"
    assert reason(b"[" * 100_000) == "not_json"


@pytest.mark.parametrize("number", [2**63, 2**64, -(2**70), 10**40])
def test_an_integer_beyond_64_bits_stays_itself(number: int) -> None:
    assert parse(b'{"a":%d,"b":[%d, %d]}' % (number, number, number)) == {
        "a": number,
        "b": [number, number],
    }
    assert dump(parse(b"[%d]" % number)) == b"[%d]" % number


def test_numbers_keep_their_value() -> None:
    assert parse(b"[1.10,-0.0,1e-7]") == [1.1, -0.0, 1e-7]
    assert math.copysign(1, parse(b"[-0.0]")[0]) == -1


@given(st.text(st.characters(exclude_categories=())))
def test_text_with_any_halves_of_pairs_survives(text: str) -> None:
    value = parse(json.dumps([text]).encode())

    assert parse(dump(value)) == value == json.loads(json.dumps([text]))

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweetlog_local.pubsub.errors import ApiError
from tweetlog_local.pubsub.filter import compile_filter

ATTRIBUTES = {"ce-type": "tweet.received", "lang": "en", "iana.org/tag": "x", "empty": ""}


@pytest.mark.parametrize(
    "text",
    [
        "attributes:lang",
        'attributes:"lang"',
        "attributes : lang",
        'attributes.lang = "en"',
        'attributes.lang="en"',
        'attributes.lang != "de"',
        'attributes.missing != "de"',
        'attributes.ce-type = "tweet.received"',
        'attributes."ce-type" = "tweet.received"',
        'attributes:"iana.org/tag"',
        'hasPrefix(attributes.ce-type, "tweet.")',
        'hasPrefix(attributes."iana.org/tag", "")',
        "NOT attributes:missing",
        "-attributes:missing",
        "NOT NOT attributes:lang",
        'attributes:lang AND attributes.lang = "en"',
        "attributes:missing OR attributes:lang",
        "attributes:missing OR attributes:gone OR attributes:lang",
        "(attributes:missing OR attributes:lang) AND attributes:empty",
        "attributes:lang AND NOT attributes:missing",
        "NOT (attributes:missing AND attributes:lang)",
        'attributes.lang = "\\x65\\156"',
        'attributes.empty = ""',
        "attributes:lang\n AND\tattributes:empty",
    ],
)
def test_these_match(text: str) -> None:
    assert compile_filter(text)(ATTRIBUTES)


@pytest.mark.parametrize(
    "text",
    [
        "attributes:missing",
        'attributes.lang = "de"',
        'attributes.lang = "EN"',
        'attributes.missing = ""',
        'attributes.lang != "en"',
        'hasPrefix(attributes.missing, "")',
        'hasPrefix(attributes.lang, "n")',
        "NOT attributes:lang",
        "attributes:lang AND attributes:missing",
        "(attributes:missing OR attributes:lang) AND NOT attributes:empty",
        "-(attributes:lang OR attributes:missing)",
    ],
)
def test_these_do_not_match(text: str) -> None:
    assert not compile_filter(text)(ATTRIBUTES)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("bogus(", "expected 'attributes' at character 1"),
        ("", "expected 'attributes'"),
        ("attributes", "expected '.'"),
        ("attributes.lang", "expected '='"),
        ("attributes.lang = en", 'expected a "string"'),
        ("attributes.lang = 'en'", 'expected a "string"'),
        ('attributes.lang = "en', 'expected a "string"'),
        ("attributes:a.b", "expected AND, OR or the end"),
        ("attributes:a attributes:b", "expected AND, OR or the end"),
        ("attributes:a AND", "expected 'attributes'"),
        ("(attributes:a", "expected ')'"),
        ("attributes:a AND attributes:b OR attributes:c", "parentheses where AND and OR"),
        ("attributes:a and attributes:b", "expected AND, OR or the end"),
        ('hasPrefix(attributes:a, "b")', "expected '.'"),
        ("hasPrefix(attributes.a)", "expected ','"),
        ('data = "x"', "expected 'attributes'"),
        ('attributes.lang = "\\q"', "a known escape instead of"),
        ('attributes.lang = "\\Uffffffff"', "a known escape instead of"),
        ('attributes.lang = "' + "x" * 256 + '"', "longer than 256 bytes"),
    ],
)
def test_a_bad_filter_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ApiError, match="filter") as refusal:
        compile_filter(text)

    assert refusal.value.code == "INVALID_ARGUMENT"
    assert reason in str(refusal.value)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_key_and_value_can_be_quoted(key: str, value: str) -> None:
    matches = compile_filter(f"attributes.{quoted(key)} = {quoted(value)}")

    assert matches({key: value})
    assert not matches({key: value + "x"})


@given(st.text(alphabet='attributes.:lang="-()ANDORT \\x', max_size=40))
def test_garbage_is_refused_or_understood_but_never_a_crash(text: str) -> None:
    try:
        answer = compile_filter(text)(ATTRIBUTES)
    except ApiError as refusal:
        answer = refusal.code == "INVALID_ARGUMENT"

    assert answer in {True, False}


def test_nesting_as_deep_as_the_length_allows_is_fine() -> None:
    assert compile_filter("(" * 100 + "attributes:lang" + ")" * 100)(ATTRIBUTES)

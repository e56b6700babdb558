import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestor.x.rules import Existing, Plan, Rule, described, plan
from ingestor.x.rules_file import RulesInvalid, rules

OURS = "tweetlog:"


def ours(id: str, value: str, tag: str) -> Existing:
    return Existing(id, value, OURS + tag)


def test_what_is_missing_is_added_and_what_is_not_asked_for_goes() -> None:
    made = plan(
        [Rule("cats", "cat"), Rule("dogs", "dog")],
        [ours("1", "cat", "cats"), ours("2", "bird", "birds")],
        OURS,
    )

    assert made.keep == (ours("1", "cat", "cats"),)
    assert made.add == (Rule("dogs", "dog"),)
    assert made.delete == (ours("2", "bird", "birds"),)


def test_a_second_look_finds_nothing_to_do() -> None:
    assert not plan([Rule("cats", "cat")], [ours("1", "cat", "cats")], OURS).changes


def test_rules_of_others_are_never_touched() -> None:
    others = [Existing("1", "cat"), Existing("2", "dog", "theirs"), Existing("3", "x", "tweetlo")]

    made = plan([Rule("cats", "cat")], others, OURS)

    assert not made.changes
    assert made.others == tuple(others)
    assert made.shared == ((others[0], Rule("cats", "cat")),)


def test_a_new_tag_takes_the_place_of_the_old_one_since_x_cannot_edit() -> None:
    made = plan([Rule("felines", "cat")], [ours("1", "cat", "cats")], OURS)

    assert made == Plan(retag=((ours("1", "cat", "cats"), Rule("felines", "cat")),))


VALUES = st.sampled_from(["cat", "dog", "bird", "fish"])
TAGS = st.sampled_from(["a", "b"])
WANTED = st.lists(st.builds(Rule, TAGS, VALUES), unique_by=lambda rule: rule.value)
EXISTING = st.lists(
    st.builds(Existing, st.just("1"), VALUES, st.sampled_from([OURS + "a", OURS + "b", "", "x"])),
    unique_by=lambda rule: rule.value,
)


@given(WANTED, EXISTING)
def test_after_the_plan_ours_are_what_is_asked_for_and_others_are_as_before(
    wanted: list[Rule], existing: list[Existing]
) -> None:
    made = plan(wanted, existing, OURS)
    there = {rule.value: rule.tag for rule in existing}
    for before, rule in made.retag:
        assert there.pop(before.value) == before.tag
        there[rule.value] = OURS + rule.tag
    for rule in made.add:
        assert rule.value not in there  # X refuses a value twice
        there[rule.value] = OURS + rule.tag
    for gone in made.delete:
        del there[gone.value]

    others = {rule.value: rule.tag for rule in existing if not rule.tag.startswith(OURS)}
    asked = {rule.value: OURS + rule.tag for rule in wanted if rule.value not in others}
    assert there == asked | others
    assert not plan(wanted, [Existing("1", v, t) for v, t in there.items()], OURS).changes


def test_a_plan_is_shown_line_by_line() -> None:
    made = plan(
        [Rule("new", "n", 7), Rule("kept", "k", 9), Rule("both", "b", 11), Rule("now", "t", 13)],
        [ours("1", "k", "kept"), ours("2", "o", "old"), Existing("3", "b"), ours("4", "t", "was")],
        OURS,
    )

    assert described(made, OURS) == [
        "+ tweetlog:new: n  (line 7)",
        "~ tweetlog:now: t  (was tagged tweetlog:was)",
        "- tweetlog:old: o",
        "= tweetlog:kept: k",
        "! both: b  (line 11: there already, of somebody else, as 3)",
        "  3: b  (of somebody else, untouched; it is delivered and billed here too)",
    ]


TOML = b"""\
# narrow
[[rules]]
tag = "cats"
value = "cat lang:en"

[[ rules ]]
tag = "tags"
value = '#cats -is:retweet'
"""
YAML = b"""\
rules:
  - tag: cats
    value: cat lang:en
  - {value: '#cats -is:retweet', tag: tags}
"""


def test_toml_and_yaml_say_the_same() -> None:
    asked = [Rule("cats", "cat lang:en"), Rule("tags", "#cats -is:retweet")]

    def plain(found: list[Rule]) -> list[Rule]:
        return [Rule(rule.tag, rule.value) for rule in found]

    assert plain(rules("r.toml", TOML)) == plain(rules("r.yaml", YAML)) == asked
    assert [rule.line for rule in rules("r.toml", TOML)] == [2, 6]
    assert [rule.line for rule in rules("r.yaml", YAML)] == [2, 4]


TWO = b"rules:\n- {tag: a, value: b}\n- {tag: %b, value: %b}"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("r.toml", b"[[rules]]\ntag = 'a'", "r.toml, line 1: value is missing"),
        ("r.toml", b"rules = 5", "no [[rules]]"),
        ("r.toml", b"", "no [[rules]]"),
        ("r.toml", b"rules = []", "no rules in it"),
        ("r.toml", b"[[rule]]\ntag = 'a'", "'rule' is not known here"),
        ("r.toml", b"[[rules]]\ntag = ", "not TOML"),
        ("r.toml", b"rules = [5]", "a rule has a tag and a value"),
        ("r.yaml", b"", "no rules in it"),
        ("r.yaml", b"rules:\n- tag: a\n  value: #cats", "line 2: value is empty; what begins"),
        ("r.yaml", b"rules:\n- tag: a\n  value: 5", "value is not a text; put it in quotes"),
        ("r.yaml", b"rules:\n- tag: a\n  value: [a]", "value is not a text"),
        ("r.yaml", b"rules:\n- tag: a\n  valu: b", "'valu' is not known here"),
        ("r.yaml", b"rules:\n- cat", "a rule has a tag and a value"),
        ("r.yaml", b"rules: cat", "rules is not a list"),
        ("r.yaml", b"rule:\n- a", "'rule' is not known here"),
        ("r.yaml", b"rules: [", "not YAML"),
        ("r.yaml", TWO % (b"a", b"c"), "line 3: the same tag as on line 2"),
        ("r.yaml", TWO % (b"c", b"b"), "line 3: the same value as on line 2"),
        ("r.yaml", b"rules:\n- {tag: ' ', value: b}", "tag is blank"),
        ("r.yaml", b"rules:\n- {tag: '" + b"a" * 101 + b"', value: b}", "tag is longer than 100"),
        ("r.yaml", b"\xff", "not UTF-8"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_is_named_with_its_line(name: str, content: bytes, said: str) -> None:
    with pytest.raises(RulesInvalid) as invalid:
        rules(name, content)

    assert said in "\n".join(invalid.value.mistakes)


def test_all_mistakes_are_told_together() -> None:
    with pytest.raises(RulesInvalid) as invalid:
        rules("r.yaml", b"rules:\n- tag: a\n- value: b\n- {tag: 1, value: null}")

    assert len(invalid.value.mistakes) == 4


@given(st.binary(), st.sampled_from(["r.toml", "r.yaml"]))
def test_any_file_is_read_or_refused(content: bytes, name: str) -> None:
    try:
        found = rules(name, content)
    except RulesInvalid:
        return
    assert all(rule.tag and rule.value for rule in found)

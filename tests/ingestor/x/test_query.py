import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestor.x.query import QUOTED, RETWEETS, Blind, blind


@pytest.mark.parametrize(
    ("value", "unseen"),
    [
        ("cat", (RETWEETS, QUOTED)),
        ("cat -is:retweet", (QUOTED,)),
        ("cat -is:retweet -is:quote", ()),
        ("from:somebody -is:retweet", ()),
        ("from:somebody", (RETWEETS,)),
        ("from:somebody is:reply", (RETWEETS,)),
        ('"a phrase" -is:retweet -is:quote', ()),
        ('"-is:retweet"', (RETWEETS, QUOTED)),
        ("(cat OR dog) -is:retweet -is:quote", ()),
        ("cat -is:retweet OR dog", (RETWEETS, QUOTED)),
        ("cat -is:retweet OR dog -is:retweet", (QUOTED,)),
        ("(cat -is:retweet) OR (dog -is:retweet)", (QUOTED,)),
        ("((cat -is:retweet) OR dog) lang:en", (RETWEETS, QUOTED)),
        ("((cat OR dog) (-is:retweet) -is:quote) lang:en", ()),
        ("cat -(dog -is:retweet)", (RETWEETS, QUOTED)),
        ("cat -(dog OR bird) -is:retweet -is:quote", ()),
        ("-cat from:somebody -is:retweet", ()),
        ("#cats -is:retweet", (QUOTED,)),
        ("(" * 200 + "cat -is:retweet", (RETWEETS, QUOTED)),
    ],
)
def test_what_search_cannot_see_of_a_rule(value: str, unseen: tuple[str, ...]) -> None:
    assert blind(value) == Blind(unseen=unseen)


@pytest.mark.parametrize(
    "value", ["cat sample:10", "bio:cook", 'bio_location:"New York"', "-bio:x a"]
)
def test_a_rule_with_an_operator_that_search_does_not_know_is_not_searched_for(value: str) -> None:
    assert blind(value).why_not.startswith("search does not know ")


def test_a_rule_longer_than_a_query_is_not_searched_for() -> None:
    assert blind("a" * 512).why_not == ""
    assert blind("a" * 513).why_not == "search takes 512 characters; the rule has 513"


@given(st.text(alphabet='ab-():"~ ORis:retweet', max_size=600) | st.text())
def test_any_rule_can_be_asked_about(value: str) -> None:
    blind(value)

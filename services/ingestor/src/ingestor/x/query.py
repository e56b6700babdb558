"""What recent search cannot see of what a rule brings: to be told before it is asked.

Sources: X docs, "Build a query" (operators; recent search takes 512 characters), changelog of
2026-05-04 (keyword search returns no retweets); the stream matches the text of quoted Posts,
search does not.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

#: Characters of a query of recent search (X docs, "Recent search").
MAX_QUERY = 512

RETWEETS = "retweets"
QUOTED = "matches in the text of a quoted Post"

# Operators that the stream has and search has not.
_STREAM_ONLY = ("sample:", "bio:", "bio_name:", "bio_location:", "user_bio:", "user_bio_location:")
# They match a Post by what it is or whose it is, not by its words.
_NO_WORDS = (
    "bounding_box:", "context:", "conversation_id:", "from:", "has:", "in_reply_to_tweet_id:",
    "is:", "lang:", "list:", "place:", "place_country:", "point_radius:", "quotes_of_tweet_id:",
    "retweets_of:", "retweets_of_tweet_id:", "to:",
)  # fmt: skip
# More groups than a person writes; whoever nests deeper is taken to exclude nothing.
_MAX_GROUPS = 100
_TERM = re.compile(r'-?\(|\)|-?(?:[a-z_]+:)?"[^"]*"(?:~[0-9]+)?|[^\s()]+')


@dataclass(frozen=True, slots=True)
class Blind:
    """What a search for a rule cannot see.

    Attributes:
        why_not: why the rule cannot be searched for at all; empty if it can.
        unseen: kinds of Posts that the rule brings and the search does not.
    """

    why_not: str = ""
    unseen: tuple[str, ...] = ()


def blind(value: str) -> Blind:
    """Return what recent search cannot see of what this rule brings."""
    terms = _TERM.findall(value)
    for term in terms:
        operator = next((one for one in _STREAM_ONLY if term.lstrip("-").startswith(one)), None)
        if operator:
            return Blind(why_not=f"search does not know {operator}")
    if len(value) > MAX_QUERY:
        return Blind(why_not=f"search takes {MAX_QUERY} characters; the rule has {len(value):,}")
    alternatives = _parsed(iter(terms)) if terms.count("(") <= _MAX_GROUPS else [[]]
    unseen = []
    if not _excludes(alternatives, "-is:retweet"):
        unseen.append(RETWEETS)
    if _has_words(terms) and not _excludes(alternatives, "-is:quote"):
        unseen.append(QUOTED)
    return Blind(unseen=tuple(unseen))


def _has_words(terms: list[str]) -> bool:
    """Whether anything is looked for in the text."""
    return any(
        term not in ("(", "-(", ")", "OR") and not term.startswith(("-", *_NO_WORDS))
        for term in terms
    )


def _parsed(terms: Iterator[str]) -> list[list[Any]]:
    """Return the alternatives, each a list of what has to hold together: words and groups."""
    alternatives: list[list[Any]] = [[]]
    for term in terms:
        if term == ")":
            break
        if term == "OR":
            alternatives.append([])
        elif term == "(":
            alternatives[-1].append(_parsed(terms))
        elif term == "-(":
            _parsed(terms)  # X advises against them; what they exclude is not relied on
        else:
            alternatives[-1].append(term)
    return alternatives


def _excludes(alternatives: list[list[Any]], negation: str) -> bool:
    """Whether every alternative has this negation among what has to hold."""
    return all(
        any(
            _excludes(term, negation) if isinstance(term, list) else term == negation
            for term in part
        )
        for part in alternatives
    )

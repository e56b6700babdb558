"""The language of rules and queries: from its text to a tree, or to what is wrong with it.

A space is AND and binds before OR; `-` negates one clause, never a group; a rule needs at least
one clause that may stand alone (X docs, "Build a rule").
"""

import re
from dataclasses import dataclass

STANDALONE = frozenset({
    "from", "to", "retweets_of", "url", "context", "entity", "conversation_id", "bio", "bio_name",
    "bio_location", "place", "place_country", "in_reply_to_tweet_id", "retweets_of_tweet_id",
})  # fmt: skip
COMPANIONS = frozenset({"is", "has", "lang", "sample"})
VALUES = {
    "is": ("retweet", "reply", "quote", "verified", "nullcast"),
    "has": (
        "hashtags", "cashtags", "links", "mentions", "media", "images", "videos", "video_link",
        "geo",
    ),
}  # fmt: skip
# Operators that a query of the search does not know (X docs, operators by product).
STREAM_ONLY = frozenset({"sample", "bio", "bio_name", "bio_location"})
_MOST_PERCENT = 100
# Clauses that are no operator with a value.
_PLAIN = frozenset({"word", "phrase", "#", "@", "$"})
# Quotes hold anything but quotes; an operator's value may be quoted, a phrase may end in ~N.
_TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<open>\()|(?P<close>\))|(?P<not>-(?=[^\s-]))
    |(?P<operator>[A-Za-z_]+):(?P<value>"[^"]*"|[^\s()"]+)
    |(?P<phrase>"[^"]*"(?:~\d+)?)
    |(?P<word>[^\s()"]+)""",
    re.VERBOSE,
)


class InvalidRuleError(ValueError):
    """A rule that X refuses; `details` says why, in X's words."""

    def __init__(self, *details: str) -> None:
        super().__init__(details[0])
        self.details = details


@dataclass(frozen=True, slots=True)
class Term:
    """One clause: an operator's name (`word`, `phrase`, `#`, `@`, `$` among them), its value."""

    operator: str
    value: str
    position: int


@dataclass(frozen=True, slots=True)
class Not:
    """A clause that must not hold."""

    clause: Term


@dataclass(frozen=True, slots=True)
class All:
    """Clauses that must all hold."""

    parts: tuple["Clause", ...]


@dataclass(frozen=True, slots=True)
class Any:
    """Clauses of which one must hold."""

    parts: tuple["Clause", ...]


Clause = Term | Not | All | Any


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int
    value: str = ""


def parsed(text: str, *, search: bool = False) -> Clause:
    """Return the tree of a rule, or of a query where `search` is set.

    Raises:
        InvalidRuleError: if X would refuse it.
    """
    parser = _Parser(_tokens(text))
    tree = parser.whole()
    terms = list(_terms(tree))
    details = [line for term, _ in terms for line in _complaints(term, search=search)]
    if details:
        raise InvalidRuleError(*details)
    if not any(positive and _stands_alone(term) for term, positive in terms):
        raise InvalidRuleError(
            "Rules must contain at least one positive, standalone operator (at position 1)."
        )
    return tree


def has_keywords(tree: Clause) -> bool:
    """Whether words, hashtags, mentions or cashtags are looked for, and not accounts alone."""
    return any(positive and term.operator in _PLAIN for term, positive in _terms(tree))


class _Parser:
    """Reads tokens by recursive descent."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def whole(self) -> Clause:
        tree = self._either()
        token = self._next()
        if token.kind != "end":
            raise InvalidRuleError(f"missing EOF at '{token.text}' (at position {token.position}).")
        return tree

    def _either(self) -> Clause:
        parts = [self._both()]
        while self._tokens[self._at].kind == "or":
            self._at += 1
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def _both(self) -> Clause:
        parts = [self._one()]
        while self._tokens[self._at].kind in {"not", "open", "term"}:
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _one(self) -> Clause:
        token = self._next()
        if token.kind == "term":
            return Term(token.text, token.value, token.position)
        if token.kind == "not":
            return self._negated(token)
        if token.kind == "open":
            inner = self._either()
            close = self._next()
            if close.kind != "close":
                raise InvalidRuleError(
                    f"missing ')' at '{close.text}' (at position {close.position})."
                )
            return inner
        raise InvalidRuleError(
            f"no viable alternative at input '{token.text}' (at position {token.position})."
        )

    def _negated(self, sign: _Token) -> Clause:
        token = self._next()
        if token.kind != "term":
            raise InvalidRuleError(
                f"Only a single clause can be negated (at position {sign.position})."
            )
        return Not(Term(token.text, token.value, token.position))

    def _next(self) -> _Token:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise InvalidRuleError(
                f"no viable alternative at character '{text[at]}' (at position {at + 1})."
            )
        if match.lastgroup != "space":
            found.append(_token(match))
        at = match.end()
    return [*found, _Token("end", "<EOF>", len(text) + 1)]


def _token(match: re.Match[str]) -> _Token:
    kind, text, position = match.lastgroup or "", match.group(), match.start() + 1
    if kind in {"open", "close", "not"}:
        return _Token(kind, text, position)
    if kind == "value":
        value = match["value"].strip('"')
        return _Token("term", match["operator"].lower(), position, value)
    if kind == "phrase":
        return _Token("term", "phrase", position, text)
    if text == "OR":
        return _Token("or", text, position)
    if text[0] in "#@$" and len(text) > 1:
        return _Token("term", text[0], position, text[1:])
    return _Token("term", "word", position, text)


def _terms(tree: Clause, *, positive: bool = True) -> "list[tuple[Term, bool]]":
    if isinstance(tree, Term):
        return [(tree, positive)]
    if isinstance(tree, Not):
        return _terms(tree.clause, positive=False)
    return [found for part in tree.parts for found in _terms(part, positive=positive)]


def _stands_alone(term: Term) -> bool:
    return term.operator not in COMPANIONS


def _complaints(term: Term, *, search: bool) -> list[str]:
    at = f"(at position {term.position})."
    if term.operator in _PLAIN:
        return []
    if search and term.operator in STREAM_ONLY:
        reason = "Operator is not available in current product or product packaging."
        return [f"Reference to invalid operator '{term.operator}'. {reason} {at}"]
    if term.operator not in STANDALONE | COMPANIONS:
        return [
            f"Reference to invalid operator '{term.operator}' {at}",
            f"Reference to invalid field '{term.operator}' {at}",
        ]
    return _complaints_on_value(term, at)


def _complaints_on_value(term: Term, at: str) -> list[str]:
    allowed = VALUES.get(term.operator)
    if allowed and term.value not in allowed:
        return [f"Reference to invalid value '{term.value}' of operator '{term.operator}' {at}"]
    if term.operator == "sample" and not _is_percent(term.value):
        return [f"The sample: operator takes a whole number from 1 to 100 {at}"]
    return []


def _is_percent(value: str) -> bool:
    return value.isascii() and value.isdigit() and 1 <= int(value[:4]) <= _MOST_PERCENT

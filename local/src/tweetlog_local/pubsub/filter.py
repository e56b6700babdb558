r"""Pub/Sub's filter language over a message's attributes, as a predicate.

    attributes:key    attributes.key = "v"    attributes.key != "v"
    hasPrefix(attributes.key, "v")    NOT x    -x    x AND y    x OR y    (x)

A key with characters other than letters, digits, `-` and `_` is written as a string.
"""

import re
from collections.abc import Callable, Mapping

from tweetlog_local.pubsub.errors import invalid

MAX_BYTES = 256  # documented maximum length of a filter
Predicate = Callable[[Mapping[str, str]], bool]

KEY = re.compile(r"[A-Za-z0-9_-]+")
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
ESCAPE = re.compile(
    r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([0-7]{3})|(.))", re.DOTALL
)
PLAIN_ESCAPES = {
    "n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v",
    "\\": "\\", '"': '"', "'": "'", "`": "`", "?": "?",
}  # fmt: skip
SPACE = re.compile(r"\s*")


def compile_filter(text: str) -> Predicate:
    """The predicate that `text` describes; INVALID_ARGUMENT with the reason if there is none."""
    if len(text.encode()) > MAX_BYTES:
        raise invalid(f"the filter is longer than {MAX_BYTES} bytes")
    return _Parser(text).whole()


class _Parser:
    """Recursive descent; each method consumes what it returns."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def whole(self) -> Predicate:
        predicate = self._expression()
        self._skip_space()
        if self._at < len(self._text):
            raise self._error("AND, OR or the end")
        return predicate

    def _expression(self) -> Predicate:
        terms = [self._term()]
        operator = ""
        while found := self._word("AND") or self._word("OR"):
            if operator and found != operator:
                raise self._error("parentheses where AND and OR are mixed")
            operator = found
            terms.append(self._term())
        return _joined(operator, terms)

    def _term(self) -> Predicate:
        if self._word("NOT") or self._mark("-"):
            return _negated(self._term())
        if self._mark("("):
            inner = self._expression()
            self._expect(")")
            return inner
        if self._word("hasPrefix"):
            return self._prefix()
        return self._comparison()

    def _prefix(self) -> Predicate:
        self._expect("(")
        self._expect_word("attributes")
        self._expect(".")
        key = self._key()
        self._expect(",")
        prefix = self._string()
        self._expect(")")
        return lambda attributes: attributes.get(key, "").startswith(prefix) and key in attributes

    def _comparison(self) -> Predicate:
        self._expect_word("attributes")
        if self._mark(":"):
            key = self._key()
            return lambda attributes: key in attributes
        self._expect(".")
        key = self._key()
        if self._mark("!="):
            unwanted = self._string()
            return lambda attributes: attributes.get(key) != unwanted
        self._expect("=")
        wanted = self._string()
        return lambda attributes: attributes.get(key) == wanted

    def _key(self) -> str:
        self._skip_space()
        if self._text.startswith('"', self._at):
            return self._string()
        return self._match(KEY, "a key").group()

    def _string(self) -> str:
        self._skip_space()
        return ESCAPE.sub(self._unescaped, self._match(STRING, 'a "string"').group(1))

    def _unescaped(self, escape: re.Match[str]) -> str:
        *hexadecimal, octal, plain = escape.groups()
        digits = next(filter(None, hexadecimal), None)
        if digits is not None and int(digits, 16) <= 0x10FFFF:  # noqa: PLR2004 - Unicode ends there
            return chr(int(digits, 16))
        if octal is not None:
            return chr(int(octal, 8))
        if plain not in PLAIN_ESCAPES:
            raise self._error(f"a known escape instead of {escape.group()!r}")
        return PLAIN_ESCAPES[plain]

    def _match(self, pattern: re.Pattern[str], wanted: str) -> re.Match[str]:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise self._error(wanted)
        self._at = found.end()
        return found

    def _skip_space(self) -> None:
        self._match(SPACE, "nothing")

    def _mark(self, mark: str) -> bool:
        self._skip_space()
        found = self._text.startswith(mark, self._at)
        self._at += len(mark) if found else 0
        return found

    def _word(self, word: str) -> str:
        self._skip_space()
        found = KEY.match(self._text, self._at)
        if found is None or found.group() != word:
            return ""
        self._at = found.end()
        return word

    def _expect(self, mark: str) -> None:
        if not self._mark(mark):
            raise self._error(repr(mark))

    def _expect_word(self, word: str) -> None:
        if not self._word(word):
            raise self._error(repr(word))

    def _error(self, wanted: str) -> Exception:
        return invalid(f"filter {self._text!r}: expected {wanted} at character {self._at + 1}")


def _joined(operator: str, terms: list[Predicate]) -> Predicate:
    if not operator:
        return terms[0]
    over = all if operator == "AND" else any
    return lambda attributes: over(term(attributes) for term in terms)


def _negated(term: Predicate) -> Predicate:
    return lambda attributes: not term(attributes)

"""Faults on demand: rules that say which connection or line goes wrong, how, and how often.

Pure and repeatable: chance comes from a generator seeded by the rule.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from random import Random
from typing import Any

from tweetlog_local.x_api import problems

#: Happen to a request before it is answered.
REQUEST_KINDS: Mapping[str, str] = {
    "answer": "answer with the `problem`",
    "hang_up": "reset the connection instead of answering",
    "slow_headers": "wait `seconds` before the answer",
    "no_answer": "take the request and say nothing for `seconds` (0: for ever)",
    "empty_body": "answer a stream with 200 and end it without a byte",
}
#: Happen to an open stream, at the next line or at once where none is due.
STREAM_KINDS: Mapping[str, str] = {
    "end": "end the body politely",
    "reset": "reset the connection in the middle of a tweet (TCP RST)",
    "cut": "close the connection in the middle of a tweet (TCP FIN, TLS without a goodbye)",
    "tear": "end the body politely in the middle of a tweet",
    "disconnect": "send X's disconnect message, then end; `upstream`, `bare`, `stay` vary it",
    "stall": "send nothing for `seconds` (0: for ever), not even keep-alives",
    "line": "send `text` as a line",
    "unknown_message": "send a message of a type that there is not",
    "bare_error": "send an error object that is neither a tweet nor a disconnect",
    "end_slow_reader": "treat the client as too slow",
}
#: Happen to a tweet that is about to be sent.
LINE_KINDS: Mapping[str, str] = {
    "repeat": "send the tweet `times` more",
    "untag": "leave out the tags of the matching rules",
    "partial_error": "add an error to the tweet",
    "split": "send the tweet in chunks of `bytes`, a moment apart",
    "hold_gzip": "do not flush the tweet out of gzip; the next one does",
    "delay": "send the tweet after the next one",
}
#: Happen to whoever connects.
SERVER_KINDS: Mapping[str, str] = {
    "refuse": "refuse connections for `seconds`",
    "untrusted": "show a certificate that nobody vouches for, to the next `count` clients",
}
KINDS: Mapping[str, str] = {**REQUEST_KINDS, **STREAM_KINDS, **LINE_KINDS, **SERVER_KINDS}
_TYPES: Mapping[str, tuple[type, ...]] = {
    "kind": (str,),
    "path": (str,),
    "problem": (str,),
    "seconds": (int, float),
    "after": (int,),
    "bytes": (int,),
    "times": (int,),
    "text": (str,),
    "upstream": (bool,),
    "bare": (bool,),
    "stay": (bool,),
    "probability": (int, float),
    "count": (int,),
    "seed": (int,),
}


class FaultError(ValueError):
    """A fault that cannot be made; the text says why."""


@dataclass(slots=True)
class Fault:
    """One rule; `count` is how often it still fires (None: for ever), `fired` how often it did.

    Attributes:
        path: which requests it happens to; the filtered stream where none is given.
        after: tweets that a stream gives first.
    """

    kind: str
    path: str = ""
    problem: str = "unavailable"
    seconds: float = 0.0
    after: int = 0
    bytes: int = 1
    times: int = 1
    text: str = ""
    upstream: bool = True
    bare: bool = False
    stay: bool = False
    probability: float = 1.0
    count: int | None = 1
    seed: int = 0
    fired: int = 0
    _random: Random = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Different rules of the same seed are to fire at different times.
        self._random = Random(repr(self))  # noqa: S311 - repeatable on purpose

    def fires(self) -> bool:
        """Whether it happens this time; counts it if so."""
        if self.count == 0 or self._random.random() >= self.probability:
            return False
        self.fired += 1
        self.count = None if self.count is None else self.count - 1
        return True

    def shown(self) -> dict[str, Any]:
        """The rule as JSON has it."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.init}


class Faults:
    """The rules in force; without any, nothing is asked of chance."""

    def __init__(self, stream_path: str) -> None:
        self._stream_path = stream_path
        self._rules: list[Fault] = []

    def __bool__(self) -> bool:
        return bool(self._rules)

    def on_request(self, path: str) -> Fault | None:
        """Return what happens to a request."""
        return self._fire(REQUEST_KINDS, lambda rule: self._path(rule) == path)

    def on_stream(self, path: str, sent: int, *, idle: bool) -> Fault | None:
        """Return what happens to a stream that has given `sent` tweets.

        Args:
            path: the stream's.
            sent: its tweets so far.
            idle: whether no tweet is due; chance is asked once for each tweet only.
        """
        return self._fire(
            STREAM_KINDS,
            lambda rule: (
                self._path(rule) == path
                and rule.after <= sent
                and not (idle and rule.probability < 1)
            ),
        )

    def on_line(self, path: str, sent: int) -> Fault | None:
        """Return what happens to the next tweet of a stream."""
        return self._fire(LINE_KINDS, lambda rule: self._path(rule) == path and rule.after <= sent)

    def on_handshake(self) -> bool:
        """Return whether the next client is shown a certificate that it cannot trust."""
        return self._fire({"untrusted": ""}, lambda _: True) is not None

    def refusal(self) -> float | None:
        """Return for how long connections are to be refused from now on, or None."""
        fault = self._fire({"refuse": ""}, lambda _: True)
        return fault.seconds if fault else None

    def concern_lines(self, path: str) -> bool:
        """Whether tweets of a stream have to be looked at one by one."""
        return any(
            rule.count != 0
            and rule.kind in (*STREAM_KINDS, *LINE_KINDS)
            and self._path(rule) == path
            for rule in self._rules
        )

    def add(self, rules: Iterable[object]) -> list[Fault]:
        """Put rules in force, all or none; return them."""
        added = [parse(rule) for rule in rules]
        self._rules += added
        return added

    def clear(self) -> None:
        """Let everything work again."""
        self._rules.clear()

    def shown(self) -> list[dict[str, Any]]:
        """Every rule as JSON has it."""
        return [rule.shown() for rule in self._rules]

    def _path(self, rule: Fault) -> str:
        return rule.path or self._stream_path

    def _fire(self, kinds: Iterable[str], concerns: Callable[[Fault], bool]) -> Fault | None:
        if not self._rules:
            return None
        known = set(kinds)
        return next((r for r in self._rules if r.kind in known and concerns(r) and r.fires()), None)


def parse(rule: object) -> Fault:
    """Return a rule from JSON.

    Raises:
        FaultError: naming what is wrong with it.
    """
    if not isinstance(rule, dict):
        raise FaultError(f"a fault is a JSON object, not {rule!r}")
    for name, value in rule.items():
        _check(name, value)
    if rule.get("kind") not in KINDS:
        raise FaultError(f"kind must be one of {', '.join(KINDS)}, not {rule.get('kind')!r}")
    parsed = Fault(**rule)
    if parsed.problem not in problems.BY_NAME:
        known = ", ".join(problems.BY_NAME)
        raise FaultError(f"problem must be one of {known}, not {parsed.problem!r}")
    return parsed


def _check(name: str, value: object) -> None:
    allowed = _TYPES.get(name)
    if allowed is None:
        raise FaultError(f"{name!r} is unknown in a fault; known: {', '.join(_TYPES)}")
    if value is None and name == "count":
        return
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        raise FaultError(
            f"{name} must be of type {' or '.join(t.__name__ for t in allowed)}: {value!r}"
        )
    if isinstance(value, int | float) and not 0 <= value < float("inf"):
        raise FaultError(f"{name} must not be negative: {value!r}")
    if name == "bytes" and value == 0:
        raise FaultError("bytes must be 1 at least")

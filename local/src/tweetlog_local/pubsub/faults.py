"""Faults on demand: rules that say which publish, ack or delivery goes wrong, and how often.

Pure and repeatable: chance comes from a generator seeded by the rule.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from random import Random
from typing import Any

KINDS = {
    "refuse_publish": "answer a publish with `code`; nothing is written",
    "lose_publish": "write the messages, then answer with `code` all the same",
    "stall_publish": "let a publish wait `seconds`",
    "lose_ack": "answer an ack but do not apply it: the message comes again after its deadline, "
    "or after `seconds` if that is sooner",
    "deliver_twice": "deliver a message and the same message once more",
    "stall_delivery": "deliver nothing on the subscription for `seconds`",
}
CODES = {
    "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
    "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
    "UNAUTHENTICATED",
}  # fmt: skip
FIELDS: dict[str, tuple[type, ...]] = {
    "kind": (str,),
    "topic": (str,),
    "subscription": (str,),
    "code": (str,),
    "seconds": (int, float),
    "probability": (int, float),
    "count": (int,),
    "seed": (int,),
}


class RuleError(ValueError):
    """A rule that cannot be followed; the text says why."""


@dataclass(slots=True)
class Rule:
    """One rule; `count` is how often it still fires (None: for ever), `fired` how often it did."""

    kind: str
    topic: str = ""
    subscription: str = ""
    code: str = "UNAVAILABLE"
    seconds: float = 0.0
    probability: float = 1.0
    count: int | None = None
    seed: int = 0
    fired: int = 0
    _random: Random = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)  # noqa: S311 - repeatable on purpose

    def fires(self) -> bool:
        """Whether the rule applies this time; counts it if so."""
        if self.count == 0 or self._random.random() >= self.probability:
            return False
        self.fired += 1
        self.count = None if self.count is None else self.count - 1
        return True

    def concerns(self, name: str) -> bool:
        """Whether the rule is about this topic or subscription; a last part is name enough."""
        scope = self.topic or self.subscription
        return not scope or name == scope or name.rpartition("/")[2] == scope

    def shown(self) -> dict[str, Any]:
        """The rule as JSON has it."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.init}


class Faults:
    """The rules in force; without any, nothing is asked of chance."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []

    def fire(self, kind: str, name: str) -> Rule | None:
        """The first rule of `kind` that applies to the topic or subscription `name` now."""
        if not self._rules:
            return None
        return next(
            (r for r in self._rules if r.kind == kind and r.concerns(name) and r.fires()), None
        )

    def add(self, rules: Iterable[object]) -> None:
        """Put rules in force, all or none."""
        self._rules += [parse(rule) for rule in rules]

    def clear(self) -> None:
        """Let everything work again."""
        self._rules.clear()

    def shown(self) -> list[dict[str, Any]]:
        """Every rule as JSON has it."""
        return [rule.shown() for rule in self._rules]


def parse(rule: object) -> Rule:
    """A rule from JSON; RuleError names what is wrong with it."""
    if not isinstance(rule, dict):
        raise RuleError(f"a fault rule is a JSON object, not {rule!r}")
    for name, value in rule.items():
        _check_value(name, value)
    if rule.get("kind") not in KINDS:
        raise RuleError(f"kind must be one of {', '.join(KINDS)}, not {rule.get('kind')!r}")
    parsed = Rule(**rule)
    _check(parsed)
    return parsed


def _check_value(name: str, value: object) -> None:
    allowed = FIELDS.get(name)
    if allowed is None:
        raise RuleError(f"{name!r} is unknown in a fault rule; known: {', '.join(FIELDS)}")
    if not isinstance(value, allowed) or isinstance(value, bool):
        raise RuleError(
            f"{name} must be of type {' or '.join(t.__name__ for t in allowed)}: {value!r}"
        )
    if isinstance(value, int | float) and not 0 <= value < float("inf"):
        raise RuleError(f"{name} must not be negative: {value!r}")


def _check(rule: Rule) -> None:
    about_topic = rule.kind.endswith("_publish")
    if rule.subscription if about_topic else rule.topic:
        raise RuleError(f"{rule.kind} is about a {'topic' if about_topic else 'subscription'}")
    if rule.code not in CODES:
        raise RuleError(f"code must be a gRPC status such as UNAVAILABLE, not {rule.code!r}")

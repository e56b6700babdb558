"""The rules of the filtered stream: added, deleted, and in effect some seconds later."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tweetlog_local.x_api import problems
from tweetlog_local.x_api.grammar import InvalidRuleError, parsed
from tweetlog_local.x_api.matching import Features, Matcher, matcher
from tweetlog_local.x_api.problems import Problem
from tweetlog_local.x_api.snowflake import id_at
from tweetlog_local.x_api.tiers import Tier

_FOR_EVER = float("inf")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, and from when to when tweets are matched against it (seconds since 1970)."""

    id: str
    value: str
    tag: str | None
    since: float
    until: float = _FOR_EVER
    matches: Matcher = field(repr=False, compare=False, default=lambda _: False)

    def shown(self) -> dict[str, str]:
        """The rule as X shows it: without a tag where it has none."""
        return {"id": self.id, "value": self.value, **({"tag": self.tag} if self.tag else {})}

    def named(self) -> dict[str, str]:
        """The rule as `matching_rules` has it."""
        return {"id": self.id, **({"tag": self.tag} if self.tag else {})}


@dataclass(frozen=True, slots=True)
class Added:
    """What became of rules that were to be added."""

    created: Sequence[Rule]
    errors: Sequence[dict[str, Any]]


class Rulebook:
    """Every rule there is, and those that were.

    Args:
        delay: seconds from a change to its effect.
    """

    def __init__(self, tier: Tier, *, delay: float) -> None:
        self._tier = tier
        self._delay = delay
        self._rules: dict[str, Rule] = {}
        self._gone: list[Rule] = []
        self._changes: list[float] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._rules)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules.values())

    def ever(self) -> Iterator[Rule]:
        """Yield every rule, deleted ones too."""
        yield from self._gone
        yield from self._rules.values()

    def add(
        self, wanted: Iterable[tuple[str, str | None]], now: float, *, dry_run: bool = False
    ) -> Added | Problem:
        """Add rules of a value and perhaps a tag: those that are valid and new, or none.

        A call with an invalid rule creates nothing; one that is there already hinders no other.
        """
        rules, errors = self._judged(list(wanted), now)
        if len(self._rules) + len(rules) > self._tier.rules:
            return problems.rule_cap(self._tier.rules)
        if any("details" in error for error in errors):
            return Added((), errors)
        if not dry_run:
            self._rules |= {rule.id: rule for rule in rules}
            self._changed(now)
        return Added(rules, errors)

    def delete(self, ids: Iterable[str], now: float, *, dry_run: bool = False) -> tuple[int, int]:
        """Delete rules; return how many were and how many were not there."""
        asked = list(dict.fromkeys(ids))
        found = [id for id in asked if id in self._rules]
        if not dry_run:
            for id in found:
                self._gone.append(replace(self._rules.pop(id), until=now + self._delay))
            self._changed(now)
        return len(found), len(asked) - len(found)

    def ids_of(self, values: Iterable[str]) -> list[str]:
        """Return the ids of rules by their values; an unknown value's id is the value itself."""
        by_value = {rule.value: rule.id for rule in self}
        return [by_value.get(value.strip(), value) for value in values]

    def matching(self, tweet: Features, at: float) -> tuple[Rule, ...]:
        """Return the rules in effect at a moment that a tweet matches."""
        return tuple(
            rule for rule in self.ever() if rule.since <= at < rule.until and rule.matches(tweet)
        )

    def edition(self, at: float) -> int:
        """Return a number that differs between moments with different rules in effect."""
        return bisect_right(self._changes, at)

    def _changed(self, now: float) -> None:
        self._changes.append(now + self._delay)

    def _judged(
        self, wanted: list[tuple[str, str | None]], now: float
    ) -> tuple[list[Rule], list[dict[str, Any]]]:
        known = {rule.value: rule.id for rule in self}
        rules: list[Rule] = []
        errors: list[dict[str, Any]] = []
        for value, tag in ((value.strip(), tag) for value, tag in wanted):
            if value in known:
                errors.append(problems.duplicate_rule(value, known[value]))
                continue
            try:
                rule = self._rule(value, tag, now)
            except InvalidRuleError as reason:
                errors.append(problems.invalid_rule(value, reason.details))
                continue
            known[value] = rule.id
            rules.append(rule)
        return rules, errors

    def _rule(self, value: str, tag: str | None, now: float) -> Rule:
        if len(value) > self._tier.rule_length:
            raise InvalidRuleError(
                f"Rules must be {self._tier.rule_length} characters or less "
                f"(this one has {len(value)})."
            )
        matches = matcher(parsed(value))
        self._count += 1
        id = str(id_at(int(now * 1000), self._count))
        return Rule(id, value, tag, now + self._delay, matches=matches)

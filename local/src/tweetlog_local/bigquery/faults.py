"""Failures on demand, so that what writes to BigQuery can be seen to survive them.

A rule says what is to happen, to which table, how often and with what chance. The first rule
that fires decides. The chance comes from the rule's own seed, so that a run can be repeated.
"""

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import grpc

from tweetlog_local.bigquery.errors import Invalid
from tweetlog_local.bigquery.write_messages import STORAGE_ERRORS

RPC, RESPONSE, ROWS, STALL, CLOSE, HTTP = "rpc", "response", "rows", "stall", "close", "http"
KINDS = (RPC, RESPONSE, ROWS, STALL, CLOSE, HTTP)
BEFORE, AFTER = "before", "after"
STATUSES = tuple(status.name for status in grpc.StatusCode)


@dataclass(frozen=True, slots=True)
class Rule:
    """What is to fail.

    kind: `rpc` ends the call with the status `code`; `response` answers a request with an error
    inside the stream; `rows` refuses the rows at `indexes`, or those whose `column` has `value`;
    `stall` answers after `seconds`; `close` ends the stream without an answer; `http` answers a
    REST call, whose path contains `path`, with the HTTP status `code`.
    when: `before` the rows are written, or `after`, so that only the answer is lost.
    """

    kind: str
    code: str = "UNAVAILABLE"
    message: str = "injected"
    when: str = BEFORE
    table: str = ""
    path: str = ""
    probability: float = 1.0
    count: int | None = None
    seed: int = 0
    seconds: float = 0.0
    indexes: Sequence[int] = ()
    column: str = ""
    value: str = ""
    storage_error: str = ""


@dataclass(slots=True)
class _Armed:
    rule: Rule
    id: int
    chance: random.Random
    fired: int = 0
    asked: int = field(default=0)

    def fires(self) -> bool:
        self.asked += 1
        if self.rule.count is not None and self.fired >= self.rule.count:
            return False
        if self.chance.random() >= self.rule.probability:
            return False
        self.fired += 1
        return True

    def shown(self) -> dict[str, Any]:
        rule = {item.name: getattr(self.rule, item.name) for item in fields(Rule)}
        return {"id": self.id, **rule, "asked": self.asked, "fired": self.fired}


def rule_of(body: Mapping[str, Any]) -> Rule:
    """Return the rule that a request's JSON describes."""
    known = {item.name for item in fields(Rule)}
    unknown = sorted(set(body) - known)
    if unknown:
        raise Invalid(f"A rule has no {', '.join(unknown)}; it has {', '.join(sorted(known))}")
    if body.get("kind") not in KINDS:
        raise Invalid(f"A rule's kind is one of {', '.join(KINDS)}")
    code = str(body.get("code", "503" if body["kind"] == HTTP else "UNAVAILABLE"))
    rule = Rule(**{**body, "code": code})
    _check(rule)
    return rule


def _check(rule: Rule) -> None:
    if rule.when not in (BEFORE, AFTER):
        raise Invalid("A rule's when is before or after")
    if rule.kind == HTTP and not rule.code.isdigit():
        raise Invalid("The code of an http rule is an HTTP status such as 503")
    if rule.kind in (RPC, RESPONSE) and rule.code not in STATUSES:
        raise Invalid(f"A rule's code is one of {', '.join(STATUSES)}")
    if rule.storage_error and rule.storage_error not in STORAGE_ERRORS:
        raise Invalid(f"A rule's storage_error is one of {', '.join(STORAGE_ERRORS)}")
    if rule.kind == ROWS and not (rule.indexes or rule.column):
        raise Invalid("A rows rule says which: by indexes, or by column and value")
    if not 0 <= rule.probability <= 1:
        raise Invalid("A rule's probability is between 0 and 1")


class Faults:
    """The rules that are in force."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: list[_Armed] = []
        self._next = 1

    def add(self, rule: Rule) -> dict[str, Any]:
        """Put a rule in force."""
        with self._lock:
            armed = _Armed(rule, self._next, random.Random(rule.seed))  # noqa: S311 (no secret; it must repeat)
            self._next += 1
            self._armed.append(armed)
            return armed.shown()

    def shown(self) -> list[dict[str, Any]]:
        """Return the rules, and how often each fired."""
        with self._lock:
            return [armed.shown() for armed in self._armed]

    def clear(self, rule_id: int | None = None) -> None:
        """Put one rule, or all of them, out of force."""
        with self._lock:
            self._armed = [
                armed for armed in self._armed if rule_id is not None and armed.id != rule_id
            ]

    def append(self, table: str) -> Rule | None:
        """Return what is to happen to a request that appends to `dataset.table`."""
        return self._first(
            lambda rule: rule.kind != HTTP and rule.table in ("", table, table.partition(".")[2])
        )

    def http(self, path: str) -> Rule | None:
        """Return what is to happen to a REST call."""
        return self._first(lambda rule: rule.kind == HTTP and rule.path in path)

    def _first(self, matches: Callable[[Rule], bool]) -> Rule | None:
        if not self._armed:
            return None
        with self._lock:
            for armed in self._armed:
                if matches(armed.rule) and armed.fires():
                    return armed.rule
        return None

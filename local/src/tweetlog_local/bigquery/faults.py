"""Failures on demand, so that what writes to BigQuery can be seen to survive them.

A rule says what is to happen, to which table, how often and with what chance. The first rule
that fires decides; of those that refuse rows, all do. The chance comes from the rule's own seed,
so that a run can be repeated.
"""

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import grpc

from tweetlog_local.bigquery.errors import Invalid
from tweetlog_local.bigquery.names import TableName
from tweetlog_local.bigquery.write_messages import STORAGE_ERRORS

RPC, RESPONSE, ROWS, STALL, CLOSE, HTTP = "rpc", "response", "rows", "stall", "close", "http"
IDLE, LAG, STREAMING = "idle", "lag", "streaming"
KINDS = (RPC, RESPONSE, ROWS, STALL, CLOSE, HTTP, IDLE, LAG, STREAMING)
APPEND_ROWS, GET_WRITE_STREAM = "AppendRows", "GetWriteStream"
METHODS = (APPEND_ROWS, GET_WRITE_STREAM)
BEFORE, AFTER = "before", "after"
STATUSES = tuple(status.name for status in grpc.StatusCode)


@dataclass(frozen=True, slots=True)
class Rule:
    """What is to fail.

    kind: `rpc` ends the call with the status `code`; `response` answers a request with an error
    inside the stream; `rows` refuses the rows at `indexes`, or those whose `column` has `value`,
    and lists `listed` of them at most; `stall` answers after `seconds`; `close` ends the stream
    without an answer; `idle` ends it, as inactive, once it had no request for `seconds`; `lag`
    appends as if the table had no `column` yet; `streaming` refuses statements that change rows, as
    if they were in the streaming buffer; `http` answers a REST call, whose path contains
    `path`, with the HTTP status `code`.
    method: of gRPC, for `rpc` and `stall`.
    larger_than: only requests of AppendRows that are larger, in bytes.
    when: `before` the rows are written, or `after`, so that only the answer is lost.
    """

    kind: str
    method: str = APPEND_ROWS
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
    listed: int | None = None
    larger_than: int = 0
    storage_error: str = ""


@dataclass(slots=True)
class _Armed:
    rule: Rule
    id: int
    chance: random.Random
    fired: int = 0
    asked: int = field(default=0)

    @property
    def used_up(self) -> bool:
        return self.rule.count is not None and self.fired >= self.rule.count

    def fires(self) -> bool:
        self.asked += 1
        if self.used_up:
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
    if rule.method not in METHODS or (rule.method != APPEND_ROWS and rule.kind not in (RPC, STALL)):
        raise Invalid(
            f"A rule's method is one of {', '.join(METHODS)}, the latter to rpc and stall"
        )
    if rule.kind == HTTP and not rule.code.isdigit():
        raise Invalid("The code of an http rule is an HTTP status such as 503")
    if rule.kind in (RPC, RESPONSE) and rule.code not in STATUSES:
        raise Invalid(f"A rule's code is one of {', '.join(STATUSES)}")
    if rule.storage_error and rule.storage_error not in STORAGE_ERRORS:
        raise Invalid(f"A rule's storage_error is one of {', '.join(STORAGE_ERRORS)}")
    if rule.kind == ROWS and not (rule.indexes or rule.column):
        raise Invalid("A rows rule says which: by indexes, or by column and value")
    if rule.kind == LAG and not rule.column:
        raise Invalid("A lag rule says which column is not there yet")
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

    def append(self, table: str, size: int) -> Rule | None:
        """Return what is to happen to a request of `size` bytes that appends to `dataset.table`."""
        return self._first(
            lambda rule: (
                rule.kind not in (HTTP, IDLE, LAG, ROWS, STREAMING)
                and rule.method == APPEND_ROWS
                and size > rule.larger_than
                and _concerns(rule, table)
            )
        )

    def get_write_stream(self, table: str) -> Rule | None:
        """Return what is to happen to a call that asks for the stream of `dataset.table`."""
        return self._first(lambda rule: rule.method == GET_WRITE_STREAM and _concerns(rule, table))

    def refused_rows(self, table: str, chosen: Callable[[Rule], Sequence[int]]) -> dict[int, str]:
        """Return which rows of a request are refused, and why, by every rule that names some.

        Args:
            table: `dataset.table`.
            chosen: returns the rows that a rule names.
        """
        refused: dict[int, str] = {}
        with self._lock:
            for armed in self._armed:
                if armed.rule.kind == ROWS and _concerns(armed.rule, table):
                    named = chosen(armed.rule)[: armed.rule.listed]
                    if named and armed.fires():
                        refused |= dict.fromkeys(named, armed.rule.message)
        return refused

    def lagging(self, table: str) -> str | None:
        """Return the column that appends are not to know yet."""
        rule = self._first(lambda rule: rule.kind == LAG and _concerns(rule, table))
        return rule.column if rule else None

    def streaming(self, table: str) -> bool:
        """Return whether rows of a table are to be taken for ones in the streaming buffer."""
        return bool(self._first(lambda rule: rule.kind == STREAMING and _concerns(rule, table)))

    def idle_after(self, table: str) -> float | None:
        """Return after how many seconds without a request a connection may be ended."""
        with self._lock:
            rules = [armed.rule for armed in self._armed if not armed.used_up]
        found = (rule.seconds for rule in rules if rule.kind == IDLE and _concerns(rule, table))
        return next(found, None)

    def idle(self, table: str) -> Rule | None:
        """Return why a connection that had no request for so long is to be ended."""
        return self._first(lambda rule: rule.kind == IDLE and _concerns(rule, table))

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


def fault_name(name: TableName) -> str:
    """Return what a rule calls a table."""
    return f"{name.dataset}.{name.table}"


def _concerns(rule: Rule, table: str) -> bool:
    return rule.table in ("", table, table.partition(".")[2])

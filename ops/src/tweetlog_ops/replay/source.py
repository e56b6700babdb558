"""Where a replay reads: the event store, oldest first, a slice at a time."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from tweetlog import events
from tweetlog_ops.replay import selection as chosen
from tweetlog_ops.replay.record import Position
from tweetlog_ops.replay.selection import Selection
from tweetlog_ops.replay.slices import MOST_EVENTS, Slice, parted, slices

if TYPE_CHECKING:
    from tweetlog_ops.warehouse import Parameter

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Logged:
    """A logged message.

    Attributes:
        position: where it stands in the log.
        type: the type of its event.
        data: its bytes; nothing if a tombstone covers it.
        covered: whether a tombstone covers it.
    """

    position: Position
    type: str
    data: bytes = field(repr=False)
    attributes: Mapping[str, str]
    covered: bool = False


class Source(Protocol):
    """Logged messages in an order that a position can go on from."""

    def read(self, after: Position | None) -> Iterator[Logged | None]:
        """Yield the messages behind a position; None where the next one takes its time."""

    def settle(self) -> None:
        """Take note that what was yielded so far is durable."""


class Asks(Protocol):
    """Answers queries, with parameters by name."""

    def __call__(self, sql: str, parameters: "Mapping[str, Parameter]") -> Sequence[Row]:
        """Return the rows of the answer."""


_DELETED = "SELECT tweet_id FROM tweetlog.deletions WHERE tweet_id IN UNNEST(@ids)"
_JUDGED = """
SELECT user_id, up_to_tweet_id FROM tweetlog.verdicts
WHERE verdict_id IN UNNEST(@ids) AND effect = 'delete'"""


class Tombstones:
    """A source's messages that were selected, marked where a tombstone covers them.

    For a source that cannot join with the warehouse itself.

    Args:
        source: the messages.
        ask: answers queries.
        selection: which of them.
        most: messages that are judged together.
    """

    def __init__(self, source: Source, ask: Asks, selection: Selection, *, most: int = 500) -> None:
        self._source = source
        self._ask = ask
        self._selection = selection
        self._most = most

    def read(self, after: Position | None) -> Iterator[Logged | None]:
        """Yield the messages behind a position."""
        batch: list[Logged] = []
        for one in self._source.read(after):
            if one is not None:
                batch.append(one)
            if one is None or len(batch) == self._most:
                yield from self._judged(batch)
                batch = []
                yield None
        yield from self._judged(batch)

    def settle(self) -> None:
        """Take note that what was yielded so far is durable."""
        self._source.settle()

    def _judged(self, batch: Sequence[Logged]) -> Iterator[Logged]:
        payloads = {one.position: _payload(one) for one in batch}
        chosen_ones = [
            one for one in batch if _is_chosen(one, payloads[one.position], self._selection)
        ]
        tweets = [one for one in chosen_ones if one.type == events.RECEIVED]
        ids = [one.attributes.get("ce-subject", "") for one in tweets]
        authors = {_author(payloads[one.position]) for one in tweets}
        deleted = {row["tweet_id"] for row in self._rows(_DELETED, ids)}
        judged = self._rows(_JUDGED, [f"delete-user-{one}" for one in sorted(authors)])
        up_to = {row["user_id"]: int(row["up_to_tweet_id"]) for row in judged}
        for one in chosen_ones:
            covered = not one.data or (
                one.type == events.RECEIVED
                and _is_covered(one, payloads[one.position], deleted, up_to)
            )
            yield replace(one, data=b"", covered=True) if covered else one

    def _rows(self, sql: str, ids: Sequence[str]) -> Sequence[Row]:
        return self._ask(sql, {"ids": ids}) if ids else ()


@dataclass(frozen=True, slots=True)
class Hour:
    """How many events an hour has, and how many of them a tombstone covers."""

    hour: datetime
    events: int
    deleted: int


class EventStore:
    """The messages of the table `raw_events` that were selected.

    Args:
        ask: answers queries.
        selection: which messages.
        most: messages at most in one answer.
    """

    def __init__(self, ask: Asks, selection: Selection, *, most: int = MOST_EVENTS) -> None:
        self._ask = ask
        self._selection = selection
        self._most = most

    def hours(self) -> list[Hour]:
        """Return the hours that have events, in order."""
        return self._hours(self._selection)

    def event_bytes(self, hours: Sequence[Hour]) -> float:
        """Return the mean size of an event, measured over the hour that has the most."""
        if not hours:
            return 0.0
        busiest = max(hours, key=lambda one: one.events).hour
        part = _hour_of(self._selection, busiest)
        (row,) = self._ask(chosen.sizes(part), part.parameters)
        return float(row["data_bytes"] or 0.0) + float(row["attribute_bytes"] or 0.0)

    def read(self, after: Position | None) -> Iterator[Logged]:
        """Yield the messages behind a position, each message once."""
        rest = self._selection
        if after:
            rest = replace(rest, since=after.publish_time)
        for part in self._slices(rest):
            asked = replace(rest, since=part.since, until=part.until)
            for row in self._ask(chosen.messages(asked), asked.parameters):
                logged = _logged(row)
                # Pub/Sub writes a row again now and then; and a position is inside its moment.
                if after is None or logged.position.order > after.order:
                    after = logged.position
                    yield logged

    def settle(self) -> None:
        """Do nothing: reading leaves no trace in the store."""

    def _hours(self, selection: Selection) -> list[Hour]:
        rows = self._ask(chosen.by_hour(selection), selection.parameters)
        return [Hour(row["hour"], int(row["events"]), int(row["deleted"])) for row in rows]

    def _slices(self, rest: Selection) -> Iterator[Slice]:
        hours = [(one.hour, one.events) for one in self._hours(rest)]
        for one in slices(hours, since=rest.since, until=rest.until, most=self._most):
            if one.parts == 1:
                yield one
            else:
                asked = replace(rest, since=one.since, until=one.until)
                (row,) = self._ask(chosen.boundaries(asked, one.parts), asked.parameters)
                yield from parted(one, row["micros"])


def _payload(logged: Logged) -> Mapping[str, Any]:
    try:
        payload = json.loads(logged.data)
    except ValueError:
        return {}
    return payload if isinstance(payload, dict) else {}


def _tweet(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    tweet = payload.get("data")
    return tweet if isinstance(tweet, dict) else {}


def _author(payload: Mapping[str, Any]) -> str:
    return str(_tweet(payload).get("author_id", ""))


def _is_chosen(logged: Logged, payload: Mapping[str, Any], selection: Selection) -> bool:
    """Whether the selection has the message; the same as its SQL says."""
    if selection.ids is not None and logged.attributes.get("ce-subject") not in selection.ids:
        return False
    if selection.lang and _tweet(payload).get("lang") != selection.lang:
        return False
    rules = payload.get("matching_rules")
    rules = [one for one in rules if isinstance(one, dict)] if isinstance(rules, list) else []
    named = {str(one.get(name)) for one in rules for name in ("id", "tag")}
    return not selection.rule or selection.rule in named


def _is_covered(
    logged: Logged,
    payload: Mapping[str, Any],
    deleted: Collection[str],
    up_to: Mapping[str, int],
) -> bool:
    tweet_id = logged.attributes.get("ce-subject", "")
    number = int(tweet_id) if tweet_id.isdigit() else 0
    return tweet_id in deleted or number <= up_to.get(_author(payload), -1)


def _hour_of(selection: Selection, hour: datetime) -> Selection:
    """Return the part of the selection that lies in the hour."""
    end = hour + timedelta(hours=1)
    return replace(selection, since=max(selection.since, hour), until=min(selection.until, end))


def _logged(row: Row) -> Logged:
    covered = bool(row["covered"])
    return Logged(
        position=Position(row["publish_time"], row["message_id"]),
        type=row["type"] or "",
        data=b"" if covered else row["data"].encode(),
        attributes=json.loads(row["attributes"] or "{}"),
        covered=covered,
    )

"""What is to be replayed, as SQL over the event store: everything in a window, or a part of it.

Only the log decides, never the table of tweets: so a replay that changes the table selects the
same events when it is resumed, and when it is counted afterwards.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tweetlog import events
from tweetlog_ops import tombstones
from tweetlog_ops.errors import CommandError

if TYPE_CHECKING:
    from tweetlog_ops.warehouse import Parameter

# As a parameter of a query, whose request has at most 10 MB (BigQuery quotas, "Query jobs").
MOST_IDS = 100_000

_IDS = "JSON_VALUE(e.attributes, '$.\"ce-subject\"') IN UNNEST(@ids)"
_LANG = "JSON_VALUE(e.data, '$.data.lang') = @lang"
_RULE = """EXISTS (
    SELECT 1 FROM UNNEST(JSON_QUERY_ARRAY(e.data, '$.matching_rules')) AS one
    WHERE JSON_VALUE(one, '$.tag') = @rule OR JSON_VALUE(one, '$.id') = @rule)"""
# Those rejected before the replay was asked for: what it rejects itself must not add to it.
_DEAD_LETTERS = """JSON_VALUE(e.attributes, '$."ce-id"') IN (
    SELECT raw_event_id FROM tweetlog.v_dead_letters
    WHERE raw_event_id IS NOT NULL AND publish_time < @asked)"""

#: What `COVERED` needs, on `selected` with its columns `data`, `type` and `subject`.
TOMBSTONES = tombstones.joined("selected.subject", "JSON_VALUE(selected.data, '$.data.author_id')")
#: The condition that a tombstone covers an event, or that its content was removed.
COVERED = f"""
  data IS NULL OR data = '' OR (
    type = '{events.RECEIVED}' AND {tombstones.covering("selected.subject")})"""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events are to be replayed.

    Attributes:
        since: published at or after this.
        until: published before this.
        asked: when the replay was asked for.
        rule: brought by the stream rule with this tag or id.
        lang: in this language, as X says.
        ids: about these tweets.
        dead_letters: rejected by a service.
    """

    since: datetime
    until: datetime
    asked: datetime
    rule: str | None = None
    lang: str | None = None
    ids: tuple[str, ...] | None = None
    dead_letters: bool = False

    @property
    def whole(self) -> bool:
        """Whether it is everything in the window."""
        return not (self.rule or self.lang or self.ids is not None or self.dead_letters)

    @property
    def reads_data(self) -> bool:
        """Whether the choice needs the payload, and not the envelope alone."""
        return bool(self.rule or self.lang)

    @property
    def parameters(self) -> "dict[str, Parameter]":
        """The parameters that its SQL has."""
        given: dict[str, Parameter | None] = {
            "from": self.since,
            "to": self.until,
            "rule": self.rule,
            "lang": self.lang,
            "ids": self.ids,
            "asked": self.asked if self.dead_letters else None,
        }
        return {name: value for name, value in given.items() if value is not None}

    def document(self) -> dict[str, Any]:
        """Return it as JSON can hold it; the ids by number and digest, for there may be many."""
        times = {name: getattr(self, name).isoformat() for name in ("since", "until", "asked")}
        ids = None if self.ids is None else f"{len(self.ids)}-{events.digest(*sorted(self.ids))}"
        return {**asdict(self), **times, "ids": ids}


def from_document(document: Mapping[str, Any], ids: Sequence[str] | None) -> Selection:
    """Return the selection that `document` describes, with its ids."""
    times = {name: datetime.fromisoformat(document[name]) for name in ("since", "until", "asked")}
    return Selection(**{**document, **times, "ids": None if ids is None else tuple(ids)})


def condition(selection: Selection) -> str:
    """Return the condition on `tweetlog.raw_events AS e`; its parameters are the selection's."""
    parts = ["e.publish_time >= @from", "e.publish_time < @to"]
    parts += [_IDS] if selection.ids is not None else []
    parts += [_LANG] if selection.lang else []
    parts += [_RULE] if selection.rule else []
    parts += [_DEAD_LETTERS] if selection.dead_letters else []
    return "\n  AND ".join(parts)


def by_hour(selection: Selection) -> str:
    """Return the query that counts the selection by hour: events, and how many tombstones cover.

    Reads of the event store only its envelopes, unless the selection needs more. Who was deleted
    with all posts of a user is not counted here, for the same reason.
    """
    return f"""
SELECT
  TIMESTAMP_TRUNC(e.publish_time, HOUR) AS hour,
  COUNT(*) AS events,
  COUNTIF(
    JSON_VALUE(e.attributes, '$."ce-type"') = '{events.RECEIVED}' AND EXISTS (
      SELECT 1 FROM tweetlog.deletions AS d
      WHERE d.tweet_id = JSON_VALUE(e.attributes, '$."ce-subject"'))) AS deleted
FROM tweetlog.raw_events AS e
WHERE {condition(selection)}
GROUP BY hour
ORDER BY hour"""


def sizes(selection: Selection) -> str:
    """Return the query that measures the selection: the mean bytes of data and of attributes."""
    return f"""
SELECT
  AVG(BYTE_LENGTH(e.data)) AS data_bytes,
  AVG(BYTE_LENGTH(TO_JSON_STRING(e.attributes))) AS attribute_bytes
FROM tweetlog.raw_events AS e
WHERE {condition(selection)}"""


def boundaries(selection: Selection, parts: int) -> str:
    """Return the query for the moments that part the selection into parts of about one size."""
    return f"""
SELECT APPROX_QUANTILES(UNIX_MICROS(e.publish_time), {parts}) AS micros
FROM tweetlog.raw_events AS e
WHERE {condition(selection)}"""


def messages(selection: Selection) -> str:
    """Return the query for the messages themselves, oldest first.

    What a tombstone covers comes without its data and with `covered`, so that it is counted and
    not published.
    """
    return f"""
WITH selected AS (
  SELECT
    e.publish_time,
    e.message_id,
    e.data,
    TO_JSON_STRING(e.attributes) AS attributes,
    JSON_VALUE(e.attributes, '$."ce-type"') AS type,
    JSON_VALUE(e.attributes, '$."ce-subject"') AS subject
  FROM tweetlog.raw_events AS e
  WHERE {condition(selection)}
), judged AS (
  SELECT selected.*, {COVERED} AS covered FROM selected{TOMBSTONES}
)
SELECT
  publish_time, message_id, type, covered,
  IF(covered, NULL, data) AS data,
  attributes
FROM judged
ORDER BY publish_time, message_id"""


def ids_in(text: str, *, where: str) -> tuple[str, ...]:
    """Return the ids that a file lists, one a line; each once, in order.

    Raises:
        CommandError: naming the line that is no id, or if there are none or too many.
    """
    lines = [line.strip() for line in text.splitlines()]
    # The heading of `tweetlog query --format csv`.
    if lines and lines[0] == "tweet_id":
        lines[0] = ""
    for number, line in enumerate(lines, start=1):
        if line and not (line.isascii() and line.isdigit() and len(line) <= 20):  # noqa: PLR2004 - an id's digits
            shown = json.dumps(line[:40])
            raise CommandError(f"{where}, line {number}: {shown} is no tweet id", exit_code=2)
    found = tuple(dict.fromkeys(line for line in lines if line))
    if not found:
        raise CommandError(f"{where}: no ids in it", exit_code=2)
    if len(found) > MOST_IDS:
        line = f"{where}: {len(found):,} ids; a replay takes {MOST_IDS:,} at once: split it"
        raise CommandError(line, exit_code=2)
    return found

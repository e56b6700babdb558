"""Which table of tweets the views read: one view stands between them, and its labels say so.

What is served and since when is written by the statement that changes it, so that the two can
never disagree, whenever a process dies.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

#: The view that stands between the tables of tweets and every other view.
CURRENT = "tweets_current"
#: The table of tweets of each layout (docs/loading.md).
BY_LAYOUT: Mapping[str, str] = {"upsert": "tweets", "append": "tweets_latest"}

_LABEL = re.compile(r"\('(serves|before|since|rollback)', '[^']*'\)")
_READ = re.compile(r"\btweetlog\.tweets\b(?!_)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Serving:
    """What the views read.

    Attributes:
        table: the table of tweets that is shown.
        before: the one that was shown before it; empty from the start.
        since: since when, to the millisecond; None from the start.
        rollback: whether it came by taking a promotion back.
    """

    table: str
    before: str = ""
    since: datetime | None = None
    rollback: bool = False

    @property
    def promoted(self) -> bool:
        """Whether somebody chose it: it is not the table of a layout."""
        return self.table not in BY_LAYOUT.values()


def served(labels: Mapping[str, str], *, layout: str) -> Serving:
    """Return what the view's labels say; without a promotion, the table of the layout."""
    found = Serving(
        labels.get("serves", ""),
        labels.get("before", ""),
        _moment(labels),
        rollback=labels.get("rollback") == "yes",
    )
    if found.table and (found.promoted or found.since):
        return found
    return Serving(BY_LAYOUT[layout])


def view(sql: str, serving: Serving) -> str:
    """Return the statement that makes the view (`00_tweets_current.sql`) for what it serves."""
    labels = {
        "serves": serving.table,
        "before": serving.before,
        "rollback": "yes" if serving.rollback else "no",
        "since": str((serving.since - _EPOCH) // _MILLISECOND) if serving.since else "",
    }
    labelled = _LABEL.sub(lambda found: f"('{found[1]}', '{labels[found[1]]}')", sql)
    return _READ.sub(f"tweetlog.{serving.table}", labelled)


def _moment(labels: Mapping[str, str]) -> datetime | None:
    millis = labels.get("since", "")
    return _EPOCH + int(millis) * _MILLISECOND if millis.isdigit() else None

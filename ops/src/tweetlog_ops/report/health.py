"""Whether the pipeline is whole: what the views of health say, and how grave it is.

Pure: the answers of the warehouse and the moment are passed in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tweetlog_ops.answers import plain
from tweetlog_ops.verify import Verdict

#: From well to grave.
GOOD, NOTE, BAD, UNKNOWN = "good", "note", "bad", "unknown"

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign of health.

    Attributes:
        name: what it is about.
        level: one of `GOOD`, `NOTE`, `BAD`, `UNKNOWN`.
        says: the figure or word.
        more: a sentence that says what it means.
        moment: a moment that the page shows as an age, in place of `says`.
    """

    name: str
    level: str
    says: str
    more: str
    moment: str | None = None

    def document(self) -> dict[str, Any]:
        """Return the sign as JSON can hold it."""
        return {
            "name": self.name,
            "level": self.level,
            "says": self.says,
            "more": self.more,
            "moment": self.moment,
        }


@dataclass(frozen=True, slots=True)
class Answers:
    """What the views of health said."""

    pulse: Row
    completeness: Row
    gaps: Sequence[Row]
    rejections: Sequence[Row]
    duplicates: Row
    versions: Sequence[Row]
    spend: Row
    lag: Row | None


@dataclass(frozen=True, slots=True)
class Checked:
    """The verdict of `verify`, when it was reached, and over what."""

    verdict: Verdict
    at: datetime
    over: str


def document(answers: Answers, checked: Checked | None, *, live: bool | None) -> dict[str, Any]:
    """Return the health of the pipeline as JSON can hold it.

    Args:
        answers: what the views said.
        checked: the proof, or None while there is none yet.
        live: whether a run is under way; None where that cannot be known.
    """
    signs = (
        verified(checked),
        freshness(answers, live=live),
        completeness(answers),
        dead_letters(answers),
        spend(answers),
    )
    return {
        "signs": [sign.document() for sign in signs],
        "gaps": plain([dict(row) for row in answers.gaps]),
        "rejections": plain([dict(row) for row in answers.rejections]),
        "duplicates": plain(dict(answers.duplicates)),
        "versions": plain([dict(row) for row in answers.versions]),
        "lag": plain(dict(answers.lag)) if answers.lag else None,
        "deletions": answers.pulse["deletions"],
        "live": live,
    }


def verified(checked: Checked | None) -> Sign:
    """Return whether every logged event is in the table once."""
    if checked is None:
        return Sign("Proof", UNKNOWN, "not yet", "Being checked: is every event in the table once?")
    verdict = checked.verdict
    missing, doubled = verdict.total("missing"), verdict.total("doubled")
    counts = f"{missing:,} missing, {doubled:,} doubled"
    over = f"Of {verdict.total('logged'):,} events logged {checked.over}: {counts}"
    if verdict.unlogged:
        over += f", {len(verdict.unlogged):,} not in the log"
    if waiting := verdict.total("in_flight"):
        over += f", {waiting:,} under way"
    level, says = (GOOD, "whole") if verdict.clean else (BAD, counts)
    return Sign("Proof", level, says, over + ".")


def freshness(answers: Answers, *, live: bool | None) -> Sign:
    """Return when a row was last written."""
    loaded = answers.pulse["loaded_at"]
    if loaded is None:
        return Sign("Freshness", UNKNOWN, "no tweets", "Nothing was loaded yet.")
    state = {True: "Tweets are flowing", False: "No run is under way", None: "Last load"}[live]
    if not answers.lag or answers.lag["enriched_to_loaded_p99"] is None:
        return Sign("Freshness", GOOD, "", f"{state}.", moment=plain(loaded))
    lag = seconds(answers.lag["enriched_to_loaded_p99"])
    more = f"{state}. 99 % of the last hour's rows took up to {lag} from the enricher to the table."
    return Sign("Freshness", GOOD, "", more, moment=plain(loaded))


def completeness(answers: Answers) -> Sign:
    """Return the holes that are not repaired."""
    found = answers.completeness
    repaired = sum(bool(row["complete"]) for row in answers.gaps)
    mended = f" {repaired:,} more were repaired whole." if repaired else ""
    if not found["holes"]:
        return Sign("Completeness", GOOD, "100 %", f"No hole in the stream is open.{mended}")
    share = f"{100 * found['completeness']:.2f} %"
    length = seconds(found["hole_seconds"])
    more = f"Holes of {length} in all; the worst day is {100 * found['worst_day']:.2f} % complete."
    return Sign("Completeness", NOTE, share, more + mended)


def dead_letters(answers: Answers) -> Sign:
    """Return how many events could not be processed."""
    count = sum(int(row["events"]) for row in answers.rejections)
    if not count:
        return Sign("Dead letters", GOOD, "none", "Nothing was set aside.")
    stages = {str(row["stage"]) for row in answers.rejections}
    inside = stages - {"ingest"}
    more = "Lines that are no tweets, set aside with their reason."
    if inside:
        more = f"Set aside with their reason, at: {', '.join(sorted(stages))}."
    return Sign("Dead letters", NOTE, f"{count:,}", more)


def spend(answers: Answers) -> Sign:
    """Return what reading X cost."""
    found = answers.spend
    if not found["posts"]:
        return Sign("Spend", GOOD, "$0.00", "No tweet came by a rule of X's stream.")
    month = f"{found['last_day']:%B %Y}"
    more = f"{found['posts']:,} Posts by a rule at $0.005; ${found['month_usd']:,.2f} in {month}."
    return Sign("Spend", GOOD, f"${found['cost_usd']:,.2f}", more)


def seconds(value: float) -> str:
    """Return a length of time in words."""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 120:  # noqa: PLR2004 - two minutes
        return f"{value:.1f} s"
    return str(timedelta(seconds=round(value)))

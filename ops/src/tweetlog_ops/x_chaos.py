"""What goes wrong on X in a run under chaos, and the proof that nothing was lost all the same."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tweetlog_ops import lab, x_proof
from tweetlog_ops.fault import Fault
from tweetlog_ops.feeds import INGESTOR, X_API
from tweetlog_ops.pipeline import Pipeline
from tweetlog_ops.run import proof_against_x
from tweetlog_ops.x_proof import XVerdict
from tweetlog_ops.x_source import XSource

_STREAM = "/2/tweets/search/stream"
_SEARCH = "/2/tweets/search/recent"
#: X allows so many connects in so many seconds (docs, "Rate limits").
MOST_CONNECTS, WINDOW_SECONDS = 50, 900
# Of so many tweets that are given, one ends the stream in each of the ways there are.
_ENDS = 1 / 2_500
_ODD = 1 / 500
#: By why a message of the stream is rejected that is no tweet: the kinds of fault that make one.
#: A connection that breaks inside a tweet shows that it broke; only an end leaves half a line.
_NOISE = {"no_data": ("unknown_message", "bare_error"), "not_json": ("tear",)}


def _fault(what: str, kind: str, probability: float, **more: Any) -> Fault:
    rule = {"kind": kind, "probability": probability, "count": None, **more}
    return Fault(f"X: {what}", X_API, rule)


def _answer(what: str, problem: str, probability: float, path: str = _STREAM) -> Fault:
    return _fault(what, "answer", probability, problem=problem, path=path)


FAULTS = (
    _fault("stream ended politely", "end", _ENDS),
    _fault("stream ended inside a tweet", "tear", _ENDS),
    _fault("stream reset inside a tweet", "reset", _ENDS),
    _fault("stream cut off inside a tweet", "cut", _ENDS),
    _fault("disconnect message, then the end", "disconnect", _ENDS),
    _fault("disconnect message, then silence", "disconnect", _ENDS, stay=True, bare=True),
    _fault("silence for ever", "stall", _ENDS),
    _fault("silence for a moment", "stall", _ENDS, seconds=0.5),
    _fault("cut off as a slow reader", "end_slow_reader", _ENDS),
    _fault("tweet given twice", "repeat", _ODD),
    _fault("tweets in another order", "delay", _ODD),
    _fault("tweet in pieces of a byte", "split", _ODD),
    _fault("tweet held back in gzip", "hold_gzip", _ODD),
    _fault("tag missing", "untag", _ODD),
    _fault("tweet with an error", "partial_error", _ODD),
    _fault("message of an unknown type", "unknown_message", _ODD),
    _fault("error that is no tweet", "bare_error", _ODD),
    _answer("connect: 503", "unavailable", 0.08),
    _answer("connect: 503, HTML", "unavailable_html", 0.04),
    _answer("connect: 503, empty", "unavailable_empty", 0.04),
    _answer("connect: 429, too many connections", "too_many_connections", 0.04),
    _answer("connect: 429, rate limit", "rate_limit", 0.02),
    _fault("connect: reset", "hang_up", 0.05),
    _fault("connect: 200 and no byte", "empty_body", 0.04),
    _fault("connect: no answer", "no_answer", 0.02),
    _answer("search: 503", "unavailable", 0.02, path=_SEARCH),
    _fault("search: reset", "hang_up", 0.01, path=_SEARCH),
)


def noise(fired: Callable[[Fault], int]) -> Mapping[str, int]:
    """Return how many messages that are no tweets X gave, by why they are rejected.

    Args:
        fired: tells how often a fault happened.
    """
    return {
        reason: sum(fired(fault) for fault in FAULTS if fault.rule["kind"] in kinds)
        for reason, kinds in _NOISE.items()
    }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it.

    Attributes:
        verdict: what matched, against what came.
        connects: of the stream, as X saw them.
        most_connects: in any window in which X counts them.
        billed: tweets that X counts as read.
        counted: tweets that the ingestor has counted as paid for.
    """

    verdict: XVerdict
    connects: int
    most_connects: int
    billed: int
    counted: int

    @property
    def clean(self) -> bool:
        """Whether nothing was lost, X's limit was kept, and nothing was paid without a count."""
        # What X gave into a connection that broke, and no repair brought, cannot be counted.
        counted = self.counted + len(self.verdict.bounded)
        kept = self.most_connects <= MOST_CONNECTS and self.billed <= counted
        return self.verdict.clean and kept


def proof(pipeline: Pipeline, source: XSource) -> Outcome:
    """Return what came of a run, by X's own log and ids."""
    log = lab.asked(pipeline.x.x_control, "log", path=_STREAM)
    moments = [float(entry["time"]) for entry in log]
    window = WINDOW_SECONDS / source.speed
    most = x_proof.most_in_a_row(moments, window)
    billed = sum(lab.stats(pipeline.x.x_control).get("billed", {}).values())
    summary = pipeline.processes()[INGESTOR].result()
    counted = int(str(summary.get("posts_this_month", 0)))
    return Outcome(proof_against_x(pipeline), len(moments), most, billed, counted)


def report(outcome: Outcome) -> str:
    """Return it in words."""
    return x_proof.report(outcome.verdict) + (
        f"connects: {outcome.connects:,}, at most {outcome.most_connects} in a window of X's "
        f"limit of {MOST_CONNECTS}\n"
        f"read: X bills {outcome.billed:,} Posts, the ingestor has counted {outcome.counted:,}\n"
    )

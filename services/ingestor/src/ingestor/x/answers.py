"""What an answer of X means: causes told apart by its words, since its codes mean several things.

Sources: X docs "Handling disconnections", "Response codes and errors"; bodies as users reported
them. The host in `type` varies, so that only its end is compared.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any

import orjson

from ingestor.loose import objects, words
from tweetlog.errors import TweetlogError

_SHOWN = 300


class Cause(StrEnum):
    """Why a connection ended or was refused; the word stands in gap events and metrics."""

    CLOSED = "closed"  # the server ended the body politely
    DISCONNECT = "disconnect"  # X said in the stream that it ends it
    NETWORK = "network"  # broken off, refused, not resolved, not trusted
    STALL = "stall"  # not even a keep-alive
    HTTP = "http"  # 5xx, or a code without a meaning of its own
    RATE_LIMIT = "rate_limit"
    CONNECTIONS = "too_many_connections"
    USAGE_CAP = "usage_cap"
    CREDITS = "credits"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    RULES = "rules"  # there are none, or X holds them for invalid
    REQUEST = "bad_request"
    BUDGET = "budget"  # ours from here on
    BACK_PRESSURE = "back_pressure"
    STATE = "state"  # nothing more can be kept on disk
    SHUTDOWN = "shutdown"
    CRASH = "crash"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a connection, or an attempt at one, ended.

    Attributes:
        cause: why.
        detail: X's words or the error's, on one line.
        opened: whether X had accepted it.
        reset_at: when X says that its rate limit ends, in seconds since 1970.
        fault: what was raised, where the cause is a fault of ours.
    """

    cause: Cause
    detail: str = ""
    opened: bool = False
    reset_at: float | None = None
    fault: BaseException | None = None


class Refused(TweetlogError):  # noqa: N818 - named for what happened
    """Raised for a request that was not answered as asked; says why as a stream's end does."""

    def __init__(self, ended: Ended) -> None:
        super().__init__(ended.detail)
        self.ended = ended


_BY_STATUS: Mapping[int, Cause] = {
    HTTPStatus.BAD_REQUEST: Cause.REQUEST,
    HTTPStatus.UNAUTHORIZED: Cause.UNAUTHORIZED,
    HTTPStatus.PAYMENT_REQUIRED: Cause.CREDITS,
    HTTPStatus.FORBIDDEN: Cause.FORBIDDEN,
    HTTPStatus.CONFLICT: Cause.RULES,
    HTTPStatus.TOO_MANY_REQUESTS: Cause.RATE_LIMIT,
}
_BY_TITLE = {
    "UsageCapExceeded": Cause.USAGE_CAP,
    "CreditsDepleted": Cause.CREDITS,
}
_BY_TYPE = {
    "usage-capped": Cause.USAGE_CAP,
    "credits-depleted": Cause.CREDITS,
}
_BY_ISSUE = {
    "TooManyConnections": Cause.CONNECTIONS,
    "RuleConfigurationIssue": Cause.RULES,
    "RulesInvalidIssue": Cause.RULES,
    "InvalidRules": Cause.RULES,
}


def refused(status: int, headers: Mapping[str, str], body: bytes, *, opened: bool = False) -> Ended:
    """Return what an answer other than success means."""
    document = _parsed(body)
    cause = _stated(document) or _BY_STATUS.get(status, Cause.HTTP)
    return Ended(
        cause, _shown(f"HTTP {status}", document, body), opened, reset_at=_reset_at(headers)
    )


def disconnect(document: Any) -> Ended | None:
    """Return what a message in the stream says of its end; None if it does not end it.

    X sends `{"errors": [problem]}`; a bare problem was seen as well. What has data is a tweet.
    """
    if not isinstance(document, dict) or "data" in document:
        return None
    problems = list(objects(document.get("errors"))) or [document]
    for problem in problems:
        kind = _last(problem.get("type"))
        ends = "disconnect" in kind or kind == "streaming-connection" or kind in _BY_TYPE
        if ends or problem.get("disconnect_type") or problem.get("connection_issue"):
            cause = _stated(problem) or Cause.DISCONNECT
            return Ended(cause, _shown("X", problem, b""), opened=True)
    return None


def _stated(document: Mapping[str, Any]) -> Cause | None:
    """Return the cause that a problem names itself."""
    for problem in [document, *objects(document.get("errors"))]:
        found = (
            _BY_TITLE.get(str(problem.get("title")))
            or _BY_TYPE.get(_last(problem.get("type")))
            or _BY_ISSUE.get(str(problem.get("connection_issue")))
            or _BY_ISSUE.get(str(problem.get("disconnect_type")))
        )
        if found:
            return found
    return None


def _parsed(body: bytes) -> Mapping[str, Any]:
    """Return the problem in a body; 5xx may as well be HTML or empty."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def _last(type_: Any) -> str:
    return type_.rstrip("/").rsplit("/", 1)[-1] if isinstance(type_, str) else ""


def _shown(first: str, document: Mapping[str, Any], body: bytes) -> str:
    said = []
    for problem in [document, *objects(document.get("errors"))]:
        issue = words(problem.get("connection_issue"), problem.get("disconnect_type"))
        said += [
            *words(problem.get("title"), problem.get("detail"), problem.get("message")),
            *issue,
        ]
    text = "; ".join(dict.fromkeys(said)) or body[:_SHOWN].decode(errors="replace")
    return " ".join(f"{first}: {text}".split())[:_SHOWN].rstrip(": ")


def _reset_at(headers: Mapping[str, str]) -> float | None:
    for name in ("x-rate-limit-reset", "X-Rate-Limit-Reset"):
        if name in headers:
            try:
                return float(headers[name])
            except ValueError:
                return None
    return None

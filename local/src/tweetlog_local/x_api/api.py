"""The API: who asks, for what, how often; then the endpoint's own answer, or a stream."""

from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import formatdate
from zlib import crc32

from tweetlog_local.x_api import problems
from tweetlog_local.x_api.account_calls import AccountCalls
from tweetlog_local.x_api.compliance_calls import FILES, ComplianceCalls
from tweetlog_local.x_api.connections import Connection
from tweetlog_local.x_api.http import Request, Response
from tweetlog_local.x_api.platform import STREAM, Platform
from tweetlog_local.x_api.problems import Problem
from tweetlog_local.x_api.projection import projection
from tweetlog_local.x_api.routing import (
    FIELDS,
    Answer,
    BadParameterError,
    Opening,
    Route,
    answered,
    response,
    whole_number,
)
from tweetlog_local.x_api.rule_calls import RuleCalls
from tweetlog_local.x_api.timeline import Post
from tweetlog_local.x_api.tweet_calls import TweetCalls
from tweetlog_local.x_api.verdicts import PARTITIONS

_MOST_BACKFILL = 5
_MOST_RECOVERY = 86_400


class Api:
    """Answers requests.

    Args:
        end: ends the stream of a connection, if it has one here.
    """

    def __init__(self, platform: Platform, end: Callable[[Connection], None]) -> None:
        self._platform = platform
        self._compliance = ComplianceCalls(platform)
        self._routes = [
            *self._streams(),
            *RuleCalls(platform).routes(),
            *TweetCalls(platform).routes(),
            *AccountCalls(platform, end).routes(),
            *self._compliance.routes(),
        ]

    async def answer(self, request: Request) -> Answer:
        """Return the answer to a request."""
        if request.path.startswith(FILES):
            return self._compliance.file(request)
        if not self._is_known(request):
            return response(problems.UNAUTHORIZED)
        route = self._route(request)
        if route is None:
            return response(problems.NOT_FOUND)
        within = self._platform.limits.take(route.limit, self._platform.clock.now())
        if not within:
            return response(problems.RATE_LIMIT, self.headers(request))
        return _with_headers(await answered(route, request), self.headers(request))

    def headers(self, request: Request) -> dict[str, str]:
        """Return the headers of every answer: the date, and the endpoint's rate limit."""
        now = self._platform.clock.now()
        route = self._route(request)
        limits = self._platform.limits.headers(route.limit, now) if route else {}
        return {"date": formatdate(now, usegmt=True), **limits}

    def _route(self, request: Request) -> Route | None:
        return next((route for route in self._routes if route.is_for(request)), None)

    def _is_known(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"Bearer {self._platform.settings.token}"

    def _streams(self) -> list[Route]:
        filtered = FIELDS | {"backfill_minutes", "start_time", "end_time"}
        sample = FIELDS | {"backfill_minutes"}
        compliance = frozenset({"backfill_minutes", "partition"})
        return [
            Route("GET", STREAM, "stream", self._filtered, filtered),
            Route("GET", "/2/tweets/sample/stream", "sample", self._sample, sample),
            Route("GET", "/2/tweets/compliance/stream", "compliance", self._of_tweets, compliance),
            Route("GET", "/2/users/compliance/stream", "compliance", self._of_users, compliance),
        ]

    async def _filtered(self, request: Request) -> Answer:
        shown = projection(request.query)
        minutes, between = self._backfill(request), self._recovery(request)
        if not len(self._platform.rules):
            return response(problems.NO_RULES)
        if self._platform.usage.is_used_up(self._platform.clock.now()):
            return response(problems.USAGE_CAP)
        endpoint = "filtered_stream_recovery" if between else "filtered_stream"
        return Opening(endpoint, shown, minutes, between)

    async def _sample(self, request: Request) -> Answer:
        refused = self._enterprise_only()
        if refused:
            return response(refused)
        return Opening("sample_stream", projection(request.query), self._backfill(request))

    async def _of_tweets(self, request: Request) -> Answer:
        return self._compliance_stream(request, "tweets_compliance_stream")

    async def _of_users(self, request: Request) -> Answer:
        return self._compliance_stream(request, "users_compliance_stream")

    def _compliance_stream(self, request: Request, endpoint: str) -> Answer:
        refused = self._enterprise_only()
        if refused:
            return response(refused)
        if request.one("partition") is None:
            raise BadParameterError("partition", "The `partition` query parameter is required")
        partition = whole_number(request, "partition", 0, 1, PARTITIONS)
        return Opening(endpoint, projection({}), self._backfill(request), partition=partition)

    def _enterprise_only(self) -> Problem | None:
        return None if self._platform.tier.enterprise else problems.NOT_ENROLLED

    def _backfill(self, request: Request) -> int:
        if request.one("backfill_minutes") is not None and not self._platform.tier.enterprise:
            raise BadParameterError(
                "backfill_minutes",
                "The `backfill_minutes` query parameter is not available at your access level",
            )
        return whole_number(request, "backfill_minutes", 0, 0, _MOST_BACKFILL)

    def _recovery(self, request: Request) -> tuple[float, float] | None:
        """Return the time that a stream is to give again, of the last day (X docs, "Recovery")."""
        names = [name for name in ("start_time", "end_time") if request.one(name) is not None]
        if not names:
            return None
        if not self._platform.tier.enterprise:
            raise BadParameterError(names[0], f"`{names[0]}` is not available at your access level")
        start, end = (_moment(request, name) for name in ("start_time", "end_time"))
        now = self._platform.clock.now()
        if not now - _MOST_RECOVERY <= start < end <= now:
            raise BadParameterError("start_time", "a recovery is of a part of the last 24 hours")
        return start, end


def gives(opening: Opening, post: Post) -> bool:
    """Whether a stream gives a tweet."""
    if opening.partition:
        return False
    if opening.endpoint == "sample_stream":
        return crc32(b"%d" % post.id) % 100 == 0
    return bool(post.matched)


def _moment(request: Request, name: str) -> float:
    try:
        return datetime.fromisoformat(request.one(name) or "").timestamp()
    except ValueError:
        raise BadParameterError(name, f"`{name}` must be a date and time") from None


def _with_headers(answer: Answer, headers: Mapping[str, str]) -> Answer:
    if isinstance(answer, Opening):
        return answer
    return Response(answer.status, answer.body, answer.type, {**answer.headers, **headers})

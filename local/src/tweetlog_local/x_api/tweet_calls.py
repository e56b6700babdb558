"""The endpoints that give tweets on request: recent search, and lookup by id."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from tweetlog_local.x_api import problems
from tweetlog_local.x_api.clock import written
from tweetlog_local.x_api.grammar import InvalidRuleError, has_keywords, parsed
from tweetlog_local.x_api.http import Request, json_response
from tweetlog_local.x_api.matching import Matcher, features, matcher
from tweetlog_local.x_api.platform import Platform
from tweetlog_local.x_api.projection import Projection, dumped, loaded, projection
from tweetlog_local.x_api.routing import (
    FIELDS,
    Answer,
    BadParameterError,
    Route,
    last_part,
    response,
    whole_number,
)
from tweetlog_local.x_api.snowflake import id_at
from tweetlog_local.x_api.timeline import Post

_SEARCH = "/2/tweets/search/recent"
_WEEK = 7 * 86_400
_LEAST, _DEFAULT, _MOST = 10, 10, 100
# X refuses an end that is nearer to now (docs, "Recent search").
_NEAREST_END = 10
_AT_ONCE = 100
_TOKEN = "b26v"  # noqa: S105 - what a page's token begins with
# After every id there will be.
_NO_ID = 1 << 62


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a search is for: a query, and ids from `first` and below `end`."""

    matches: Matcher
    retweets: bool
    first: int
    end: int
    most: int


def would_find(rule: str, payload: Mapping[str, Any]) -> bool:
    """Whether a search for a rule finds a tweet: not every rule can be searched for."""
    try:
        tree = parsed(rule, search=True)
    except InvalidRuleError:
        return False
    seen = features(payload, search=True)
    hidden = "retweeted" in seen.refers and has_keywords(tree)
    return not hidden and matcher(tree, search=True)(seen)


class TweetCalls:
    """Searches and looks up."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        bounds = {"since_id", "until_id", "start_time", "end_time"}
        pages = {"query", "max_results", "next_token", "pagination_token", "sort_order"}
        return [
            Route("GET", _SEARCH, "search", self._search, FIELDS | bounds | pages),
            Route("GET", "/2/tweets", "lookup", self._lookup, FIELDS | {"ids"}),
            Route("GET", "/2/tweets/{id}", "lookup", self._one, FIELDS),
        ]

    async def _search(self, request: Request) -> Answer:
        shown = projection(request.query)
        wanted = self._wanted(request)
        found: list[Post] = []
        more = False
        looked = 0
        for post in self._platform.timeline.newest_first(wanted.first, wanted.end):
            looked += 1
            if looked % _AT_ONCE == 0:
                await asyncio.sleep(0)
            if not self._is_found(post, wanted):
                continue
            if len(found) == wanted.most:
                more = True
                break
            found.append(post)
        page = _Page(shown)
        for post in found:
            self._give(post, page)
        meta: dict[str, Any] = {"result_count": len(found)}
        if found:
            meta = {"newest_id": str(found[0].id), "oldest_id": str(found[-1].id), **meta}
        if more:
            meta["next_token"] = f"{_TOKEN}{found[-1].id:x}"
        return json_response(200, {**page.body(), "meta": meta})

    def _wanted(self, request: Request) -> _Wanted:
        query = request.one("query") or ""
        longest = self._platform.tier.query_length
        if not 1 <= len(query) <= longest:
            raise BadParameterError("query", f"query: must be 1 to {longest} characters long")
        try:
            tree = parsed(query, search=True)
        except InvalidRuleError as reason:
            raise BadParameterError("query", " ".join(reason.details)) from None
        first, end = self._bounds(request)
        return _Wanted(
            matcher(tree, search=True),
            # Since 2026-05-04 keywords find no retweets (X docs, changelog).
            not has_keywords(tree),
            first,
            end,
            whole_number(request, "max_results", _DEFAULT, _LEAST, _MOST),
        )

    def _bounds(self, request: Request) -> tuple[int, int]:
        """Return the first id and the one after the last that a request asks for."""
        now = self._platform.clock.now()
        oldest = id_at(int((now - _WEEK) * 1000))
        first = max(oldest, self._id(request, "since_id", oldest) + 1)
        first = max(first, self._moment(request, "start_time", now - _WEEK))
        end = min(
            self._id(request, "until_id", oldest, _NO_ID),
            self._moment(request, "end_time", now),
            _after(request),
        )
        return first, end

    def _id(self, request: Request, name: str, oldest: int, default: int = 0) -> int:
        text = request.one(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdigit() or int(text[:20]) < oldest:
            week = written(self._platform.clock.now() - _WEEK)
            raise BadParameterError(
                name,
                f"Invalid '{name}'. '{name}' must be a tweet id created after [{week}]. "
                f"Please use a '{name}' that is larger than {oldest}",
            )
        return int(text)

    def _moment(self, request: Request, name: str, default: float) -> int:
        text, now = request.one(name), self._platform.clock.now()
        if text is None:
            return id_at(int(default * 1000) + 1)
        try:
            moment = datetime.fromisoformat(text).astimezone(UTC).timestamp()
        except ValueError:
            raise BadParameterError(name, f"'{name}' must be a date and time") from None
        if name == "end_time" and moment > now - self._platform.clock.lasting(_NEAREST_END):
            raise BadParameterError(
                name, f"Invalid '{name}': it must be 10 seconds prior to the request at least"
            )
        if moment < now - _WEEK:
            raise BadParameterError(
                name, f"Invalid '{name}': it must be on or after {written(now - _WEEK)}"
            )
        return id_at(int(moment * 1000))

    def _is_found(self, post: Post, wanted: _Wanted) -> bool:
        clock, settings = self._platform.clock, self._platform.settings
        if post.ms / 1000 > clock.now() - clock.lasting(settings.search_delay):
            return False
        if self._platform.verdicts.hides(post.id, post.author_id):
            return False
        payload, _ = loaded(self._platform.timeline.line(post))
        seen = features(payload, search=True)
        return (wanted.retweets or "retweeted" not in seen.refers) and wanted.matches(seen)

    async def _lookup(self, request: Request) -> Answer:
        shown = projection(request.query)
        ids = (request.one("ids") or "").split(",")
        if not 1 <= len(ids) <= _MOST or not all(id.isascii() and id.isdigit() for id in ids):
            raise BadParameterError("ids", f"`ids` takes 1 to {_MOST} ids")
        page = self._looked_up(ids, shown, "ids")
        return json_response(200, page.body())

    async def _one(self, request: Request) -> Answer:
        shown, id = projection(request.query), last_part(request)
        if not id.isascii() or not id.isdigit():
            return response(problems.NOT_FOUND)
        body = self._looked_up([id], shown, "id").body()
        if "data" in body:
            body["data"] = body["data"][0]
        return json_response(200, body)

    def _looked_up(self, ids: Iterable[str], shown: Projection, parameter: str) -> "_Page":
        page = _Page(shown)
        for id in ids:
            post = self._platform.timeline.get(int(id[:20]))
            verdict = post and self._platform.verdicts.hides(post.id, post.author_id)
            if post is None or (verdict and verdict.reason in {"deleted", "bounced"}):
                page.errors.append(problems.tweet_not_found(id, parameter))
            elif verdict:
                page.errors.append(problems.tweet_not_visible(id, parameter))
            else:
                self._give(post, page)
        return page

    def _give(self, post: Post, page: "_Page") -> None:
        payload, half = loaded(self._platform.timeline.line(post))
        verdict = self._platform.verdicts.of_tweet(post.id, post.author_id)
        page.add(_without_place(payload) if verdict else payload, half=half)
        post.found += 1
        self._platform.usage.read(post.id, self._platform.clock.now())


class _Page:
    """Tweets in one answer: a list, and once what they refer to."""

    def __init__(self, projection: Projection) -> None:
        self._projection = projection
        self._tweets: list[orjson.Fragment] = []
        self._includes: dict[str, dict[str, Any]] = {}
        self.errors: list[Mapping[str, Any]] = []

    def add(self, payload: Mapping[str, Any], *, half: bool) -> None:
        shown = self._projection.of(payload)
        self._tweets.append(orjson.Fragment(dumped(shown["data"], half=half)))
        for kind, things in shown.get("includes", {}).items():
            known = self._includes.setdefault(kind, {})
            for thing in things:
                known.setdefault(thing.get("id") or thing.get("media_key"), thing)
        self.errors += shown.get("errors", [])

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {"data": self._tweets} if self._tweets else {}
        if self._includes:
            body["includes"] = {kind: [*known.values()] for kind, known in self._includes.items()}
        return {**body, "errors": self.errors} if self.errors else body


def _after(request: Request) -> int:
    """Return the id before which a page goes on."""
    token = request.one("next_token") or request.one("pagination_token")
    if token is None:
        return _NO_ID
    try:
        return int(token.removeprefix(_TOKEN), 16)
    except ValueError:
        raise BadParameterError("next_token", f"'{token}' is not a valid next_token") from None


def _without_place(payload: Mapping[str, Any]) -> dict[str, Any]:
    tweet = {name: value for name, value in payload["data"].items() if name != "geo"}
    includes = {k: v for k, v in payload.get("includes", {}).items() if k != "places"}
    return {**payload, "data": tweet, "includes": includes}

"""The control port: faults, the log, tweets put in, and what existed against what was delivered.

Everything is under `/_lab/`; no token is needed.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import orjson

from tweetlog_local.x_api.faults import FaultError
from tweetlog_local.x_api.http import BadRequestError, Request, Response, json_response
from tweetlog_local.x_api.making import drafted
from tweetlog_local.x_api.platform import Platform
from tweetlog_local.x_api.projection import loaded
from tweetlog_local.x_api.snowflake import id_at
from tweetlog_local.x_api.timeline import Post
from tweetlog_local.x_api.tweet_calls import would_find

Handler = Callable[[Request], Response]


class Control:
    """Answers on the control port.

    Args:
        on_faults: is told of new faults, for those that nobody has to connect for.
        reset: makes everything new, with other settings where they are given.
    """

    def __init__(
        self,
        platform: Platform,
        on_faults: Callable[[], None],
        reset: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self._platform = platform
        self._on_faults = on_faults
        self._reset_all = reset
        self._routes: Mapping[tuple[str, str], Handler] = {
            ("GET", "/_lab/stats"): self._stats,
            ("GET", "/_lab/ids"): self._ids,
            ("GET", "/_lab/log"): self._log,
            ("GET", "/_lab/faults"): self._faults,
            ("POST", "/_lab/faults"): self._add_faults,
            ("DELETE", "/_lab/faults"): self._clear_faults,
            ("GET", "/_lab/tweets"): self._tweets,
            ("POST", "/_lab/tweets"): self._put_in,
            ("POST", "/_lab/begin"): self._begin,
            ("POST", "/_lab/pace"): self._pace,
            ("POST", "/_lab/reset"): self._reset,
            ("POST", "/_lab/compliance"): self._happen,
        }

    def answer(self, request: Request) -> Response:
        """Return the answer to a request."""
        handler = self._routes.get((request.method, request.path))
        if handler is None:
            known = ", ".join(" ".join(route) for route in self._routes)
            return json_response(404, {"error": f"known here: {known}"})
        try:
            return handler(request)
        except (BadRequestError, FaultError, ValueError) as reason:
            return json_response(400, {"error": str(reason)})

    def _stats(self, _: Request) -> Response:
        platform = self._platform
        now = platform.clock.now()
        posts = list(platform.timeline.between())
        matched = [post for post in posts if post.matched]
        return json_response(
            200,
            {
                "now": now,
                "existed": len(posts),
                "matched": len(matched),
                "delivered": sum(1 for post in matched if post.delivered),
                "deliveries": sum(post.delivered for post in matched),
                "found": sum(1 for post in posts if post.found),
                "waiting": platform.waiting,
                "finished": platform.finished,
                "open": len(platform.readers),
                "counted_connections": len(platform.connections.active(now)),
                "billed": {str(day): count for day, count in platform.usage.days().items()},
            },
        )

    def _ids(self, request: Request) -> Response:
        """Answer with ids: some, or of a time, of a rule, matched, delivered, searchable."""
        first, end = _id(request, "from"), _id(request, "to")
        chosen = request.one("ids") is not None
        posts = self._some(request) if chosen else self._platform.timeline.between(first or 0, end)
        rule, delivered = request.one("rule"), request.one("delivered")
        matched, searchable = request.one("matched"), request.one("searchable")
        ids = [
            str(post.id)
            for post in posts
            if (rule is None or _concerns(post, rule))
            and (matched is None or bool(post.matched) == (matched == "true"))
            and (searchable is None or self._is_searchable(post) == (searchable == "true"))
            and (delivered is None or bool(post.delivered) == (delivered == "true"))
        ]
        return json_response(200, ids)

    def _is_searchable(self, post: Post) -> bool:
        """Whether a search for one of the rules that a tweet matched would find it."""
        payload, _ = loaded(self._platform.timeline.line(post))
        longest = self._platform.tier.query_length
        rules = [rule.value for rule in post.matched if len(rule.value) <= longest]
        return any(would_find(rule, payload) for rule in rules)

    def _log(self, request: Request) -> Response:
        since = int(request.one("since") or 0)
        return json_response(200, self._platform.log.shown(path=request.one("path"), since=since))

    def _faults(self, _: Request) -> Response:
        return json_response(200, self._platform.faults.shown())

    def _add_faults(self, request: Request) -> Response:
        rules = request.json()
        self._platform.faults.add(rules if isinstance(rules, list) else [rules])
        self._on_faults()
        return self._faults(request)

    def _clear_faults(self, request: Request) -> Response:
        self._platform.faults.clear()
        return self._faults(request)

    def _tweets(self, request: Request) -> Response:
        """Answer with the payloads of `ids` that there are, one a line, whatever became of them."""
        lines = [self._platform.timeline.line(post) + b"\n" for post in self._some(request)]
        return Response(200, b"".join(lines), "application/x-ndjson")

    def _some(self, request: Request) -> list[Post]:
        """Return the tweets of `ids` that there are; none where the request has none."""
        ids = [int(id) for id in (request.one("ids") or "").split(",") if id.isdigit()]
        return list(filter(None, map(self._platform.timeline.get, ids)))

    def _put_in(self, request: Request) -> Response:
        """Let tweets happen: NDJSON of v2 payloads, at their own ids where `keep_ids` is set."""
        lines = [line for line in request.body.split(b"\n") if line.strip()]
        drafts = [drafted(_payload(number, line)) for number, line in enumerate(lines, start=1)]
        keep = request.flag("keep_ids")
        return json_response(
            200, [str(self._platform.put_in(draft, keep_id=keep).id) for draft in drafts]
        )

    def _begin(self, _: Request) -> Response:
        self._platform.begin()
        return json_response(200, {})

    def _pace(self, request: Request) -> Response:
        wanted = request.json()
        rate, tweets = wanted.get("rate", self._platform.rate), wanted.get("tweets")
        self._platform.pace(float(rate), None if tweets is None else int(tweets))
        return json_response(200, {})

    def _happen(self, request: Request) -> Response:
        """Let things happen to tweets and users: an event or a list of them."""
        events = request.json()
        told = [
            self._platform.happen(event if isinstance(event, dict) else {})
            for event in (events if isinstance(events, list) else [events])
        ]
        return json_response(200, [news.line for news in told])

    def _reset(self, request: Request) -> Response:
        changes = request.json() if request.body else {}
        if not isinstance(changes, dict):
            raise BadRequestError("give an object of settings, or nothing")
        self._reset_all(changes)
        return json_response(200, {})


def _payload(number: int, line: bytes) -> bytes:
    """Return a line as a whole payload with all that a tweet has."""
    try:
        payload: dict[str, Any] = orjson.loads(line)
        tweet = payload["data"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise BadRequestError(f"line {number}: no v2 payload with `data`") from None
    id = str(tweet.get("id", id_at(0)))
    made = {
        "id": id,
        "text": "",
        "author_id": "1",
        "created_at": "1970-01-01T00:00:00.000Z",
        "conversation_id": id,
        "edit_history_tweet_ids": [id],
    }
    payload.pop("matching_rules", None)
    return orjson.dumps({**payload, "data": {**made, **tweet}})


def _concerns(post: Post, rule: str) -> bool:
    return any(rule in {one.id, one.tag, one.value} for one in post.matched)


def _id(request: Request, name: str) -> int | None:
    """Return a moment (ISO 8601, or seconds since 1970) as the first id that it could have."""
    text = request.one(name)
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = datetime.fromisoformat(text).timestamp()
    return id_at(int(seconds * 1000))

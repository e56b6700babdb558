"""The endpoints of X's API v2: what each answers, by status and body."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tweetlog_local.x_api import problems
from tweetlog_local.x_api.clock import written
from tweetlog_local.x_api.http import BadRequestError, Request, Response, json_response
from tweetlog_local.x_api.platform import STREAM, Platform
from tweetlog_local.x_api.problems import Problem
from tweetlog_local.x_api.projection import PARAMETERS, Projection, UnknownValueError, projection
from tweetlog_local.x_api.rulebook import Rulebook

_MOST_RULES_A_PAGE = 1_000
_MOST_BACKFILL = 5
_APP = "12345678"
_PROJECT = "1234567890"


@dataclass(frozen=True, slots=True)
class Opening:
    """The answer to a stream's request that opens it."""

    endpoint: str
    projection: Projection
    backfill_minutes: int = 0


Answer = Response | Opening
Handler = Callable[[Request], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint: its rate limit, the parameters it takes, and what answers."""

    limit: str
    parameters: frozenset[str]
    handler: Handler


class Api:
    """Answers requests."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        fields = frozenset(PARAMETERS)
        stream = fields | {"backfill_minutes", "start_time", "end_time"}
        self._routes: dict[tuple[str, str], Route] = {
            ("GET", STREAM): Route("stream", stream, self._stream),
            ("GET", STREAM + "/rules"): Route(
                "rules GET",
                frozenset({"ids", "max_results", "pagination_token"}),
                self._rules,
            ),
            ("POST", STREAM + "/rules"): Route(
                "rules POST", frozenset({"dry_run", "delete_all"}), self._change_rules
            ),
            ("GET", STREAM + "/rules/counts"): Route(
                "counts", frozenset({"rules_count.fields"}), self._counts
            ),
        }

    async def answer(self, request: Request) -> Answer:
        """Return the answer to a request."""
        if not self._is_known(request):
            return _response(problems.UNAUTHORIZED)
        route = self._routes.get((request.method, request.path))
        if route is None:
            return _response(problems.NOT_FOUND)
        now = self._platform.clock.now()
        within = self._platform.limits.take(route.limit, now)
        headers = self._platform.limits.headers(route.limit, now)
        if not within:
            return _response(problems.RATE_LIMIT, headers)
        return _with_headers(await self._answered(route, request), headers)

    def headers(self, request: Request) -> dict[str, str]:
        """Return the rate limit's headers for an endpoint, without counting a request."""
        route = self._routes.get((request.method, request.path))
        limit = route.limit if route else "stream"
        return self._platform.limits.headers(limit, self._platform.clock.now())

    async def _answered(self, route: Route, request: Request) -> Answer:
        unknown = sorted(set(request.query) - route.parameters)
        if unknown:
            return _response(_unknown_parameters(request, unknown, route.parameters))
        try:
            return await route.handler(request)
        except BadRequestError as reason:
            return _response(problems.invalid_request({"message": str(reason)}))
        except UnknownValueError as reason:
            return _response(_unknown_value(request, reason))

    def _is_known(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"Bearer {self._platform.settings.token}"

    async def _stream(self, request: Request) -> Answer:
        shown = projection(request.query)
        minutes = request.one("backfill_minutes")
        if minutes is not None:
            refused = self._refused_backfill(minutes)
            if refused:
                return _response(refused)
        if not len(self._platform.rules):
            return _response(problems.NO_RULES)
        if self._platform.usage.is_used_up(self._platform.clock.now()):
            return _response(problems.USAGE_CAP)
        return Opening("filtered_stream", shown, int(minutes or 0))

    def _refused_backfill(self, minutes: str) -> Problem | None:
        if not self._platform.tier.enterprise:
            message = "The `backfill_minutes` query parameter is not available for your access."
        elif not minutes.isdigit() or int(minutes) > _MOST_BACKFILL:
            message = f"The `backfill_minutes` query parameter value [{minutes}] is not from 0 to 5"
        else:
            return None
        return problems.invalid_parameter("backfill_minutes", [minutes], message)

    async def _rules(self, request: Request) -> Answer:
        size = _whole_number(request, "max_results", _MOST_RULES_A_PAGE, 1, _MOST_RULES_A_PAGE)
        start = _whole_number(request, "pagination_token", 0, 0, 10**9)
        ids = {id for text in request.query.get("ids", []) for id in text.split(",")}
        rules = [rule for rule in self._platform.rules if not ids or rule.id in ids]
        page = rules[start : start + size]
        meta: dict[str, Any] = {"sent": self._now(), "result_count": len(page)}
        if start + size < len(rules):
            meta["next_token"] = f"{start + size:016d}"
        shown = {"data": [rule.shown() for rule in page]} if page else {}
        return json_response(200, {**shown, "meta": meta})

    async def _change_rules(self, request: Request) -> Answer:
        dry_run = request.flag("dry_run")
        if request.flag("delete_all"):
            return self._delete([rule.id for rule in self._platform.rules], dry_run=dry_run)
        body = request.json()
        if not isinstance(body, dict) or ("add" in body) == ("delete" in body):
            return _response(problems.invalid_request({"message": "Give one of `add`, `delete`."}))
        if "delete" in body:
            ids = _to_delete(body["delete"], self._platform.rules)
            return self._delete(ids, dry_run=dry_run)
        return self._add(_to_add(body["add"]), dry_run=dry_run)

    def _add(self, wanted: Sequence[tuple[str, str | None]], *, dry_run: bool) -> Answer:
        added = self._platform.rules.add(wanted, self._platform.clock.now(), dry_run=dry_run)
        if isinstance(added, Problem):
            return _response(added)
        created, refused = len(added.created), len(wanted) - len(added.created)
        invalid = len(added.errors)
        summary = {
            "created": created,
            "not_created": refused,
            "valid": len(wanted) - invalid,
            "invalid": invalid,
        }
        body: dict[str, Any] = {"meta": {"sent": self._now(), "summary": summary}}
        if added.created:
            body["data"] = [rule.shown() for rule in added.created]
        if added.errors:
            body["errors"] = list(added.errors)
        return json_response(201 if created else 200, body)

    def _delete(self, ids: Sequence[str], *, dry_run: bool) -> Answer:
        gone, not_there = self._platform.rules.delete(
            ids, self._platform.clock.now(), dry_run=dry_run
        )
        summary = {"deleted": gone, "not_deleted": not_there}
        return json_response(200, {"meta": {"sent": self._now(), "summary": summary}})

    async def _counts(self, _: Request) -> Answer:
        tier, rules = self._platform.tier, self._platform.rules
        data = {
            "all_project_client_apps": [
                {"client_app_id": _APP, "rule_count": len(rules), "active": bool(len(rules))}
            ],
            "cap_per_client_app": tier.rules,
            "cap_per_project": tier.rules,
            "client_app_rules_count": {"client_app_id": _APP, "rule_count": len(rules)},
            "project_rules_count": len(rules),
        }
        return json_response(200, {"data": data})

    def _now(self) -> str:
        return written(self._platform.clock.now())


def _to_add(body: object) -> list[tuple[str, str | None]]:
    rules = body if isinstance(body, list) else []
    wanted = [_rule(rule) for rule in rules]
    if not wanted:
        raise BadRequestError("`add` is a list of rules, each with a `value`")
    return wanted


def _rule(rule: object) -> tuple[str, str | None]:
    value = rule.get("value") if isinstance(rule, dict) else None
    tag = rule.get("tag") if isinstance(rule, dict) else None
    if not isinstance(value, str) or not value.strip() or not isinstance(tag, str | None):
        raise BadRequestError("a rule has a `value` of text, and perhaps a `tag`")
    return value, tag


def _to_delete(body: object, rules: Rulebook) -> list[str]:
    ids = body.get("ids", []) if isinstance(body, dict) else None
    values = body.get("values", []) if isinstance(body, dict) else None
    if not isinstance(ids, list) or not isinstance(values, list) or not ids + values:
        raise BadRequestError("`delete` has a list of `ids` or of `values`")
    return [*map(str, ids), *rules.ids_of(map(str, values))]


def _whole_number(request: Request, name: str, default: int, least: int, most: int) -> int:
    text = request.one(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise BadRequestError(f"The `{name}` query parameter value [{text}] is not valid")
    return int(text)


def _unknown_parameters(request: Request, unknown: Sequence[str], known: frozenset[str]) -> Problem:
    return problems.invalid_request(
        *(
            {
                "parameters": {name: request.query[name]},
                "message": f"The query parameter [{name}] is not one of "
                f"[{','.join(sorted(known))}]",
            }
            for name in unknown
        )
    )


def _unknown_value(request: Request, reason: UnknownValueError) -> Problem:
    known = ",".join(sorted(PARAMETERS[reason.parameter]))
    return problems.invalid_parameter(
        reason.parameter,
        request.query[reason.parameter],
        f"The `{reason.parameter}` query parameter value [{reason.value}] is not one of [{known}]",
    )


def _response(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    return Response(problem.status, problem.body, problem.type, headers or {})


def _with_headers(answer: Answer, headers: Mapping[str, str]) -> Answer:
    if isinstance(answer, Opening):
        return answer
    return Response(answer.status, answer.body, answer.type, {**answer.headers, **headers})

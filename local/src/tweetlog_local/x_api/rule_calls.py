"""The endpoints of the filtered stream's rules."""

from collections.abc import Sequence
from typing import Any

from tweetlog_local.x_api import problems
from tweetlog_local.x_api.clock import written
from tweetlog_local.x_api.http import BadRequestError, Request, json_response
from tweetlog_local.x_api.platform import STREAM, Platform
from tweetlog_local.x_api.problems import Problem
from tweetlog_local.x_api.routing import Answer, Route, response, whole_number
from tweetlog_local.x_api.rulebook import Rulebook

APP = "12345678"
_RULES = STREAM + "/rules"
_MOST_A_PAGE = 1_000


class RuleCalls:
    """Shows, adds and deletes rules."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        pages = frozenset({"ids", "max_results", "pagination_token"})
        changes = frozenset({"dry_run", "delete_all"})
        counts = frozenset({"rules_count.fields"})
        return [
            Route("GET", _RULES, "rules GET", self._rules, pages),
            Route("POST", _RULES, "rules POST", self._change, changes),
            Route("GET", _RULES + "/counts", "counts", self._counts, counts),
        ]

    async def _rules(self, request: Request) -> Answer:
        size = whole_number(request, "max_results", _MOST_A_PAGE, 1, _MOST_A_PAGE)
        start = whole_number(request, "pagination_token", 0, 0, 10**9)
        ids = {id for text in request.query.get("ids", []) for id in text.split(",")}
        rules = [rule for rule in self._platform.rules if not ids or rule.id in ids]
        page = rules[start : start + size]
        meta: dict[str, Any] = {"sent": self._now(), "result_count": len(page)}
        if start + size < len(rules):
            meta["next_token"] = f"{start + size:016d}"
        shown = {"data": [rule.shown() for rule in page]} if page else {}
        return json_response(200, {**shown, "meta": meta})

    async def _change(self, request: Request) -> Answer:
        dry_run = request.flag("dry_run")
        if request.flag("delete_all"):
            return self._delete([rule.id for rule in self._platform.rules], dry_run=dry_run)
        body = request.json()
        if not isinstance(body, dict) or ("add" in body) == ("delete" in body):
            return response(problems.invalid_request({"message": "Give one of `add`, `delete`."}))
        if "delete" in body:
            ids = _to_delete(body["delete"], self._platform.rules)
            return self._delete(ids, dry_run=dry_run)
        return self._add(_to_add(body["add"]), dry_run=dry_run)

    def _add(self, wanted: Sequence[tuple[str, str | None]], *, dry_run: bool) -> Answer:
        added = self._platform.rules.add(wanted, self._platform.clock.now(), dry_run=dry_run)
        if isinstance(added, Problem):
            return response(added)
        summary = {
            "created": len(added.created),
            "not_created": len(wanted) - len(added.created),
            "valid": len(wanted) - len(added.errors),
            "invalid": len(added.errors),
        }
        body: dict[str, Any] = {"meta": {"sent": self._now(), "summary": summary}}
        if added.created:
            body["data"] = [rule.shown() for rule in added.created]
        if added.errors:
            body["errors"] = list(added.errors)
        return json_response(201 if added.created else 200, body)

    def _delete(self, ids: Sequence[str], *, dry_run: bool) -> Answer:
        now = self._platform.clock.now()
        gone, not_there = self._platform.rules.delete(ids, now, dry_run=dry_run)
        summary = {"deleted": gone, "not_deleted": not_there}
        return json_response(200, {"meta": {"sent": self._now(), "summary": summary}})

    async def _counts(self, _: Request) -> Answer:
        most, count = self._platform.tier.rules, len(self._platform.rules)
        ours = {"client_app_id": APP, "rule_count": count}
        data = {
            "all_project_client_apps": [{**ours, "active": bool(count)}],
            "cap_per_client_app": most,
            "cap_per_project": most,
            "client_app_rules_count": ours,
            "project_rules_count": count,
        }
        return json_response(200, {"data": data})

    def _now(self) -> str:
        return written(self._platform.clock.now())


def _to_add(body: object) -> list[tuple[str, str | None]]:
    wanted = [_rule(rule) for rule in (body if isinstance(body, list) else [])]
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

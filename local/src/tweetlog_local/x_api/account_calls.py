"""The endpoints about the account itself: its connections, and what it has used."""

from collections.abc import Callable, Iterable
from typing import Any

from tweetlog_local.x_api.connections import Connection
from tweetlog_local.x_api.http import BadRequestError, Request, json_response
from tweetlog_local.x_api.platform import Platform
from tweetlog_local.x_api.routing import (
    Answer,
    BadParameterError,
    Route,
    last_part,
    whole_number,
)
from tweetlog_local.x_api.rule_calls import APP

_CONNECTIONS = "/2/connections"
_PROJECT = "1234567890"
_FIELDS = frozenset(
    {"id", "endpoint_name", "connected_at", "disconnected_at", "disconnect_reason", "client_ip"}
)
_MOST_A_PAGE = 100
_MOST_DAYS = 90
_FIRST_OF_MONTH = 1


class AccountCalls:
    """Shows and ends connections, and shows usage.

    Args:
        end: ends the stream of a connection, if it has one here.
    """

    def __init__(self, platform: Platform, end: Callable[[Connection], None]) -> None:
        self._platform = platform
        self._end = end

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        listed = {"status", "endpoints", "max_results", "pagination_token", "connection.fields"}
        usage = frozenset({"days", "usage.fields"})
        return [
            Route("GET", _CONNECTIONS, "connections GET", self._list, frozenset(listed)),
            Route("DELETE", _CONNECTIONS, "connections DELETE", self._kill_by_id),
            Route("DELETE", _CONNECTIONS + "/{which}", "connections DELETE", self._kill_by_name),
            Route("GET", "/2/usage/tweets", "usage", self._usage, usage),
        ]

    async def _list(self, request: Request) -> Answer:
        status = request.one("status") or "active"
        if status not in {"active", "inactive", "all"}:
            raise BadParameterError("status", "`status` must be one of active, inactive, all")
        endpoints = _listed(request, "endpoints")
        size = whole_number(request, "max_results", 10, 1, _MOST_A_PAGE)
        start = whole_number(request, "pagination_token", 0, 0, 10**9)
        now = self._platform.clock.now()
        active = {id(one) for one in self._platform.connections.active(now)}
        found = [
            one
            for one in reversed(list(self._platform.connections))
            if status == "all" or (id(one) in active) == (status == "active")
            if not endpoints or one.endpoint in endpoints
        ]
        page = found[start : start + size]
        wanted = _listed(request, "connection.fields") or _FIELDS
        data = [
            {name: value for name, value in one.shown().items() if name in {"id", *wanted}}
            for one in page
        ]
        meta: dict[str, Any] = {"result_count": len(page)}
        if start + size < len(found):
            meta["next_token"] = f"{start + size:016d}"
        return json_response(200, {**({"data": data} if data else {}), "meta": meta})

    async def _kill_by_id(self, request: Request) -> Answer:
        body = request.json()
        ids = body.get("uuids") if isinstance(body, dict) else None
        if not isinstance(ids, list) or not ids:
            raise BadRequestError("`uuids` is a list of the ids of connections")
        found = self._platform.connections.find(map(str, ids))
        now = self._platform.clock.now()
        active = self._platform.connections.active(now)
        results = []
        for uuid in map(str, ids):
            success = found.get(uuid) in active
            if success:
                self._kill(found[uuid])
            results.append({"uuid": uuid, "success": success})
        return _killed(results)

    async def _kill_by_name(self, request: Request) -> Answer:
        name = last_part(request)
        active = self._platform.connections.active(self._platform.clock.now())
        doomed = [one for one in active if name in {"all", one.endpoint, one.id}]
        for one in doomed:
            self._kill(one)
        return _killed([{"uuid": one.id, "success": True} for one in doomed])

    def _kill(self, connection: Connection) -> None:
        self._end(connection)
        self._platform.connections.forget(connection, self._platform.clock.now())

    async def _usage(self, request: Request) -> Answer:
        days = whole_number(request, "days", 7, 1, _MOST_DAYS)
        wanted = _listed(request, "usage.fields")
        usage = self._platform.usage
        counts = sorted(usage.days().items())[-days:]
        by_day = [
            {"date": str(day), "usage": [{"app_id": APP, "tweets_consumed": count}]}
            for day, count in counts
        ]
        data: dict[str, Any] = {
            "project_id": _PROJECT,
            "project_cap": usage.cap,
            "project_usage": usage.this_month(self._platform.clock.now()),
            "cap_reset_day": _FIRST_OF_MONTH,
            "daily_project_usage": by_day,
        }
        if wanted:
            data = {name: value for name, value in data.items() if name in wanted}
        return json_response(200, {"data": data})


def _listed(request: Request, name: str) -> set[str]:
    return {value for text in request.query.get(name, []) for value in text.split(",") if value}


def _killed(results: Iterable[dict[str, Any]]) -> Answer:
    results = list(results)
    killed = sum(1 for one in results if one["success"])
    data = {
        "successful_kills": killed,
        "failed_kills": len(results) - killed,
        "results": results,
    }
    return json_response(200, {"data": data})

"""What X says was read: the answer of `GET /2/usage/tweets`, as far as it can be understood."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from ingestor.loose import members, objects


def by_day(document: Any, app_id: str = "") -> Mapping[date, int]:
    """Return the Posts that were read on each UTC day.

    Two shapes are known: a list of days with their apps, and a list of days inside an object of
    the project (and one for each app). Numbers come as numbers or as texts.

    Args:
        document: the answer.
        app_id: count this app alone; empty for the whole project.
    """
    days: dict[date, int] = {}
    for day, posts in _of_app(document, app_id) if app_id else _of_project(document):
        days[day] = days.get(day, 0) + posts
    return days


def _of_project(document: Any) -> Iterator[tuple[date, int]]:
    listed = members(document, "data").get("daily_project_usage")
    for entry in objects(listed):
        for one in objects(entry.get("usage")):
            yield from _count(entry.get("date"), one.get("tweets_consumed"))
    for entry in objects(members(document, "data", "daily_project_usage").get("usage")):
        yield from _count(entry.get("date"), entry.get("usage"))


def _of_app(document: Any, app_id: str) -> Iterator[tuple[date, int]]:
    data = members(document, "data")
    for entry in objects(data.get("daily_project_usage")):
        for one in objects(entry.get("usage")):
            if str(one.get("app_id")) == app_id:
                yield from _count(entry.get("date"), one.get("tweets_consumed"))
    for app in objects(data.get("daily_client_app_usage")):
        if str(app.get("client_app_id")) == app_id:
            for entry in objects(app.get("usage")):
                yield from _count(entry.get("date"), entry.get("usage"))


def _count(day: Any, posts: Any) -> Iterator[tuple[date, int]]:
    try:
        yield date.fromisoformat(str(day)[:10]), max(0, int(posts))
    except (TypeError, ValueError):
        return


def spent(days: Mapping[date, int], today: date, month: date) -> tuple[int, int]:
    """Return what was read today and since the billing month began."""
    return days.get(today, 0), sum(posts for day, posts in days.items() if month <= day <= today)

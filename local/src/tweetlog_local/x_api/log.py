"""What clients did and when: every request with its answer, for tests to look at."""

from collections.abc import Mapping
from typing import Any

from tweetlog_local.x_api.http import Request

_KEPT = 100_000
Entry = dict[str, Any]


class Log:
    """The requests so far; a very long run forgets the first ones.

    No header that holds a secret is kept.
    """

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._count = 0

    def request(self, request: Request, now: float) -> Entry:
        """Note a request; what becomes of it is added to the entry that is returned."""
        entry: Entry = {
            "number": self._count,
            "time": now,
            "method": request.method,
            "path": request.path,
            "query": {name: values[-1] for name, values in request.query.items()},
            "headers": _safe(request.headers),
            "status": None,
            "fault": None,
        }
        self._count += 1
        self._entries.append(entry)
        if len(self._entries) > _KEPT:
            del self._entries[: _KEPT // 10]
        return entry

    def shown(self, *, path: str | None, since: int) -> list[Entry]:
        """Return the entries from a number on, of one path where it is given."""
        return [
            entry
            for entry in self._entries
            if entry["number"] >= since and path in {None, entry["path"]}
        ]


def _safe(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name: "..." if name in {"authorization", "cookie"} else value
        for name, value in headers.items()
    }

"""The streams that X counts against an account: open ones, and ghosts of those that broke off."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from tweetlog_local.x_api.clock import written

_REMEMBERED = 1_000


@dataclass(slots=True)
class Connection:
    """A stream as the connections API shows it.

    Attributes:
        partition: of a compliance stream, each of which counts by itself; 0 for none.
        counted_until: when X stops to count it, later than it ended if the client broke it off;
            None while it is open.
    """

    id: str
    endpoint: str
    client_ip: str
    connected_at: float
    disconnected_at: float | None = None
    reason: str = ""
    counted_until: float | None = None
    partition: int = 0

    def shown(self) -> dict[str, Any]:
        """The connection as X shows it."""
        shown: dict[str, Any] = {
            "id": self.id,
            "endpoint_name": self.endpoint,
            "connected_at": written(self.connected_at),
            "client_ip": self.client_ip,
        }
        if self.disconnected_at is not None:
            shown["disconnected_at"] = written(self.disconnected_at)
            shown["disconnect_reason"] = self.reason
        return shown


class Connections:
    """Every connection, the older ones forgotten in the end.

    Args:
        ghost: seconds for which a connection is counted on after its client broke it off.
    """

    def __init__(self, ghost: float) -> None:
        self._ghost = ghost
        self._all: list[Connection] = []

    def __iter__(self) -> Iterator[Connection]:
        return iter(self._all)

    def open(self, endpoint: str, client_ip: str, now: float, *, partition: int = 0) -> Connection:
        """Note a new connection."""
        connection = Connection(str(uuid4()), endpoint, client_ip, now, partition=partition)
        self._all = [*self._all[-_REMEMBERED:], connection]
        return connection

    def ended(self, connection: Connection, now: float, reason: str, *, by_client: bool) -> None:
        """Note that a connection ended; one that ended already stays as it was."""
        if connection.disconnected_at is None:
            connection.disconnected_at = now
            connection.reason = reason
            connection.counted_until = now + (self._ghost if by_client else 0)

    def forget(self, connection: Connection, now: float) -> None:
        """Count a connection no more."""
        connection.counted_until = now

    def counted(self, endpoint: str, now: float, *, partition: int = 0) -> list[Connection]:
        """Return the connections that count against the limit of an endpoint, or its partition."""
        place = (endpoint, partition)
        return [
            one for one in self._all if (one.endpoint, one.partition) == place and _counts(one, now)
        ]

    def active(self, now: float) -> list[Connection]:
        """Return the connections that count against any limit."""
        return [one for one in self._all if _counts(one, now)]

    def find(self, ids: Iterable[str]) -> dict[str, Connection]:
        """Return those of these ids that there are."""
        wanted = set(ids)
        return {one.id: one for one in self._all if one.id in wanted}


def _counts(connection: Connection, now: float) -> bool:
    return connection.counted_until is None or now < connection.counted_until

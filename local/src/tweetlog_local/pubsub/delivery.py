"""What a subscription still owes, and who holds it now: leases, retries and acknowledgements.

Pure: no clock and no storage. Times are seconds since 1970 and come in as arguments. Messages
are known by id only; their bytes stay in the log, so that a backlog costs no memory.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from tweetlog_local.pubsub.ranges import Ranges, stretches

NEVER = float("inf")
HEAP_SLACK = 1000  # ended leases that may stay in the heap before it is tidied


@dataclass(slots=True)
class Holder:
    """A consumer's flow control: what it holds and may hold; a maximum of 0 is no limit."""

    max_messages: int = 0
    max_bytes: int = 0
    messages: int = 0
    bytes: int = 0

    def room(self, most: int) -> int:
        """How many more messages it may be handed now, `most` at a time."""
        if self.max_bytes > 0 and self.bytes >= self.max_bytes:
            return 0
        if self.max_messages <= 0:
            return most
        return max(min(most, self.max_messages - self.messages), 0)

    def takes(self, size: int) -> None:
        """One more message of `size` bytes is with the consumer."""
        self.messages += 1
        self.bytes += size

    def gives_back(self, size: int) -> None:
        """The consumer is done with a message, or lost its lease."""
        self.messages -= 1
        self.bytes -= size


@dataclass(slots=True)
class Lease:
    """One delivery of message `id`: until `deadline` nobody else gets it."""

    id: int
    size: int
    deadline: float
    holder: Holder


@dataclass(frozen=True, slots=True)
class Again:
    """A message that failed before: how often, and when it is due."""

    id: int
    failures: int
    due: float


class Deliveries:
    """The delivery state of one subscription.

    `acked` holds every id after `start` that is done with; `cursor` is the highest id read from
    the log since the last rewind. What lies between is leased or waits to be delivered again;
    after a restart, failed messages may lie ahead of it.
    """

    def __init__(
        self, acked: Ranges, again: Sequence[Again] = (), *, start: int, ack_prefix: str
    ) -> None:
        self.leases: dict[str, Lease] = {}
        self._start = start
        self._ack_prefix = ack_prefix
        self._deliveries = 0
        self.rewind(acked, again)

    def rewind(self, acked: Ranges, again: Sequence[Again] = ()) -> None:
        """Start over from `acked`; ack ids handed out before become unknown."""
        for lease in self.leases.values():
            lease.holder.gives_back(lease.size)
        self.acked = acked
        self.leases.clear()
        self._expiries: list[tuple[float, str]] = []
        self._due = {each.id: each.due for each in again}
        self._retries = [(each.due, each.id) for each in again]
        heapify(self._retries)
        self.failures = {each.id: each.failures for each in again}
        self.cursor = self._start

    @property
    def outstanding(self) -> int:
        """Messages that are leased or wait to be delivered again."""
        return len(self.leases) + len(self._due)

    def backlog(self, last_id: int) -> int:
        """Messages up to `last_id` that are not acknowledged."""
        return last_id - self._start - self.acked.count

    def lease(self, message_id: int, size: int, deadline: float, holder: Holder) -> str:
        """Hand a message to `holder`; the ack id is new for every delivery."""
        self._deliveries += 1
        ack_id = f"{self._ack_prefix}{self._deliveries:x}"
        self.leases[ack_id] = Lease(message_id, size, deadline, holder)
        holder.takes(size)
        if deadline < NEVER:
            heappush(self._expiries, (deadline, ack_id))
        return ack_id

    def attempt(self, message_id: int) -> int:
        """The number of the next or current delivery of a message, counted from 1."""
        return self.failures.get(message_id, 0) + 1

    def ack(self, ack_ids: Iterable[str]) -> int:
        """Messages are done with; how many. An unknown or late ack id changes nothing."""
        leases = [lease for ack_id in ack_ids if (lease := self._release(ack_id))]
        for lease in leases:
            self.failures.pop(lease.id, None)
        # Neighbours by the stretch: most are acknowledged in the order of the log.
        for first, last in stretches(lease.id for lease in leases):
            self.acked.add(first, last)
        return len(leases)

    def settle(self, message_id: int) -> None:
        """A message needs no delivery any more, whoever holds it."""
        self.acked.add(message_id)
        self.failures.pop(message_id, None)

    def fail(self, ack_id: str) -> int | None:
        """A delivery failed: the id of the message if that leaves it unsettled."""
        lease = self._release(ack_id)
        if lease is None or lease.id in self.acked:
            return None
        self.failures[lease.id] = self.attempt(lease.id)
        return lease.id

    def hand_back(self, ack_id: str, now: float) -> None:
        """A delivery did not take place: the message is due again and has not failed."""
        lease = self._release(ack_id)
        if lease is not None and lease.id not in self.acked:
            self.again(lease.id, now)

    def extend(self, ack_id: str, deadline: float) -> None:
        """Move a lease's deadline; nothing for an unknown ack id."""
        lease = self.leases.get(ack_id)
        if lease is None:
            return
        if deadline < lease.deadline:
            heappush(self._expiries, (deadline, ack_id))
        lease.deadline = deadline

    def again(self, message_id: int, due: float) -> None:
        """Deliver a message again, not before `due`."""
        self._due[message_id] = due
        heappush(self._retries, (due, message_id))

    def has_failed(self, message_id: int) -> bool:
        """Whether a message is already among those to be delivered again, or is leased as such."""
        return message_id in self.failures

    def pop_due(self, now: float) -> int | None:
        """Take the next message that is due to be delivered again."""
        while self._retries and self._retries[0][0] <= now:
            due, message_id = heappop(self._retries)
            if self._due.get(message_id) != due:
                continue
            del self._due[message_id]
            if message_id not in self.acked:
                return message_id
        return None

    def expired(self, now: float) -> list[str]:
        """The ack ids whose deadline has passed; the caller fails each."""
        late = []
        while self._expiries and self._expiries[0][0] <= now:
            _, ack_id = heappop(self._expiries)
            lease = self.leases.get(ack_id)
            if lease is None:
                continue
            if lease.deadline <= now:
                late.append(ack_id)
            elif lease.deadline < NEVER:
                heappush(self._expiries, (lease.deadline, ack_id))
        return late

    def next_due(self) -> float:
        """When time alone will next change something: a retry falls due or a lease may end."""
        while self._expiries and self._expiries[0][1] not in self.leases:
            heappop(self._expiries)
        retry = self._retries[0][0] if self._retries else NEVER
        expiry = self._expiries[0][0] if self._expiries else NEVER
        return min(retry, expiry)

    def fresh(self, until: int) -> tuple[int, int] | None:
        """The next stretch of ids up to `until` that nobody was handed since the last rewind."""
        return self.acked.gap(self.cursor, until)

    def skip(self, first: int, last: int) -> None:
        """Settle ids that are not for delivery: filtered out, or gone from the log."""
        self.acked.add(first, last)

    def unsettled(self) -> Iterator[Again]:
        """The failed messages, to be remembered across a restart."""
        for message_id, failures in self.failures.items():
            yield Again(message_id, failures, self._due.get(message_id, 0.0))

    def _release(self, ack_id: str) -> Lease | None:
        lease = self.leases.pop(ack_id, None)
        if lease is None:
            return None
        lease.holder.gives_back(lease.size)
        if len(self._expiries) > 2 * len(self.leases) + HEAP_SLACK:
            self._tidy()
        return lease

    def _tidy(self) -> None:
        self._expiries = [
            (lease.deadline, ack_id)
            for ack_id, lease in self.leases.items()
            if lease.deadline < NEVER
        ]
        heapify(self._expiries)

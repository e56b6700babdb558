"""Seek and snapshots: moving a subscription to another place in its topic's log."""

from tweetlog_local.pubsub import log as storage
from tweetlog_local.pubsub import names, resources, state
from tweetlog_local.pubsub.api import MICROS, Proto, Snapshot, micros_of, seconds_of, set_time
from tweetlog_local.pubsub.broker import Broker, LiveSubscription
from tweetlog_local.pubsub.errors import (
    already_exists,
    failed_precondition,
    invalid,
    not_found,
)
from tweetlog_local.pubsub.limits import DAY
from tweetlog_local.pubsub.log import Log, SnapshotRow
from tweetlog_local.pubsub.ranges import Ranges

SNAPSHOT_LIFE = 7 * DAY  # less the age of the oldest unacknowledged message, as documented
SHORTEST_LIFE = 3600


class Snapshots:
    """Named copies of where a subscription stood; kept messages stay in the log."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._rows = {row.name: row for row in broker.log.snapshots()}

    def create(self, request: Proto) -> Proto:
        """Remember what a subscription has not acknowledged, and all that follows."""
        resources.refuse_unhonoured(request, {"name", "subscription", "labels"})
        name = names.snapshot(request.name)
        if name in self._rows:
            raise already_exists(f"snapshot {name} already exists")
        subscription = self._broker.subscription(request.subscription)
        resource = Snapshot(name=name, topic=subscription.topic.name, labels=request.labels)
        set_time(resource.expire_time, self._expiry(subscription))
        self._keep(
            SnapshotRow(
                name,
                subscription.topic.row.id,
                resource.SerializeToString(),
                state.encode_acked(subscription.deliveries.acked),
            )
        )
        return resource

    def get(self, name: str) -> Proto:
        """A snapshot as clients see it."""
        return Snapshot.FromString(self._row(name).resource)

    def update(self, request: Proto) -> Proto:
        """Change a snapshot's labels."""
        row = self._row(request.snapshot.name)
        if list(request.update_mask.paths) != ["labels"]:
            raise invalid("update_mask of a snapshot can be labels only")
        resource = Snapshot.FromString(row.resource)
        resource.ClearField("labels")
        resource.MergeFrom(Snapshot(labels=request.snapshot.labels))
        stored = resource.SerializeToString()
        self._keep(SnapshotRow(row.name, row.topic, stored, row.acked))
        return resource

    def delete(self, name: str) -> None:
        """Forget a snapshot."""
        self._broker.log.forget_snapshot(self._row(name).name)
        del self._rows[name]

    def all(self) -> list[Proto]:
        """Every snapshot, by name."""
        self.drop_expired()
        return [self.get(name) for name in sorted(self._rows)]

    def acked(self, topic: int) -> list[Ranges]:
        """What each snapshot of a topic does not need."""
        return [state.decode_acked(row.acked) for row in self._rows.values() if row.topic == topic]

    def drop_expired(self) -> None:
        """Forget the snapshots whose time is over."""
        now = int(self._broker.clock() * MICROS)
        for name, row in list(self._rows.items()):
            if micros_of(Snapshot.FromString(row.resource).expire_time) <= now:
                self.delete(name)

    def seek(self, subscription: LiveSubscription, name: str) -> None:
        """Put a subscription back to where it stood when the snapshot was taken."""
        row = self._row(name)
        if row.topic != subscription.topic.row.id:
            raise failed_precondition(f"{name} is of another topic than {subscription.name}")
        _rewind(subscription, state.decode_acked(row.acked))

    def _row(self, name: str) -> SnapshotRow:
        names.snapshot(name)
        if name not in self._rows:
            raise not_found(f"snapshot {name} does not exist")
        return self._rows[name]

    def _keep(self, row: SnapshotRow) -> None:
        self._broker.log.keep_snapshot(row)
        self._rows[row.name] = row

    def _expiry(self, subscription: LiveSubscription) -> int:
        now = self._broker.clock()
        life = SNAPSHOT_LIFE - (oldest_unacked_seconds(self._broker, subscription) or 0.0)
        if life < SHORTEST_LIFE:
            raise failed_precondition(
                "the oldest unacknowledged message is so old that the snapshot would "
                "live less than an hour"
            )
        return int((now + life) * MICROS)


def seek_to_time(broker: Broker, subscription: LiveSubscription, micros: int) -> None:
    """Acknowledge what was published before; owe again what was published since and is kept.

    Acknowledged messages come back only as far as the subscription (`retain_acked_messages`) or
    the topic retains them; others stay acknowledged.
    """
    topic = subscription.topic.row
    first = storage.first_id(topic.id)
    now = int(broker.clock() * MICROS)
    retained_since = now - int(retention_of_acked(subscription) * MICROS)
    start = first_id_since(broker.log, topic.id, topic.last_id, micros)
    kept = first_id_since(broker.log, topic.id, topic.last_id, max(micros, retained_since))
    acked = subscription.deliveries.acked
    acked.cut(kept)
    acked.add(first, start - 1)
    _rewind(subscription, acked)


def retention_of_acked(subscription: LiveSubscription) -> float:
    """Seconds for which a subscription can go back to messages that it acknowledged."""
    topic = subscription.topic.resource
    own = seconds_of(subscription.resource.message_retention_duration)
    return max(
        own if subscription.resource.retain_acked_messages else 0.0,
        seconds_of(topic.message_retention_duration),
    )


def first_id_since(log: Log, topic: int, last_id: int, micros: int) -> int:
    """The first id of a topic published at `micros` or later; last_id + 1 if there is none."""
    low, high = storage.first_id(topic), last_id + 1
    while low < high:
        middle = (low + high) // 2
        found = log.time_at(middle, high - 1)
        if found is None:
            high = middle
        elif found[1] < micros:
            low = found[0] + 1
        else:
            high = middle
    return _existing(log, low, last_id)


def oldest_unacked_seconds(broker: Broker, subscription: LiveSubscription) -> float | None:
    """The age of the oldest message a subscription owes, or None without a backlog."""
    topic = subscription.topic.row
    gap = subscription.deliveries.acked.gap(storage.first_id(topic.id) - 1, topic.last_id)
    found = broker.log.time_at(gap[0], topic.last_id) if gap else None
    return max(broker.clock() - found[1] / MICROS, 0.0) if found else None


def _existing(log: Log, message_id: int, last_id: int) -> int:
    found = log.time_at(message_id, last_id)
    return found[0] if found else message_id


def _rewind(subscription: LiveSubscription, acked: Ranges) -> None:
    subscription.deliveries.rewind(acked)
    subscription.dirty = True
    subscription.on_change()

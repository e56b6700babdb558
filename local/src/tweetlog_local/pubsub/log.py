"""The durable log: topics, subscriptions, snapshots and messages in one SQLite file.

A message's id is its topic's number in the upper bits and its place in the topic in the lower
forty, so that a topic lies in one piece in one table and is read in order without an index.
What `append` returned from has survived the death of the process (WAL, synchronous=NORMAL).
"""

import fcntl
import sqlite3
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

FORMAT = 1
PLACE_BITS = 40

SCHEMA = """
CREATE TABLE topic (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, resource BLOB NOT NULL,
    last_id INTEGER NOT NULL, last_time INTEGER NOT NULL,
    published INTEGER NOT NULL, bytes INTEGER NOT NULL);
CREATE TABLE subscription (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, topic INTEGER NOT NULL,
    resource BLOB NOT NULL, state BLOB NOT NULL);
CREATE TABLE snapshot (
    name TEXT PRIMARY KEY, topic INTEGER NOT NULL, resource BLOB NOT NULL, acked BLOB NOT NULL);
CREATE TABLE message (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, body BLOB NOT NULL);
"""


class DataDirError(Exception):
    """The data directory cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class TopicRow:
    """A topic as stored; `name` is empty once it is deleted and only its messages are needed."""

    id: int
    name: str
    resource: bytes
    last_id: int
    last_time: int
    published: int
    bytes: int


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """A subscription as stored; `state` is what `state.py` makes of its deliveries."""

    id: int
    name: str
    topic: int
    resource: bytes
    state: bytes


@dataclass(frozen=True, slots=True)
class SnapshotRow:
    """A snapshot as stored."""

    name: str
    topic: int
    resource: bytes
    acked: bytes


class Log:
    """One open data directory; nobody else can open it until it is closed."""

    def __init__(self, data_dir: Path) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(data_dir)
        self._db = _opened(data_dir / "pubsub.sqlite")

    def close(self) -> None:
        """Give the directory back."""
        self._db.close()
        self._lock.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all of it durable, or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # topics

    def topics(self) -> list[TopicRow]:
        """Every topic, deleted ones too as long as a subscription keeps them."""
        return [TopicRow(*row) for row in self._db.execute("SELECT * FROM topic ORDER BY id")]

    def add_topic(self, name: str, resource: bytes) -> TopicRow:
        """Store a new, empty topic."""
        row = self._db.execute(
            "INSERT INTO topic (name, resource, last_id, last_time, published, bytes)"
            " VALUES (?, ?, 0, 0, 0, 0) RETURNING id",
            (name, resource),
        ).fetchone()
        last_id = int(row[0]) << PLACE_BITS
        self._db.execute("UPDATE topic SET last_id = ? WHERE id = ?", (last_id, row[0]))
        return TopicRow(row[0], name, resource, last_id, 0, 0, 0)

    def change_topic(self, topic: int, name: str, resource: bytes) -> None:
        """Store a topic's new properties."""
        self._db.execute(
            "UPDATE topic SET name = ?, resource = ? WHERE id = ?", (name, resource, topic)
        )

    def forget_topic(self, topic: int) -> None:
        """Remove a topic; its messages go with the next clean-up."""
        self._db.execute("DELETE FROM topic WHERE id = ?", (topic,))

    # messages

    def append(self, topic: TopicRow, messages: Iterable[tuple[int, int, bytes]]) -> None:
        """Write messages (id, microseconds, bytes) and the topic's new counts, durably."""
        with self.transaction():
            self._db.executemany("INSERT INTO message VALUES (?, ?, ?)", messages)
            self._db.execute(
                "UPDATE topic SET last_id = ?, last_time = ?, published = ?, bytes = ?"
                " WHERE id = ?",
                (topic.last_id, topic.last_time, topic.published, topic.bytes, topic.id),
            )

    def body(self, message_id: int) -> bytes | None:
        """A message's bytes, or None if it is no longer kept."""
        row = self._db.execute("SELECT body FROM message WHERE id = ?", (message_id,)).fetchone()
        return None if row is None else row[0]

    def bodies(self, first: int, last: int) -> Generator[tuple[int, bytes]]:
        """The messages (id, bytes) of a stretch in order, read as they are asked for."""
        sql = "SELECT id, body FROM message WHERE id BETWEEN ? AND ? ORDER BY id"
        with closing(self._db.execute(sql, (first, last))) as rows:
            yield from rows

    def time_at(self, first: int, last: int) -> tuple[int, int] | None:
        """The id and time (microseconds) of the first message in a stretch, or None."""
        row: tuple[int, int] | None = self._db.execute(
            "SELECT id, time FROM message WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1",
            (first, last),
        ).fetchone()
        return row

    def remove(self, first: int, last: int, limit: int) -> int:
        """Remove at most `limit` messages of a stretch; how many there were to remove."""
        return self._db.execute(
            "DELETE FROM message WHERE id IN"
            " (SELECT id FROM message WHERE id BETWEEN ? AND ? LIMIT ?)",
            (first, last, limit),
        ).rowcount

    def shrink(self, pages: int) -> None:
        """Give up to `pages` free pages back to the file system."""
        self._db.execute(f"PRAGMA incremental_vacuum({int(pages)})").fetchall()

    # subscriptions

    def subscriptions(self) -> list[SubscriptionRow]:
        """Every subscription."""
        rows = self._db.execute("SELECT * FROM subscription ORDER BY id")
        return [SubscriptionRow(*row) for row in rows]

    def add_subscription(self, name: str, topic: int, resource: bytes, state: bytes) -> int:
        """Store a new subscription; its number."""
        row = self._db.execute(
            "INSERT INTO subscription (name, topic, resource, state) VALUES (?, ?, ?, ?)"
            " RETURNING id",
            (name, topic, resource, state),
        ).fetchone()
        return int(row[0])

    def change_subscription(self, subscription: int, resource: bytes) -> None:
        """Store a subscription's new properties."""
        self._db.execute(
            "UPDATE subscription SET resource = ? WHERE id = ?", (resource, subscription)
        )

    def save_states(self, states: Iterable[tuple[bytes, int]]) -> None:
        """Store the delivery state (bytes, subscription) of several subscriptions at once."""
        with self.transaction():
            self._db.executemany("UPDATE subscription SET state = ? WHERE id = ?", states)

    def forget_subscription(self, subscription: int) -> None:
        """Remove a subscription."""
        self._db.execute("DELETE FROM subscription WHERE id = ?", (subscription,))

    # snapshots

    def snapshots(self) -> list[SnapshotRow]:
        """Every snapshot."""
        return [SnapshotRow(*row) for row in self._db.execute("SELECT * FROM snapshot")]

    def keep_snapshot(self, row: SnapshotRow) -> None:
        """Store a snapshot, in place of one of the same name."""
        self._db.execute(
            "INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?, ?)",
            (row.name, row.topic, row.resource, row.acked),
        )

    def forget_snapshot(self, name: str) -> None:
        """Remove a snapshot."""
        self._db.execute("DELETE FROM snapshot WHERE name = ?", (name,))


def first_id(topic: int) -> int:
    """The id of the first message a topic can ever have."""
    return (topic << PLACE_BITS) + 1


def last_possible_id(topic: int) -> int:
    """The id of the last message a topic can ever have."""
    return ((topic + 1) << PLACE_BITS) - 1


def _locked(data_dir: Path) -> IO[str]:
    lock = (data_dir / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        msg = f"{data_dir} is in use by another process: stop that one, or use another --data-dir"
        raise DataDirError(msg) from None
    return lock


def _opened(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    try:
        _prepare(db, path)
    except sqlite3.DatabaseError as error:
        db.close()
        msg = f"{path} cannot be read as a log ({error}): move it away, or use another --data-dir"
        raise DataDirError(msg) from error
    except DataDirError:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    db.execute("PRAGMA page_size = 16384")
    db.execute("PRAGMA auto_vacuum = INCREMENTAL")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA cache_size = -32768")  # KiB
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version == 0 and not db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
        db.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {FORMAT}; COMMIT;")
    elif version != FORMAT:
        msg = (
            f"{path} has format {version}, this program reads {FORMAT}: "
            "use the program that wrote it, or another --data-dir"
        )
        raise DataDirError(msg)

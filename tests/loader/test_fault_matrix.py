"""The faults of the Storage Write API, one by one, and what becomes of every row.

The loader's whole way but the subscription, its real writer, over the embedded BigQuery, which
fails as it is told, in both layouts. Nothing may depend on the order in which things happen.
"""

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from builders import a_tombstone
from embedded_warehouse import LAYOUTS, READ, WRITTEN, Warehouse, an_embedded_warehouse
from enriched import an_enriched_tweet, pulled
from loader.row import DELETIONS, TWEETS
from loader.wiring import Loader
from loader.writer import Limits
from tweetlog.envelope import Envelope
from tweetlog.topic import InMemoryTopic

pytestmark = pytest.mark.servers

ONCE = "appended, one row"
NO_ROW = "no row"
BACK = "handed back"
QUICK = Limits(deadline=60, backoff=(0.01, 0.05), setup_backoff=(0.1, 0.2))
TRIALS = count(1)
QUOTA = "Exceeds 'AppendRows throughput' quota, user_id: project0000000000000001_us"
Fates = dict[str, str]


def eventually(true: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.01)


@dataclass
class Trial:
    """A loader before a table that is told to fail, and tweets of its own."""

    warehouse: Warehouse
    layout: str
    loader: Loader
    number: int = field(default_factory=lambda: next(TRIALS))

    @property
    def table(self) -> str:
        return f"tweetlog.{WRITTEN[self.layout]}"

    @property
    def dead(self) -> InMemoryTopic:
        assert isinstance(self.loader.dead_letters, InMemoryTopic)
        return self.loader.dead_letters

    def id(self, nth: int) -> str:
        return f"{self.number:05}{nth:05}"

    def tweets(self, many: int, **more: Any) -> list[Envelope]:
        return [an_enriched_tweet(self.id(nth), **more) for nth in range(many)]

    def arm(self, **rule: Any) -> None:
        """Put a rule in force for this table, or for the one that the rule names."""
        self._call("POST", {"table": self.table, **rule})

    def fired(self) -> int:
        return sum(rule["fired"] for rule in self._call("GET")["faults"])

    def disarm(self) -> None:
        self._call("DELETE")

    def kept(self, columns: str) -> list[tuple[Any, ...]]:
        """Return these columns of every row that was written."""
        return self.warehouse.query(
            f"SELECT {columns} FROM {self.table} "  # noqa: S608 - our own names
            f"WHERE STARTS_WITH(tweet_id, '{self.number:05}') ORDER BY tweet_id"
        )

    @contextmanager
    def another_loader(self, limits: Limits) -> Iterator[None]:
        """Load by another loader for as long as the block lasts."""
        usual, self.loader = self.loader, self.warehouse.loader(self.layout, limits=limits)
        try:
            yield
        finally:
            self.loader.close()
            self.loader = usual

    def deliver(self, events: Sequence[Envelope]) -> Fates:
        """Deliver the events once, as one batch; return what became of each."""
        acked = self.loader.receive_all(pulled(events))
        ids = [str(event.subject) for event in events]
        back = {ids[nth] for nth in range(len(ids)) if str(nth) not in acked}
        return {id: self._fate(id, rows, back) for id, rows in self._rows(ids).items()}

    def _rows(self, ids: Sequence[str]) -> dict[str, int]:
        found = self.warehouse.query(
            f"SELECT tweet_id, COUNT(*) FROM tweetlog.{READ[self.layout]} AS t "  # noqa: S608 - our own names
            f"WHERE STARTS_WITH(tweet_id, '{self.number:05}') AND tweet_id NOT IN "
            "(SELECT tweet_id FROM tweetlog.deletions) GROUP BY tweet_id"
        )
        return dict.fromkeys(ids, 0) | dict(found)

    def _fate(self, id: str, rows: int, back: set[str]) -> str:
        """Return everything that became of a tweet: usually it is one thing."""
        letters = [json.loads(event.data) for event in self.dead.events if event.subject == id]
        fates = [f"dead letter: {letter['reason']}" for letter in letters]
        fates += [ONCE if rows == 1 else f"{rows} rows"] if rows else []
        return "; ".join(fates + [BACK] * (id in back)) or NO_ROW

    def _call(self, method: str, body: Mapping[str, Any] | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - http, to ourselves
            f"{self.warehouse.server.rest}/local/faults",
            method=method,
            data=json.dumps(body).encode() if body else None,
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
            return json.loads(answer.read() or b"{}")


@pytest.fixture(params=LAYOUTS)
def trial(warehouse: Warehouse, request: pytest.FixtureRequest) -> Iterator[Trial]:
    """A trial in each layout; its rules end with it."""
    made = Trial(warehouse, request.param, warehouse.loader(request.param, limits=QUICK))
    yield made
    made.disarm()
    made.loader.close()


def all_of(events: Sequence[Envelope], fate: str) -> Fates:
    return {str(event.subject): fate for event in events}


# --- row errors


def test_rows_that_bigquery_refuses_are_dead_letters_with_its_reason_and_the_rest_is_appended(
    trial: Trial,
) -> None:
    tweets = trial.tweets(6)
    for nth in (1, 4):
        reason = f"row {nth} is poison"
        trial.arm(kind="rows", column="tweet_id", value=trial.id(nth), message=reason)

    fates = trial.deliver(tweets)

    assert fates == all_of(tweets, ONCE) | {
        trial.id(1): "dead letter: row 1 is poison",
        trial.id(4): "dead letter: row 4 is poison",
    }


def test_a_list_of_row_errors_that_was_cut_is_worked_off_until_the_request_is_clean(
    trial: Trial,
) -> None:
    tweets = [*trial.tweets(6, text="bad"), an_enriched_tweet(trial.id(6), text="good")]
    trial.arm(kind="rows", column="text", value="bad", listed=2, message="poison")

    fates = trial.deliver(tweets)

    assert fates == all_of(tweets, "dead letter: poison") | {trial.id(6): ONCE}
    assert trial.fired() >= 3


# --- the table changes


def test_a_table_that_grew_takes_its_new_column_and_nothing_is_appended_twice(
    trial: Trial,
) -> None:
    column = f"mood_{trial.number}"
    before, *after = trial.tweets(10, **{column: "good"})
    fates = trial.deliver([before])
    trial.warehouse.query(f"ALTER TABLE {trial.table} ADD COLUMN {column} STRING")

    for one in after:
        fates |= trial.deliver([one])

    assert fates == all_of([before, *after], ONCE)
    kept = trial.kept(f"{column}, JSON_VALUE(extra, '$.{column}')")
    assert (kept[0], kept[-1]) == ((None, "good"), ("good", None))
    assert all(sorted(map(str, row)) == ["None", "good"] for row in kept)


def test_a_new_column_that_appends_do_not_know_yet_is_waited_for(trial: Trial) -> None:
    column = f"late_{trial.number}"
    trial.warehouse.query(f"ALTER TABLE {trial.table} ADD COLUMN {column} STRING")
    trial.arm(kind="lag", column=column, count=3)
    tweets = trial.tweets(3, **{column: "x"})

    fates = trial.deliver(tweets)

    assert fates == all_of(tweets, ONCE)
    assert trial.fired() == 3
    assert trial.kept(f"{column}, extra") == [("x", None)] * 3


@pytest.mark.parametrize("code", [403, 400])
def test_a_column_that_cannot_be_added_leaves_its_values_in_extra(
    warehouse: Warehouse, code: int
) -> None:
    loader = warehouse.loader("upsert", limits=QUICK, TWEETLOG_ADD_COLUMNS="on")
    trial = Trial(warehouse, "upsert", loader)
    trial.arm(kind="http", code=str(code), path="/datasets/tweetlog/tables/tweets", message="no")
    tweets = trial.tweets(3, **{f"refused_{trial.number}": "x"})

    fates = trial.deliver(tweets)
    eventually(trial.fired)
    again = trial.deliver(tweets)
    trial.disarm()
    loader.close()

    assert fates == again == all_of(tweets, ONCE)
    assert trial.kept(f"JSON_VALUE(extra, '$.refused_{trial.number}')") == [("x",)] * 3


# --- what passes


INACTIVE = "Closing the stream because it has been inactive for 600 seconds"
OVERLOADED = "Task is overloaded (memory-protection), retry later"
PASSING: Mapping[str, Mapping[str, Any]] = {
    "the call ends: unavailable": {"kind": "rpc", "code": "UNAVAILABLE"},
    "the call ends: internal": {"kind": "rpc", "code": "INTERNAL"},
    "the call ends: cancelled": {"kind": "rpc", "code": "CANCELLED"},
    "the call ends: deadline exceeded": {"kind": "rpc", "code": "DEADLINE_EXCEEDED"},
    "the call ends: unknown": {"kind": "rpc", "code": "UNKNOWN"},
    "the call ends: aborted": {"kind": "rpc", "code": "ABORTED", "message": INACTIVE},
    "the call ends: quota": {"kind": "rpc", "code": "RESOURCE_EXHAUSTED", "message": QUOTA},
    "the call ends without a word": {"kind": "close"},
    "answered: quota": {"kind": "response", "code": "RESOURCE_EXHAUSTED", "message": QUOTA},
    "answered: internal": {"kind": "response", "code": "INTERNAL"},
    "answered: overloaded": {"kind": "response", "code": "UNAVAILABLE", "message": OVERLOADED},
    "answered: aborted": {"kind": "response", "code": "ABORTED"},
    # With offsets only, which a default stream has not; if they come all the same:
    "answered: already exists": {
        "kind": "response",
        "code": "ALREADY_EXISTS",
        "storage_error": "OFFSET_ALREADY_EXISTS",
    },
    "answered: out of range": {
        "kind": "response",
        "code": "OUT_OF_RANGE",
        "storage_error": "OFFSET_OUT_OF_RANGE",
    },
}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("rule", PASSING.values(), ids=PASSING)
def test_what_may_succeed_later_is_sent_again_and_is_one_row(
    trial: Trial, rule: Mapping[str, Any], when: str
) -> None:
    trial.arm(**rule, when=when, count=2)
    tweets = trial.tweets(5)

    fates = trial.deliver(tweets)

    assert fates == all_of(tweets, ONCE)
    assert trial.fired() == 2
    # In the layout that keeps every version, what was written and not answered is there again.
    versions = 3 if (when, trial.layout) == ("after", "append") else 1
    assert len(trial.kept("tweet_id")) == 5 * versions


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ["rpc", "response"])
def test_a_request_that_is_refused_without_a_word_on_its_rows_costs_none_of_them(
    trial: Trial, kind: str, when: str
) -> None:
    first, *tweets = trial.tweets(4)
    trial.deliver([first])
    trial.arm(kind=kind, code="INVALID_ARGUMENT", message="Schema is missing", when=when, count=2)

    fates = trial.deliver([first]) | trial.deliver(tweets)

    assert fates == all_of([first, *tweets], ONCE)
    assert trial.fired() == 2


def test_requests_behind_one_that_was_refused_first_on_a_connection_are_rows(
    trial: Trial,
) -> None:
    first, *tweets = trial.tweets(21)
    with trial.another_loader(replace(QUICK, request_bytes=1)):  # a request for each row
        trial.deliver([first])
        trial.arm(kind="rpc", code="UNAVAILABLE", count=1)
        trial.arm(kind="response", code="RESOURCE_EXHAUSTED", message=QUOTA, count=1)

        fates = trial.deliver(tweets)

    assert fates == all_of([first, *tweets], ONCE)
    assert trial.fired() == 2


def test_an_answer_that_does_not_come_is_asked_for_on_another_connection(trial: Trial) -> None:
    trial.arm(kind="stall", seconds=300, count=1)
    tweets = trial.tweets(5)

    with trial.another_loader(replace(QUICK, answer=0.5)):
        fates = trial.deliver(tweets)

    assert fates == all_of(tweets, ONCE)


def test_what_has_no_answer_in_time_is_handed_back_and_is_one_row_when_it_comes_again(
    trial: Trial,
) -> None:
    trial.arm(kind="response", code="RESOURCE_EXHAUSTED", message=QUOTA)
    tweets = trial.tweets(5)

    with trial.another_loader(replace(QUICK, deadline=0.5)):
        fates = trial.deliver(tweets)
    trial.disarm()

    assert fates == all_of(tweets, BACK)
    assert trial.deliver(tweets) == all_of(tweets, ONCE)


def test_a_connection_that_was_ended_as_inactive_costs_nothing(trial: Trial) -> None:
    trial.arm(kind="idle", seconds=0.1, count=1)
    first, second = trial.tweets(2)

    fates = trial.deliver([first])
    eventually(trial.fired)
    fates |= trial.deliver([second])

    assert fates == all_of([first, second], ONCE)


def test_a_server_that_is_killed_and_comes_back_has_every_row_once(tmp_path: Path) -> None:
    with an_embedded_warehouse(tmp_path) as warehouse:
        trial = Trial(warehouse, "upsert", warehouse.loader("upsert", limits=QUICK))
        tweets = trial.tweets(400)
        batches = [tweets[nth : nth + 20] for nth in range(0, len(tweets), 20)]
        ports = (str(warehouse.server.port), str(warehouse.server.grpc_port))
        killed = threading.Event()

        def deliver(nth: int) -> list[str]:
            if nth == len(batches) // 2:
                warehouse.server.kill()
                killed.set()
            return trial.loader.receive_all(pulled(batches[nth]))

        with ThreadPoolExecutor(4) as pool:
            acks = pool.map(deliver, range(len(batches)))
            assert killed.wait(60)
            with an_embedded_warehouse(
                tmp_path, ["--port", ports[0], "--grpc-port", ports[1]]
            ) as warehouse_again:
                assert all(len(one) == 20 for one in acks)
                trial.warehouse = warehouse_again
                fates = trial.deliver(tweets)
                trial.loader.close()

    assert fates == all_of(tweets, ONCE)


# --- what is too large


@pytest.mark.parametrize(
    "rule",
    [
        {
            "kind": "rpc",
            "code": "RESOURCE_EXHAUSTED",
            "message": "Received message larger than max (21495808 vs. 20971520)",
        },
        {
            "kind": "response",
            "code": "INVALID_ARGUMENT",
            "message": "AppendRows request too large: 21495808 limit 20971520",
        },
    ],
    ids=["the call ends", "answered"],
)
def test_of_what_is_too_large_the_largest_row_alone_is_a_dead_letter(
    trial: Trial, rule: Mapping[str, Any]
) -> None:
    tweets = trial.tweets(8, text="x" * 4_000)
    tweets[5] = an_enriched_tweet(trial.id(5), text="x" * 40_000)
    trial.arm(**rule, larger_than=20_000)

    fates = trial.deliver(tweets)

    (reason,) = [json.loads(letter.data)["reason"] for letter in trial.dead.events]
    assert rule["message"] in reason
    assert fates == all_of(tweets, ONCE) | {trial.id(5): f"dead letter: {reason}"}


# --- what a person has to mend


STREAM = {"kind": "rpc", "method": "GetWriteStream"}
SETUP: Mapping[str, Mapping[str, Any]] = {
    "permission": {"kind": "rpc", "code": "PERMISSION_DENIED"},
    "unauthenticated": {"kind": "rpc", "code": "UNAUTHENTICATED"},
    "not found, as just after creation": {"kind": "rpc", "code": "NOT_FOUND"},
    "a policy": {"kind": "rpc", "code": "FAILED_PRECONDITION"},
    "answered: permission": {"kind": "response", "code": "PERMISSION_DENIED"},
    "answered: not found": {"kind": "response", "code": "NOT_FOUND"},
    # No request is understood on any connection, and no row is named.
    "malformed": {"kind": "rpc", "code": "INVALID_ARGUMENT"},
    "answered: malformed": {"kind": "response", "code": "INVALID_ARGUMENT"},
    "answered: no table": {
        "kind": "response",
        "code": "INVALID_ARGUMENT",
        "storage_error": "TABLE_NOT_FOUND",
    },
    "the schema: permission": {**STREAM, "code": "PERMISSION_DENIED"},
    "the schema: not found": {**STREAM, "code": "NOT_FOUND"},
}


@pytest.mark.parametrize("rule", SETUP.values(), ids=SETUP)
def test_what_a_person_has_to_mend_hands_every_row_back_and_drops_none(
    trial: Trial, rule: Mapping[str, Any]
) -> None:
    trial.arm(**rule, message="mend this")
    tweets = trial.tweets(5)

    with trial.another_loader(replace(QUICK, setup_backoff=(300, 300))):
        fates = trial.deliver(tweets)
        faults = trial.loader.faults()
    trial.disarm()
    mended = trial.deliver(tweets)

    assert fates == all_of(tweets, BACK)
    assert "mend this" in faults[0]
    assert WRITTEN[trial.layout] in faults[0]
    assert mended == all_of(tweets, ONCE)


def test_what_was_mended_is_loaded_without_a_restart(trial: Trial) -> None:
    trial.arm(kind="rpc", code="PERMISSION_DENIED", count=3)
    tweets = trial.tweets(5)

    while trial.fired() < 3:
        assert trial.deliver(tweets) == all_of(tweets, BACK)
    eventually(lambda: not trial.loader.faults())

    assert trial.deliver(tweets) == all_of(tweets, ONCE)


def test_a_table_that_is_not_there_hands_every_row_back_until_it_is(tmp_path: Path) -> None:
    with an_embedded_warehouse(tmp_path) as warehouse:
        created = warehouse.client.get_table("tweetlog.tweets")
        warehouse.client.delete_table(created)
        trial = Trial(warehouse, "append", warehouse.loader("upsert", limits=QUICK))
        tweets = trial.tweets(5)

        acked = trial.loader.receive_all(pulled(tweets))
        faults = trial.loader.faults()
        warehouse.client.create_table(created)
        trial.layout = "upsert"
        eventually(lambda: not trial.loader.faults())
        mended = trial.deliver(tweets)
        trial.loader.close()

    assert acked == []
    assert trial.dead.events == []
    assert "Not found" in faults[0]
    assert mended == all_of(tweets, ONCE)


# --- tombstones


def test_a_tombstone_that_cannot_be_kept_deletes_nothing_and_is_handed_back(trial: Trial) -> None:
    first, second = trial.tweets(2)
    trial.deliver([first, second])
    trial.arm(kind="rpc", code="PERMISSION_DENIED", table=f"tweetlog.{DELETIONS}")

    refused = trial.deliver([a_tombstone(trial.id(0))])
    trial.disarm()
    eventually(lambda: not trial.loader.faults())
    kept = trial.deliver([a_tombstone(trial.id(0))])

    assert refused == {trial.id(0): f"{ONCE}; {BACK}", trial.id(1): ONCE}
    assert kept == {trial.id(0): NO_ROW, trial.id(1): ONCE}


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_delete_whose_answer_is_lost_is_sent_again_and_stays(
    warehouse: Warehouse, when: str
) -> None:
    trial = Trial(warehouse, "upsert", warehouse.loader("upsert", limits=QUICK))
    first, second = trial.tweets(2)
    trial.deliver([first, second])
    for table in (DELETIONS, TWEETS):
        trial.arm(kind="rpc", when=when, count=1, table=f"tweetlog.{table}")

    deleted = trial.deliver([a_tombstone(trial.id(0))])
    replayed = trial.deliver([first, second])
    trial.disarm()
    trial.loader.close()

    assert trial.id(1) in deleted
    assert deleted[trial.id(0)] == replayed[trial.id(0)] == NO_ROW
    assert replayed[trial.id(1)] == ONCE
    assert trial.kept("tweet_id") == [(trial.id(1),)]

"""The writer: each row's outcome is its own, whatever happens to the connection."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import grpc
import pytest
from google.cloud.bigquery_storage_v1.types import StorageError

from fake_bigquery import FakeBigQuery, Fault, Type, ended, error, goodbye, held, serving
from loader.outcome import CONFIRMED, Outcome, Postponed, Refused
from loader.row import DELETE, Row
from loader.writer import BigQuery, Limits, Writer

TABLE = "projects/p/datasets/d/tables/tweets"
QUICK = Limits(deadline=10, backoff=(0.01, 0.05), setup_backoff=(0.2, 0.4))
WAIT = 20
Code = grpc.StatusCode
EXTRA_FIELDS = StorageError.StorageErrorCode.SCHEMA_MISMATCH_EXTRA_FIELDS


def a_row(tweet_id: object, **values: object) -> Row:
    return Row("tweets", {"tweet_id": str(tweet_id), **values}, "0/1/1")


class Witness:
    """Keeps what a writer reports."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.causes: list[str] = []
        self.bytes = 0

    def appended(self, rows: int, seconds: float) -> None:
        assert seconds >= 0
        self.sizes.append(rows)

    def reconnected(self, cause: str) -> None:
        self.causes.append(cause)

    def in_flight(self, bytes_: int) -> None:
        self.bytes = bytes_


@contextmanager
def a_writer(
    bigquery: FakeBigQuery,
    limits: Limits = QUICK,
    *,
    witness: Witness | None = None,
    changes: bool = True,
) -> Iterator[Writer]:
    service = BigQuery(bigquery.endpoint)
    made = Writer(service, TABLE, limits=limits, observer=witness, changes=changes)
    try:
        yield made
    finally:
        made.close(timeout=1)
        service.close()


@pytest.fixture
def writer(bigquery: FakeBigQuery) -> Iterator[Writer]:
    with a_writer(bigquery) as made:
        yield made


def eventually(true: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.01)


# --- when all is well


def test_rows_are_confirmed_and_are_there(bigquery: FakeBigQuery, writer: Writer) -> None:
    outcomes = writer.append([a_row(1), a_row(2)]).result(WAIT)

    assert outcomes == [CONFIRMED, CONFIRMED]
    assert bigquery.tables["tweets"].rows.keys() == {"1", "2"}


def test_an_append_of_nothing_is_done_at_once(writer: Writer) -> None:
    assert writer.append([]).result(0) == []


def test_a_delete_needs_no_more_than_the_key(bigquery: FakeBigQuery, writer: Writer) -> None:
    writer.append([a_row(1, text="hi")]).result(WAIT)

    writer.append([Row("tweets", {"tweet_id": "1"}, "F/0/1", DELETE)]).result(WAIT)

    assert bigquery.tables["tweets"].rows == {}


def test_a_connection_says_once_who_we_are_and_how_rows_are_made(
    bigquery: FakeBigQuery, writer: Writer
) -> None:
    for n in range(3):
        writer.append([a_row(n)]).result(WAIT)

    assert bigquery.connections == 1
    assert [r.proto_rows.HasField("writer_schema") for r in bigquery.requests] == [True] + 2 * [
        False
    ]
    assert bigquery.requests[0].trace_id.startswith("tweetlog-loader:")
    routing = bigquery.metadata[0]["x-goog-request-params"]
    assert (
        routing == "write_stream=projects%2Fp%2Fdatasets%2Fd%2Ftables%2Ftweets%2Fstreams%2F_default"
    )


def test_a_table_that_is_appended_to_gets_no_pseudo_columns(bigquery: FakeBigQuery) -> None:
    with a_writer(bigquery, changes=False) as writer:
        writer.append([a_row(1), a_row(1)]).result(WAIT)

    assert bigquery.tables["tweets"].appended == [{"tweet_id": "1"}, {"tweet_id": "1"}]


def test_a_large_append_is_cut_below_the_request_limit(bigquery: FakeBigQuery) -> None:
    witness = Witness()
    with a_writer(bigquery, replace(QUICK, request_bytes=1_000), witness=witness) as writer:
        outcomes = writer.append([a_row(n, text="x" * 300) for n in range(10)]).result(WAIT)

    assert outcomes == [CONFIRMED] * 10
    assert max(len(r.proto_rows.rows.serialized_rows) for r in bigquery.requests) == 3
    assert sum(witness.sizes) == 10
    assert witness.bytes == 0


# --- rows that are refused


def test_refused_rows_go_out_and_the_rest_is_written(
    bigquery: FakeBigQuery, writer: Writer
) -> None:
    bigquery.poison = lambda row: f"bad {row['tweet_id']}" if row["tweet_id"] in "13" else None

    outcomes = writer.append([a_row(n) for n in range(5)]).result(WAIT)

    assert outcomes == [CONFIRMED, Refused("bad 1"), CONFIRMED, Refused("bad 3"), CONFIRMED]
    assert bigquery.tables["tweets"].rows.keys() == {"0", "2", "4"}


def test_a_list_of_refused_rows_that_was_cut_is_worked_off_in_rounds(
    bigquery: FakeBigQuery, writer: Writer
) -> None:
    bigquery.poison = lambda row: "bad" if row["tweet_id"] != "9" else None
    bigquery.errors_a_request = 2

    outcomes = writer.append([a_row(n) for n in range(10)]).result(WAIT)

    assert outcomes == [Refused("bad")] * 9 + [CONFIRMED]


def test_a_row_that_does_not_fit_its_table_is_refused_before_it_is_sent(
    bigquery: FakeBigQuery, writer: Writer
) -> None:
    outcomes = writer.append([a_row(1), a_row(2, like_count="many")]).result(WAIT)

    assert outcomes[0] == CONFIRMED
    assert isinstance(outcomes[1], Refused)
    assert outcomes[1].reason_class == "does_not_fit"
    assert "like_count" in outcomes[1].reason
    assert len(bigquery.tables["tweets"].appended) == 1


def test_eight_threads_with_good_and_bad_rows_never_cross(
    bigquery: FakeBigQuery, writer: Writer
) -> None:
    bigquery.poison = lambda row: row["tweet_id"] if row["text"] == "bad" else None
    texts = ["good", "bad", "good", "good"]

    def append(thread: int) -> list[tuple[str, Outcome]]:
        seen: list[tuple[str, Outcome]] = []
        for turn in range(100):
            ids = [f"{thread}-{turn}-{n}" for n in range(4)]
            rows = [a_row(i, text=text) for i, text in zip(ids, texts, strict=True)]
            seen += zip(ids, writer.append(rows).result(WAIT), strict=True)
        return seen

    with ThreadPoolExecutor(8) as threads:
        seen = [one for thread in threads.map(append, range(8)) for one in thread]

    expected = [Refused(i) if i.endswith("-1") else CONFIRMED for i, _ in seen]
    assert [outcome for _, outcome in seen] == expected
    assert len(bigquery.tables["tweets"].rows) == 8 * 100 * 3


def test_a_row_that_spoils_its_request_is_found_and_the_others_are_written(
    bigquery: FakeBigQuery, writer: Writer
) -> None:
    bigquery.spoils = lambda row: row["tweet_id"] == "5"

    outcomes = writer.append([a_row(n) for n in range(8)]).result(WAIT)

    assert outcomes[5] == Refused("the request is not understood")
    assert [outcome for n, outcome in enumerate(outcomes) if n != 5] == [CONFIRMED] * 7


# --- requests that are refused, and no word of their rows


MALFORMED = {
    "the call ends": ended(Code.INVALID_ARGUMENT, "Invalid stream name"),
    "answered": error(3, "Invalid stream name"),
}


def test_requests_behind_one_that_was_refused_do_not_count_on_its_schema(
    bigquery: FakeBigQuery, writer: Writer
) -> None:
    released = threading.Event()
    quota = error(8, "Exceeds 'AppendRows throughput' quota")

    def refused_when_released(request: Any, context: grpc.ServicerContext) -> Any:
        released.wait(WAIT)
        return quota(request, context)

    bigquery.forgets_refused_schemas = True
    writer.append([a_row("proves the table")]).result(WAIT)
    bigquery.faults += [goodbye, refused_when_released]
    appends = [writer.append([a_row("ends the connection")])]
    eventually(lambda: bigquery.connections == 2)
    appends += [writer.append([a_row(n)]) for n in range(3)]
    released.set()

    assert [append.result(WAIT) for append in appends] == [[CONFIRMED]] * 4


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("fault", MALFORMED.values(), ids=MALFORMED)
def test_a_row_that_is_refused_alone_is_sent_again_on_a_new_connection(
    bigquery: FakeBigQuery, writer: Writer, fault: Fault, times: int
) -> None:
    bigquery.faults += [fault] * times

    assert writer.append([a_row(1)]).result(WAIT) == [CONFIRMED]
    assert bigquery.connections == 1 + times


@pytest.mark.parametrize("rows", [1, 8])
@pytest.mark.parametrize("fault", MALFORMED.values(), ids=MALFORMED)
def test_what_every_new_connection_is_refused_for_is_for_a_person_to_mend(
    bigquery: FakeBigQuery, writer: Writer, fault: Fault, rows: int
) -> None:
    writer.append([a_row("proves the table")]).result(WAIT)
    bigquery.faults += [goodbye, *[fault] * 100]

    outcomes = writer.append([a_row(n) for n in range(rows)]).result(WAIT)

    assert all(isinstance(one, Postponed) and one.setup for one in outcomes)
    assert "Invalid stream name" in (writer.fault() or "")
    bigquery.faults.clear()
    eventually(lambda: writer.append([a_row(1)]).result(WAIT) == [CONFIRMED])


def test_a_row_that_ends_each_call_is_handed_back_and_the_others_are_written(
    bigquery: FakeBigQuery, writer: Writer
) -> None:
    bigquery.ends_on = lambda row: row["tweet_id"] == "5"
    done = threading.Event()

    def others() -> list[Outcome]:
        found: list[Outcome] = []
        while not done.is_set():
            found += writer.append([a_row("other")]).result(WAIT)
        return found

    with ThreadPoolExecutor(1) as pool:
        flow = pool.submit(others)
        outcomes = writer.append([a_row(n) for n in range(8)]).result(WAIT)
        done.set()

    assert isinstance(outcomes[5], Postponed)
    assert "the end" in outcomes[5].reason
    assert not any(isinstance(one, Refused) for one in [*outcomes, *flow.result(WAIT)])
    bigquery.ends_on = lambda _row: False
    eventually(lambda: writer.append([a_row(n) for n in range(8)]).result(WAIT) == [CONFIRMED] * 8)


@pytest.mark.parametrize("limit_ends_the_connection", [False, True])
def test_a_request_that_is_too_large_goes_in_halves(
    bigquery: FakeBigQuery, writer: Writer, *, limit_ends_the_connection: bool
) -> None:
    bigquery.max_request_bytes = 2_000
    bigquery.limit_ends_the_connection = limit_ends_the_connection
    rows = [a_row(n, text="x" * (5_000 if n == 2 else 300)) for n in range(8)]

    outcomes = writer.append(rows).result(WAIT)

    assert isinstance(outcomes[2], Refused)
    assert [outcome for n, outcome in enumerate(outcomes) if n != 2] == [CONFIRMED] * 7


# --- faults that pass


PASSING = {
    "unavailable": ended(Code.UNAVAILABLE),
    "internal": ended(Code.INTERNAL),
    "inactive": ended(
        Code.ABORTED, "Closing the stream because it has been inactive for 600 seconds"
    ),
    "quota": ended(Code.RESOURCE_EXHAUSTED, "Exceeds 'AppendRows throughput' quota"),
    "deadline exceeded": ended(Code.DEADLINE_EXCEEDED),
    "cancelled": ended(Code.CANCELLED),
    "unknown": ended(Code.UNKNOWN),
    "quota, answered": error(8, "Exceeds 'AppendRows throughput' quota"),
    "internal, answered": error(13, "internal"),
    "overloaded, answered": error(14, "Task is overloaded (memory-protection)"),
    "aborted, answered": error(10, "aborted"),
    "ended without a word": goodbye,
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_what_may_succeed_later_is_sent_again(
    bigquery: FakeBigQuery, writer: Writer, fault: Fault
) -> None:
    bigquery.faults += [fault, fault]

    outcomes = writer.append([a_row(1), a_row(2)]).result(WAIT)

    assert outcomes == [CONFIRMED, CONFIRMED]
    assert bigquery.tables["tweets"].rows.keys() == {"1", "2"}
    assert len(bigquery.requests) == 3


def test_rows_whose_answer_was_lost_are_written_twice_and_are_there_once(
    bigquery: FakeBigQuery, writer: Writer
) -> None:
    bigquery.lose_answers = 1

    outcomes = writer.append([a_row(1)]).result(WAIT)

    assert outcomes == [CONFIRMED]
    assert len(bigquery.tables["tweets"].appended) == 2
    assert len(bigquery.tables["tweets"].rows) == 1


def test_everything_in_flight_survives_a_broken_connection(bigquery: FakeBigQuery) -> None:
    witness = Witness()
    with a_writer(bigquery, witness=witness) as writer:
        writer.append([a_row("first")]).result(WAIT)
        bigquery.faults += [None, None, ended(Code.UNAVAILABLE)]
        appends = [writer.append([a_row(n)]) for n in range(20)]
        outcomes = [append.result(WAIT) for append in appends]

    assert outcomes == [[CONFIRMED]] * 20
    assert len(bigquery.tables["tweets"].rows) == 21
    assert witness.causes == ["transient"]
    assert bigquery.connections == 2


def test_a_connection_that_owes_an_answer_for_too_long_is_made_anew(
    bigquery: FakeBigQuery,
) -> None:
    never = threading.Event()
    bigquery.faults += [held(never)]
    with a_writer(bigquery, replace(QUICK, answer=0.2)) as writer:
        outcomes = writer.append([a_row(1)]).result(WAIT)

    assert outcomes == [CONFIRMED]
    assert bigquery.connections == 2


def test_a_row_without_an_answer_is_given_back_at_its_deadline(bigquery: FakeBigQuery) -> None:
    never = threading.Event()
    bigquery.faults += [held(never)]
    with a_writer(bigquery, replace(QUICK, deadline=0.3)) as writer:
        (late,) = writer.append([a_row(1)]).result(WAIT)
        never.set()
        (after,) = writer.append([a_row(2)]).result(WAIT)

    assert isinstance(late, Postponed)
    assert "no answer" in late.reason
    assert after == CONFIRMED
    assert bigquery.tables["tweets"].rows.keys() == {"2"}


def test_a_server_that_is_away_costs_a_wait_and_no_row(bigquery: FakeBigQuery) -> None:
    with a_writer(bigquery, replace(QUICK, deadline=0.3)) as writer:
        bigquery.schema_faults += [Code.UNAVAILABLE]
        (refused,) = writer.append([a_row(1)]).result(WAIT)
        eventually(lambda: writer.append([a_row(1)]).result(WAIT) == [CONFIRMED])

    assert isinstance(refused, Postponed)
    assert not refused.setup


def test_rows_wait_for_a_server_that_restarts() -> None:
    fake = FakeBigQuery()
    with serving(fake):
        service = BigQuery(fake.endpoint)
        writer = Writer(service, TABLE, limits=replace(QUICK, deadline=30))
        before = writer.append([a_row(1)]).result(WAIT)
    appends = [writer.append([a_row(n)]) for n in range(2, 12)]
    with serving(fake):
        after = [append.result(WAIT) for append in appends]
        writer.close(timeout=1)
        service.close()

    assert before == [CONFIRMED]
    assert after == [[CONFIRMED]] * 10
    assert len(fake.tables["tweets"].rows) == 11


def test_an_idle_connection_is_closed_and_the_next_row_opens_another(
    bigquery: FakeBigQuery,
) -> None:
    witness = Witness()
    with a_writer(bigquery, replace(QUICK, idle=0.1), witness=witness) as writer:
        writer.append([a_row(1)]).result(WAIT)
        eventually(lambda: bigquery.ended == 1)
        outcomes = writer.append([a_row(2)]).result(WAIT)

    assert outcomes == [CONFIRMED]
    assert bigquery.connections == 2
    assert witness.causes == []


def test_no_more_is_in_flight_than_is_allowed(bigquery: FakeBigQuery) -> None:
    release = threading.Event()
    bigquery.faults += [held(release)]
    limits = replace(QUICK, in_flight_bytes=1_000)
    with a_writer(bigquery, limits) as writer, ThreadPoolExecutor(1) as pool:
        first = writer.append([a_row(1, text="x" * 900)])
        second = pool.submit(lambda: writer.append([a_row(2, text="y" * 900)]).result(WAIT))
        eventually(lambda: bigquery.requests)
        assert not second.done()
        assert len(bigquery.requests) == 1
        release.set()

        assert first.result(WAIT) == [CONFIRMED]
        assert second.result(WAIT) == [CONFIRMED]


# --- faults that a person has to mend


SETUP = {
    "permission": ended(Code.PERMISSION_DENIED, "bigquery.tables.updateData denied"),
    "unauthenticated": ended(Code.UNAUTHENTICATED),
    "not found": ended(Code.NOT_FOUND, "Requested entity was not found"),
    "no token": ended(Code.UNAVAILABLE, "Getting metadata from plugin failed with error: no token"),
    "permission, answered": error(7, "denied"),
    "not found, answered": error(5, "not found"),
    "no table, answered": error(3, "gone", StorageError.StorageErrorCode.TABLE_NOT_FOUND),
}


@pytest.mark.parametrize("fault", SETUP.values(), ids=SETUP)
def test_a_wrong_set_up_gives_rows_back_and_says_so_until_it_is_mended(
    bigquery: FakeBigQuery, writer: Writer, fault: Fault
) -> None:
    bigquery.faults += [fault]

    outcomes = writer.append([a_row(1), a_row(2)]).result(WAIT)
    at_once = writer.append([a_row(3)]).result(0.1)

    assert all(isinstance(one, Postponed) and one.setup for one in outcomes + at_once)
    assert len(bigquery.requests) == 1
    assert TABLE in (writer.fault() or "")
    eventually(lambda: writer.fault() is None)
    assert writer.append([a_row(1)]).result(WAIT) == [CONFIRMED]


def test_a_missing_table_is_a_wrong_set_up(bigquery: FakeBigQuery, writer: Writer) -> None:
    table = bigquery.tables.pop("tweets")

    (outcome,) = writer.append([a_row(1)]).result(WAIT)
    fault = writer.fault()
    bigquery.tables["tweets"] = table

    assert isinstance(outcome, Postponed)
    assert outcome.setup
    assert "not found" in str(fault)
    eventually(lambda: writer.fault() is None)


def test_a_table_that_takes_no_row_at_all_is_at_fault_and_not_its_rows(
    bigquery: FakeBigQuery, writer: Writer
) -> None:
    bigquery.spoils = lambda _row: True

    outcomes = writer.append([a_row(n) for n in range(8)]).result(WAIT)

    assert all(isinstance(one, Postponed) and one.setup for one in outcomes)
    assert "not understood" in (writer.fault() or "")


# --- the table changes


def test_a_new_column_takes_its_values_from_where_they_were_kept(
    bigquery: FakeBigQuery, writer: Writer
) -> None:
    writer.append([a_row(1, emoji="a")]).result(WAIT)
    bigquery.tables["tweets"].add_column("emoji", Type.STRING)
    writer.append([a_row(2, emoji="b")]).result(WAIT)

    eventually(
        lambda: (
            writer.append([a_row(3, emoji="c")]).result(WAIT)
            and bigquery.tables["tweets"].rows["3"] == {"tweet_id": "3", "emoji": "c"}
        )
    )
    assert bigquery.tables["tweets"].rows["1"] == {"tweet_id": "1", "extra": '{"emoji":"a"}'}


def test_a_column_that_is_gone_leaves_its_values_in_extra(
    bigquery: FakeBigQuery, writer: Writer
) -> None:
    writer.append([a_row(1, text="before")]).result(WAIT)
    tweets = bigquery.tables["tweets"]
    tweets.fields = [one for one in tweets.fields if one.name != "text"]
    bigquery.faults += [error(3, "Input schema has more fields than BigQuery", EXTRA_FIELDS)]

    outcomes = writer.append([a_row(2, text="after")]).result(WAIT)

    assert outcomes == [CONFIRMED]
    assert tweets.rows["2"] == {"tweet_id": "2", "extra": '{"text":"after"}'}


# --- the end


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_reader_that_ends_by_an_error_leaves_nobody_waiting_and_shows(
    bigquery: FakeBigQuery,
) -> None:
    class Broken(BigQuery):
        def append_rows(self, _stream: str, _requests: Iterator[Any]) -> Any:
            raise ZeroDivisionError

    service = Broken(bigquery.endpoint)
    writer = Writer(service, TABLE, limits=QUICK)

    outcomes = writer.append([a_row(1)]).result(WAIT)
    eventually(lambda: not writer.alive())
    after = writer.append([a_row(2)]).result(0)

    assert all(isinstance(one, Postponed) and one.setup for one in outcomes + after)
    assert "ended" in (writer.fault() or "")
    writer.close()
    service.close()


def test_closing_waits_for_what_is_in_flight(bigquery: FakeBigQuery) -> None:
    bigquery.delay = 0.2
    with a_writer(bigquery) as writer:
        append = writer.append([a_row(1)])

    assert append.result(0) == [CONFIRMED]


def test_what_has_no_answer_at_the_end_is_given_back(bigquery: FakeBigQuery) -> None:
    bigquery.faults += [held(threading.Event())]
    service = BigQuery(bigquery.endpoint)
    writer = Writer(service, TABLE, limits=QUICK)
    append = writer.append([a_row(1)])

    writer.close(timeout=0.1)

    assert append.result(0) == [Postponed("the loader is stopping")]
    assert writer.append([a_row(2)]).result(0) == [Postponed("the loader is stopping")]
    service.close()

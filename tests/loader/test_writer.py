"""The writer: each row's outcome is its own, whatever happens to the connection."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from fake_bigquery import FakeBigQuery, ended
from loader.outcome import CONFIRMED, Outcome, Refused
from loader.row import Row
from loader.writer import BigQuery, Limits, Writer

TABLE = "projects/p/datasets/d/tables/tweets"
QUICK = Limits(deadline=10, backoff=(0.01, 0.05), setup_backoff=(0.2, 0.4))
WAIT = 20


def a_row(tweet_id: object, **values: object) -> Row:
    return Row("tweets", {"tweet_id": str(tweet_id), **values}, "0/1/1")


@pytest.fixture
def writer(bigquery: FakeBigQuery) -> Iterator[Writer]:
    made = Writer(BigQuery(bigquery.endpoint), TABLE, limits=QUICK)
    yield made
    made.close(timeout=1)


def test_rows_are_confirmed_and_are_there(bigquery: FakeBigQuery, writer: Writer) -> None:
    outcomes = writer.append([a_row(1), a_row(2)]).result(WAIT)

    assert outcomes == [CONFIRMED, CONFIRMED]
    assert bigquery.tables["tweets"].rows.keys() == {"1", "2"}


def test_refused_rows_go_out_and_the_rest_is_written(
    bigquery: FakeBigQuery, writer: Writer
) -> None:
    bigquery.poison = lambda row: f"bad {row['tweet_id']}" if row["tweet_id"] in "13" else None

    outcomes = writer.append([a_row(n) for n in range(5)]).result(WAIT)

    assert outcomes == [CONFIRMED, Refused("bad 1"), CONFIRMED, Refused("bad 3"), CONFIRMED]
    assert bigquery.tables["tweets"].rows.keys() == {"0", "2", "4"}


def test_what_a_broken_connection_left_unanswered_is_sent_again(
    bigquery: FakeBigQuery, writer: Writer
) -> None:
    bigquery.faults += [ended(grpc.StatusCode.UNAVAILABLE), ended(grpc.StatusCode.ABORTED)]

    outcomes = writer.append([a_row(1)]).result(WAIT)

    assert outcomes == [CONFIRMED]
    assert bigquery.connections == 3


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

"""Failures on demand: each way in which BigQuery fails an append, or a call."""

import threading
import time
import urllib.error
from dataclasses import replace
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types

from contract.bigquery.clients import Stream, local, upsert
from tweetlog_local.bigquery import Running

STORAGE_ERRORS = types.StorageError.StorageErrorCode


def arm(server: Running, **rule: Any) -> dict[str, Any]:
    armed: dict[str, Any] = local(server, "/local/faults", rule)
    return armed


def ids(client: bigquery.Client, stream: Stream) -> list[int]:
    found = client.query_and_wait(f"SELECT id FROM {stream.table} ORDER BY id")
    return [row.id for row in found]


@pytest.mark.parametrize(
    ("code", "raised"),
    [
        ("UNAVAILABLE", exceptions.ServiceUnavailable),
        ("INTERNAL", exceptions.InternalServerError),
        ("ABORTED", exceptions.Aborted),
        ("RESOURCE_EXHAUSTED", exceptions.ResourceExhausted),
        ("PERMISSION_DENIED", exceptions.PermissionDenied),
        ("UNAUTHENTICATED", exceptions.Unauthenticated),
        ("NOT_FOUND", exceptions.NotFound),
        ("DEADLINE_EXCEEDED", exceptions.DeadlineExceeded),
        ("CANCELLED", exceptions.Cancelled),
    ],
)
@pytest.mark.parametrize(("when", "written"), [("before", []), ("after", [1])])
def test_a_call_ends_with_the_status_before_or_after_its_rows_are_written(
    faults: Running,
    client: bigquery.Client,
    plain: Stream,
    *,
    code: str,
    raised: type[Exception],
    when: str,
    written: list[int],
) -> None:
    arm(faults, kind="rpc", code=code, message="on purpose", when=when, table=plain.table)

    with pytest.raises(raised, match="on purpose"):
        plain.append([{"id": 1}])
    assert ids(client, plain) == written


def test_an_error_inside_the_stream_leaves_the_stream_open(
    faults: Running, client: bigquery.Client, plain: Stream
) -> None:
    arm(faults, kind="response", code="RESOURCE_EXHAUSTED", message="quota", count=1)
    first, second = plain.append([{"id": 1}], [{"id": 2}])

    assert (first.error.code, first.row_errors) == (8, [])
    assert "quota" in first.error.message
    assert not second.error.code
    assert ids(client, plain) == [2]


def test_an_error_may_carry_a_storage_error(faults: Running, plain: Stream) -> None:
    arm(
        faults,
        kind="response",
        code="INVALID_ARGUMENT",
        storage_error="SCHEMA_MISMATCH_EXTRA_FIELDS",
        count=1,
    )
    (response,) = plain.append([{"id": 1}])
    error = types.StorageError.deserialize(response.error.details[0].value)

    assert error.code == STORAGE_ERRORS.SCHEMA_MISMATCH_EXTRA_FIELDS
    assert error.entity == plain.name


def test_rows_are_refused_by_index(faults: Running, client: bigquery.Client, plain: Stream) -> None:
    arm(faults, kind="rows", indexes=[1, 7], message="poison", count=1)
    first, second = plain.append([{"id": 1}, {"id": 2}], [{"id": 3}, {"id": 4}])

    assert [(error.index, error.message) for error in first.row_errors] == [(1, "poison")]
    assert not second.error.code
    assert ids(client, plain) == [3, 4]


def test_rows_are_refused_by_value(faults: Running, client: bigquery.Client, keyed: Stream) -> None:
    arm(faults, kind="rows", column="id", value="13", message="poison")
    refused, written = keyed.append([upsert(id=12), upsert(id=13)], [upsert(id=12)])

    assert [error.index for error in refused.row_errors] == [1]
    assert not written.error.code
    assert ids(client, keyed) == [12]


def test_the_list_of_refused_rows_may_be_cut(faults: Running, plain: Stream) -> None:
    arm(faults, kind="rows", indexes=[0, 1, 2], listed=2)
    (refused,) = plain.append([{"id": 1}, {"id": 2}, {"id": 3}])

    assert [error.index for error in refused.row_errors] == [0, 1]


def test_rows_of_an_insert_all_are_refused_and_stop_the_others(
    faults: Running, client: bigquery.Client, plain: Stream
) -> None:
    arm(faults, kind="rows", column="id", value="13", message="poison", table=plain.table)
    answer = client.insert_rows_json(plain.table, [{"id": 12}, {"id": 13}])

    reasons = {one["index"]: one["errors"][0]["reason"] for one in answer}
    assert reasons == {0: "stopped", 1: "invalid"}
    assert ids(client, plain) == []


def test_only_what_is_larger_fails(faults: Running, client: bigquery.Client, plain: Stream) -> None:
    arm(faults, kind="response", code="INVALID_ARGUMENT", message="too large", larger_than=1_000)
    small, large = plain.append([{"id": 1}], [{"id": 2, "v": "x" * 1_000}])

    assert not small.error.code
    assert "too large" in large.error.message
    assert ids(client, plain) == [1]


def test_a_connection_without_requests_is_ended_as_inactive(
    faults: Running, client: bigquery.Client, plain: Stream
) -> None:
    arm(faults, kind="idle", seconds=0.2, table=plain.table)

    over = threading.Event()
    answers = plain.responses([plain.request([{"id": 1}])], open_until=over)
    assert not next(answers).error.code
    with pytest.raises(exceptions.Aborted, match="inactive for 600 seconds"):
        next(answers)
    over.set()
    assert ids(client, plain) == [1]


def test_a_new_column_is_not_known_to_appends_at_once(
    faults: Running, client: bigquery.Client, plain: Stream
) -> None:
    client.query_and_wait(f"ALTER TABLE {plain.table} ADD COLUMN mood STRING")
    arm(faults, kind="lag", column="mood", count=2)
    grown = replace(plain, fields={**plain.fields, "mood": "string"})
    answers = grown.append(*[[{"id": index, "mood": "good"}] for index in range(3)])
    error = types.StorageError.deserialize(answers[0].error.details[0].value)

    assert error.code == STORAGE_ERRORS.SCHEMA_MISMATCH_EXTRA_FIELDS
    assert [bool(answer.error.code) for answer in answers] == [True, True, False]
    assert ids(client, plain) == [2]


def test_asking_for_a_stream_fails(
    faults: Running, writer: BigQueryWriteClient, plain: Stream
) -> None:
    method = "GetWriteStream"
    arm(faults, kind="rpc", method=method, code="PERMISSION_DENIED", message="no", count=1)

    with pytest.raises(exceptions.PermissionDenied, match="no"):
        writer.get_write_stream(name=plain.name)
    assert writer.get_write_stream(name=plain.name).name == plain.name
    assert not plain.append([{"id": 1}])[0].error.code


def test_a_stalled_answer_comes_late(
    faults: Running, client: bigquery.Client, plain: Stream
) -> None:
    arm(faults, kind="stall", seconds=0.5, count=1)
    started = time.monotonic()
    plain.append([{"id": 1}])

    assert time.monotonic() - started >= 0.5
    assert ids(client, plain) == [1]


@pytest.mark.parametrize(("when", "written"), [("before", []), ("after", [1])])
def test_a_stream_is_closed_without_an_answer(
    faults: Running, client: bigquery.Client, plain: Stream, when: str, written: list[int]
) -> None:
    arm(faults, kind="close", when=when)

    assert plain.append([{"id": 1}], [{"id": 2}]) == []
    assert ids(client, plain)[:1] == written


def test_a_rule_fires_as_often_as_it_says(faults: Running, plain: Stream) -> None:
    arm(faults, kind="response", count=2)
    responses = plain.append(*[[{"id": index}] for index in range(4)])

    assert [bool(response.error.code) for response in responses] == [True, True, False, False]
    (shown,) = local(faults, "/local/faults")["faults"]
    assert (shown["asked"], shown["fired"]) == (4, 2)


def test_a_seed_repeats_the_same_failures(faults: Running, plain: Stream) -> None:
    def failures() -> list[bool]:
        armed = arm(faults, kind="response", probability=0.5, seed=7)
        responses = plain.append(*[[{"id": index}] for index in range(20)])
        local(faults, f"/local/faults/{armed['id']}", method="DELETE")
        return [bool(response.error.code) for response in responses]

    first = failures()

    assert failures() == first
    assert 0 < sum(first) < 20


def test_a_rule_for_another_table_does_not_fire(faults: Running, plain: Stream) -> None:
    arm(faults, kind="rpc", table="elsewhere.t")
    (response,) = plain.append([{"id": 1}])

    assert not response.error.code


def test_a_rest_call_fails_by_its_path(
    faults: Running, client: bigquery.Client, dataset: str
) -> None:
    arm(faults, kind="http", code=403, message="no", path=f"/datasets/{dataset}")
    with pytest.raises(exceptions.Forbidden, match="no"):
        client.get_dataset(dataset)

    local(faults, "/local/faults", method="DELETE")
    assert client.get_dataset(dataset).dataset_id == dataset


def test_a_rest_call_that_fails_for_a_while_is_retried_by_the_client(
    faults: Running, client: bigquery.Client
) -> None:
    arm(faults, kind="http", code=503, path="/queries", count=1)

    assert [row.a for row in client.query_and_wait("SELECT 1 AS a")] == [1]


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"kind": "nope"}, "kind is one of"),
        ({"kind": "rpc", "code": "NOPE"}, "code is one of"),
        ({"kind": "rpc", "kode": "ABORTED"}, "has no kode"),
        ({"kind": "rows"}, "says which"),
        ({"kind": "http", "code": "x"}, "HTTP status"),
        ({"kind": "lag"}, "which column"),
        ({"kind": "rpc", "method": "Nope"}, "method is one of"),
        ({"kind": "rows", "indexes": [1], "method": "GetWriteStream"}, "method is one of"),
        ({"kind": "rpc", "when": "later"}, "before or after"),
        ({"kind": "rpc", "probability": 2}, "between 0 and 1"),
        ({"kind": "response", "storage_error": "X"}, "storage_error is one of"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(
    faults: Running, rule: dict[str, Any], reason: str
) -> None:
    answer = failing(faults, rule)

    assert reason in answer
    assert local(faults, "/local/faults")["faults"] == []


def failing(server: Running, rule: dict[str, Any]) -> str:
    with pytest.raises(urllib.error.HTTPError) as failure:
        local(server, "/local/faults", rule)
    return failure.value.read().decode()


@pytest.fixture
def counted(keyed: Stream) -> Stream:
    keyed.append([upsert(id=1), upsert(id=2)], [{"v": "bad"}])
    return keyed


def test_stats_tell_what_a_table_received(server: Running, counted: Stream) -> None:
    shown = local(server, "/local/stats")["tables"][counted.table]

    assert {name: shown[name] for name in ("rows", "appends", "rows_appended", "upserts")} == {
        "rows": 2,
        "appends": 1,
        "rows_appended": 2,
        "upserts": 2,
    }
    assert (shown["deletes"], shown["refused"]) == (0, 1)
    assert shown["bytes"] > 0


def test_rows_can_be_taken_for_ones_in_the_streaming_buffer(
    faults: Running, client: bigquery.Client, plain: Stream
) -> None:
    plain.append([{"id": 1}])
    arm(faults, kind="streaming", table=plain.table, count=1)

    with pytest.raises(exceptions.BadRequest, match="rows in the streaming buffer"):
        client.query_and_wait(f"DELETE FROM {plain.table} WHERE id = 1")
    client.query_and_wait(f"DELETE FROM {plain.table} WHERE id = 1")
    assert ids(client, plain) == []

"""How fast the embedded BigQuery takes rows and answers queries, on this machine.

Starts a server, writes tweet-like rows with Google's generated client over gRPC, and queries
through google-cloud-bigquery. Every figure is the median of `--rounds` interleaved rounds.
"""

import argparse
import json
import resource
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pyarrow as pa
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types
from google.cloud.bigquery_storage_v1.services.big_query_write.transports import (
    BigQueryWriteGrpcTransport,
)
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from tweetlog_local.bigquery import Running, running

PROJECT = "bench"
Kind = descriptor_pb2.FieldDescriptorProto
STRINGS = (
    "author_id",
    "author_username",
    "conversation_id",
    "kind",
    "reply_to_id",
    "quoted_id",
    "language",
    "language_source",
    "x_lang",
    "country",
    "client",
    "event_id",
    "text",
)
INTEGERS = (
    "like_count",
    "retweet_count",
    "reply_count",
    "quote_count",
    "enricher_version",
    "schema_version",
)
TIMES = ("created_at", "received_at", "loaded_at")
COLUMNS = ", ".join(
    [
        "tweet_id STRING NOT NULL",
        *(f"{name} STRING" for name in STRINGS),
        *(f"{name} INT64" for name in INTEGERS),
        *(f"{name} TIMESTAMP" for name in TIMES),
        "hashtags ARRAY<STRUCT<tag STRING, start INT64, `end` INT64>>",
        "urls ARRAY<STRUCT<url STRING, host STRING>>",
    ]
)
ARROW = pa.schema(
    [
        *((name, pa.string()) for name in ("tweet_id", *STRINGS)),
        *((name, pa.int64()) for name in INTEGERS),
        *((name, pa.timestamp("us", tz="UTC")) for name in TIMES),
        (
            "hashtags",
            pa.list_(pa.struct({"tag": pa.string(), "start": pa.int64(), "end": pa.int64()})),
        ),
        ("urls", pa.list_(pa.struct({"url": pa.string(), "host": pa.string()}))),
    ]
)
EXAMPLE = """example:
  python bench/bigquery.py --rows 20000 --rounds 5
"""
QUERIES = {
    "SELECT 1": "SELECT 1 AS a",
    "count": "SELECT COUNT(*) AS n FROM b.tweets",
    "by language": "SELECT language, COUNT(*) AS n, COUNT(DISTINCT author_id) AS authors "
    "FROM b.tweets GROUP BY language ORDER BY n DESC",
    "hashtags": "SELECT h.tag, COUNT(*) AS n FROM b.tweets, UNNEST(hashtags) AS h "
    "GROUP BY h.tag ORDER BY n DESC LIMIT 10",
    "one row": "SELECT * FROM b.tweets WHERE tweet_id = '1500000000000000007'",
}


def descriptor(*pseudo_columns: str) -> descriptor_pb2.DescriptorProto:
    """Return the descriptor of a row."""
    row = descriptor_pb2.DescriptorProto(name="Row")
    for name in ("tweet_id", *STRINGS, *pseudo_columns):
        _add(row, name, Kind.TYPE_STRING)
    for name in (*INTEGERS, *TIMES):
        _add(row, name, Kind.TYPE_INT64)
    for name, parts in (("hashtags", ("tag", "start", "end")), ("urls", ("url", "host"))):
        part = row.nested_type.add(name=name.title())
        for item in parts:
            _add(part, item, Kind.TYPE_INT64 if item in ("start", "end") else Kind.TYPE_STRING)
        field = row.field.add(name=name, number=len(row.field) + 1, type=Kind.TYPE_MESSAGE, label=3)
        field.type_name = name.title()
    return row


def _add(message: descriptor_pb2.DescriptorProto, name: str, kind: int) -> None:
    message.field.add(name=name, number=len(message.field) + 1, type=kind, label=1)


PLAIN = descriptor()
CHANGE = descriptor("_CHANGE_TYPE", "_CHANGE_SEQUENCE_NUMBER")


def message_class(described: descriptor_pb2.DescriptorProto) -> type[Any]:
    """Return the class of a row."""
    pool = descriptor_pool.DescriptorPool()
    pool.Add(descriptor_pb2.FileDescriptorProto(name="bench", message_type=[described]))
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("Row"))


def values(index: int) -> dict[str, Any]:
    """Return what the columns of a row hold."""
    return {
        **{name: f"{name}-{index % 977}" for name in STRINGS},
        "tweet_id": str(1_500_000_000_000_000_000 + index),
        "text": "a tweet of some length that says hardly anything #python #pubsub " * 2,
        "language": ("en", "de", "ja", "es")[index % 4],
        "hashtags": [{"tag": f"tag{index % 50}", "start": 1, "end": 8}] * 2,
        "urls": [{"url": "https://example.com/a", "host": "example.com"}],
        **dict.fromkeys(INTEGERS, index % 1000),
        **dict.fromkeys(TIMES, time.time_ns() // 1000),
    }


def rows(first: int, count: int, *, changes: bool) -> list[bytes]:
    """Return serialized rows of about 450 bytes, with ids from `first` on."""
    message = message_class(CHANGE if changes else PLAIN)
    made = []
    for index in range(first, first + count):
        row = message(**values(index))
        if changes:
            row._CHANGE_TYPE = "UPSERT"  # noqa: SLF001 (the pseudo-column's name)
            row._CHANGE_SEQUENCE_NUMBER = f"1/{index:x}"  # noqa: SLF001 (as above)
        made.append(row.SerializeToString())
    return made


@dataclass(frozen=True)
class Bench:
    """A server, and the clients that load it."""

    server: Running
    client: bigquery.Client
    writer: BigQueryWriteClient

    def table(self, name: str, *, key: bool) -> str:
        """Create a table anew; return its default stream."""
        constraint = ", PRIMARY KEY (tweet_id) NOT ENFORCED" if key else ""
        self.client.query_and_wait(f"CREATE OR REPLACE TABLE b.{name} ({COLUMNS}{constraint})")
        return f"projects/{PROJECT}/datasets/b/tables/{name}/streams/_default"

    def append(
        self, stream: str, batches: Sequence[Sequence[bytes]], *, plain: bool = False
    ) -> None:
        """Append batches on one connection, pipelined."""
        self._send(_requests(stream, batches, PLAIN if plain else CHANGE))

    def append_arrow(self, stream: str, batches: Sequence[bytes]) -> None:
        """Append record batches on one connection, pipelined."""
        self._send(_in_arrow(stream, batches))

    def _send(self, requests: Iterator[types.AppendRowsRequest]) -> None:
        for response in self.writer.append_rows(requests, retry=None, timeout=300):
            if response.error.code:
                raise SystemExit(f"refused: {response}")

    def seconds(self, query: str) -> float:
        """Return how long a query takes."""
        started = time.perf_counter()
        list(self.client.query_and_wait(query))
        return time.perf_counter() - started

    def memory(self) -> float:
        """Return the server's resident memory in MB."""
        text = Path(f"/proc/{self.server.process.pid}/status").read_text(encoding="utf-8")
        line = next(line for line in text.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024


def _requests(
    stream: str,
    batches: Sequence[Sequence[bytes]],
    described: descriptor_pb2.DescriptorProto = CHANGE,
) -> Iterator[types.AppendRowsRequest]:
    for batch in batches:
        data = types.AppendRowsRequest.ProtoData(
            writer_schema=types.ProtoSchema(proto_descriptor=described),
            rows=types.ProtoRows(serialized_rows=batch),
        )
        yield types.AppendRowsRequest(write_stream=stream, proto_rows=data)


def _in_arrow(stream: str, batches: Sequence[bytes]) -> Iterator[types.AppendRowsRequest]:
    schema = types.ArrowSchema(serialized_schema=ARROW.serialize().to_pybytes())
    for batch in batches:
        rows_of_it = types.ArrowRecordBatch(serialized_record_batch=batch)
        data = types.AppendRowsRequest.ArrowData(writer_schema=schema, rows=rows_of_it)
        yield types.AppendRowsRequest(write_stream=stream, arrow_rows=data)


def record_batches(count: int, size: int) -> list[bytes]:
    """Return the rows of `values` as serialized record batches."""
    return [
        pa.RecordBatch.from_pylist([values(n) for n in range(at, min(at + size, count))], ARROW)
        .serialize()
        .to_pybytes()
        for at in range(0, count, size)
    ]


def batched(data: Sequence[bytes], size: int) -> list[Sequence[bytes]]:
    """Return the rows in batches."""
    return [data[start : start + size] for start in range(0, len(data), size)]


def rate(work: Callable[[], None], count: int) -> float:
    """Return rows a second."""
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


def append_rates(bench: Bench, count: int) -> dict[str, float]:
    """Return rows a second of each way of appending."""
    changing, plain = rows(0, count, changes=True), rows(0, count, changes=False)
    in_arrow = record_batches(count, 500)
    few = changing[: max(200, count // 50)]
    keyed = bench.table("tweets", key=True)
    found = {
        "upserts, 500 an append, new keys": rate(
            lambda: bench.append(keyed, batched(changing, 500)), count
        ),
        "the same again (a replay)": rate(
            lambda: bench.append(keyed, batched(changing, 500)), count
        ),
    }
    unkeyed = bench.table("plain", key=False)
    several = bench.table("several", key=True)
    found["upserts, 50 an append, 4 connections"] = rate(
        lambda: at_once(bench, several, batched(changing, 50), 4), count
    )
    found["plain rows, 500 an append"] = rate(
        lambda: bench.append(unkeyed, batched(plain, 500), plain=True), count
    )
    arrow = bench.table("arrow", key=False)
    found["the same in Arrow"] = rate(lambda: bench.append_arrow(arrow, in_arrow), count)
    single = bench.table("single", key=True)
    found["upserts, 1 an append, 8 connections"] = rate(
        lambda: at_once(bench, single, batched(few, 1), 8), len(few)
    )
    return found


def at_once(bench: Bench, stream: str, batches: Sequence[Sequence[bytes]], workers: int) -> None:
    """Append from several connections."""
    with ThreadPoolExecutor(workers) as pool:
        parts = [batches[worker::workers] for worker in range(workers)]
        list(pool.map(lambda part: bench.append(stream, part), parts))


def latencies(bench: Bench) -> dict[str, float]:
    """Return milliseconds of single appends, and of each query alone and under appends."""
    stream = bench.table("latency", key=True)
    batch = rows(0, 1, changes=True)
    found = {"append of 1 row, one after another": _pace(bench, stream, batch)}
    for name, query in QUERIES.items():
        bench.seconds(query)
        found[f"query: {name}"] = bench.seconds(query) * 1000
    stop = threading.Event()
    load = threading.Thread(target=_load, args=(bench, stop))
    load.start()
    for name in ("SELECT 1", "by language"):
        found[f"query: {name}, during appends"] = bench.seconds(QUERIES[name]) * 1000
    stop.set()
    load.join()
    return found


def _pace(bench: Bench, stream: str, batch: Sequence[bytes]) -> float:
    """Return the median of appends that wait for each other."""
    times: list[float] = []
    asked = [0.0]

    def requests() -> Iterator[types.AppendRowsRequest]:
        for _ in range(100):
            answered.wait()
            answered.clear()
            asked[0] = time.perf_counter()
            yield from _requests(stream, [batch])

    answered = threading.Event()
    answered.set()
    for _ in bench.writer.append_rows(requests(), retry=None, timeout=60):
        times.append((time.perf_counter() - asked[0]) * 1000)
        answered.set()
    return statistics.median(times)


def _load(bench: Bench, stop: threading.Event) -> None:
    stream = bench.table("load", key=True)
    data = batched(rows(0, 5000, changes=True), 500)
    while not stop.is_set():
        bench.append(stream, data)


def growth(bench: Bench, folder: Path, count: int) -> list[tuple[int, float, float]]:
    """Return rows, memory and file size in MB, while a table of `count` grows and is replayed."""
    stream = bench.table("growth", key=True)
    found = []
    for first in [*range(0, count, count // 4), *range(0, count, count // 2)]:
        bench.append(stream, batched(rows(first, count // 4, changes=True), 500))
        size = sum(file.stat().st_size for file in folder.glob("warehouse.duckdb*")) / 2**20
        (row,) = bench.client.query_and_wait("SELECT COUNT(*) AS n FROM b.growth")
        found.append((row.n, bench.memory(), size))
    return found


def arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=20_000, help="a round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument(
        "--grow", type=int, default=0, help="also watch a table of so many rows grow"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args()


def medians(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the median of each figure."""
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}


def main() -> None:
    """Run the rounds and print the figures."""
    given = arguments()
    folder = Path(tempfile.mkdtemp())
    started = time.perf_counter()
    with running(folder, project=PROJECT) as server:
        start = time.perf_counter() - started
        bench = Bench(server, _client(server), _writer(server))
        bench.client.create_dataset("b")
        rates, times = [], []
        for _ in range(given.rounds):
            rates.append(append_rates(bench, given.rows))
            times.append(latencies(bench))
        grown = growth(bench, folder, given.grow) if given.grow else []
        figures = {
            "start, seconds": start,
            "rows a second": medians(rates),
            "milliseconds": medians(times),
            "server's memory, MB": bench.memory(),
            "growth: rows, memory MB, file MB": grown,
        }
    shutil.rmtree(folder)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    figures["server's CPU, seconds"] = used.ru_utime + used.ru_stime
    show(figures, as_json=given.json)


def show(figures: dict[str, Any], *, as_json: bool) -> None:
    """Print the figures."""
    if as_json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        if isinstance(value, dict):
            print(name)
            for each, number in value.items():
                print(f"  {each:<42}{number:>10,.1f}")
        elif isinstance(value, list):
            print(name)
            for row in value:
                print("  " + "".join(f"{number:>12,.0f}" for number in row))
        else:
            print(f"{name:<44}{value:>10,.1f}")


def _client(server: Running) -> bigquery.Client:
    return bigquery.Client(
        project=PROJECT,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": server.rest},
    )


def _writer(server: Running) -> BigQueryWriteClient:
    transport = BigQueryWriteGrpcTransport(channel=grpc.insecure_channel(server.grpc))
    return BigQueryWriteClient(transport=transport)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()

"""How fast the loader is: its encoder, its two entrances into the embedded BigQuery, one append.

Example: python bench/load.py --rounds 3
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery as rest
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient

from loader.row import Row, rows
from loader.schema import Encoder
from loader.writer import BigQuery, Writer
from tweetlog import events
from tweetlog.delivery import Delivery, encode
from tweetlog.envelope import Envelope
from tweetlog_local import bigquery, pubsub

ROOT = Path(__file__).resolve().parent.parent
TABLES_SQL = ROOT / "warehouse" / "tables.sql"
PROJECT = "tweetlog-local"
TOPIC = f"projects/{PROJECT}/topics/tweets-enriched"
SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/tweets-enriched-loader"
TABLE = f"projects/{PROJECT}/datasets/tweetlog/tables/tweets"
# Three times, two arrays of structs, an array of texts, and what else a report reads.
NARROW: tuple[str, ...] = ("tweet_id", "created_at", "received_at", "loaded_at", "text", "partial")
NARROW += ("author_id", "author_username", "conversation_id", "kind", "language", "x_lang")
NARROW += ("language_confidence", "language_source", "hashtags", "mentions", "media", "event_id")
NARROW += ("like_count", "retweet_count", "reply_count", "possibly_sensitive", "raw_event_id")
NARROW += ("enricher_version", "schema_version")
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def an_event(number: int) -> Envelope:
    """Return an enriched event with the columns and the raw payload of an ordinary tweet."""
    tweet_id = str(1_590_000_000_000_000_000 + number)
    text = "Reading #BigQuery and #PubSub notes with @somebody, see https://t.co/abcdefghij 🚀"
    raw = {
        "data": {
            "id": tweet_id,
            "text": text,
            "author_id": "2244994945",
            "conversation_id": tweet_id,
            "created_at": "2026-01-31T11:59:00.000Z",
            "lang": "en",
            "public_metrics": {"like_count": 3, "retweet_count": 1, "reply_count": 0},
            "entities": {"hashtags": [{"tag": "BigQuery", "start": 8, "end": 17}]},
        },
        "includes": {"users": [{"id": "2244994945", "username": "somebody", "name": "Some Body"}]},
        "matching_rules": [{"id": "1166916266197536768", "tag": "tweetlog/data"}],
    }
    data = {
        "tweet_id": tweet_id,
        "created_at": "2026-01-31T11:59:00.000Z",
        "received_at": "2026-01-31T11:59:01.000Z",
        "text": text,
        "partial": False,
        "author_id": "2244994945",
        "author_username": "somebody",
        "conversation_id": tweet_id,
        "kind": "original",
        "reply_to_id": None,
        "language": "en",
        "language_confidence": 0.98,
        "language_source": "detector",
        "x_lang": "en",
        "hashtags": [
            {"tag": "BigQuery", "folded": "bigquery", "start": 8, "end": 17},
            {"tag": "PubSub", "folded": "pubsub", "start": 22, "end": 29},
        ],
        "mentions": [{"username": "somebody", "user_id": None, "start": 41, "end": 50}],
        "cashtags": [],
        "urls": [{"url": "https://t.co/abcdefghij", "host": "t.co", "start": 56, "end": 79}],
        "media": [],
        "like_count": 3,
        "retweet_count": 1,
        "reply_count": 0,
        "possibly_sensitive": False,
        "rules": [{"id": "1166916266197536768", "tag": "tweetlog/data"}],
        "raw_event_id": tweet_id,
        "enricher_version": 1,
        "schema_version": 1,
        "_CHANGE_TYPE": "UPSERT",
        "_CHANGE_SEQUENCE_NUMBER": events.sequence(version=1, observed=NOW),
        "raw": raw,
    }
    return events.enriched(
        events.received(tweet_id, json.dumps(raw).encode()), json.dumps(data).encode(), version=1
    )


def made_rows(deliveries: list[Delivery]) -> list[Row]:
    """Return the rows of the deliveries."""
    return [row for delivery in deliveries for row in rows(delivery, loaded_at=NOW)]


def rate(
    work: Callable[[], object], count: int, clock: Callable[[], float] = time.monotonic
) -> float:
    """Return how many a second `work` does, doing `count`."""
    start = clock()
    work()
    return count / (clock() - start)


def bench_encoder(service: BigQuery, count: int) -> dict[str, float]:
    """Rows a second of one core: the row from the event, its bytes, and the bare message class."""
    deliveries = [Delivery(an_event(n), publish_time=NOW) for n in range(count)]
    encoder = Encoder(service.schema(f"{TABLE}/streams/_default"), changes=True)
    made = made_rows(deliveries)
    fields = [encoder.fields(row) for row in made]
    narrow = [replace(row, values={k: row.values[k] for k in NARROW}) for row in made]
    message = encoder.message
    cpu = time.process_time
    return {
        f"row of {len(NARROW)} columns to bytes": rate(
            lambda: [encoder.encode(row) for row in narrow], count, cpu
        ),
        "event to row": rate(lambda: made_rows(deliveries), count, cpu),
        f"row of {len(made[0].values)} columns to bytes": rate(
            lambda: [encoder.encode(row) for row in made], count, cpu
        ),
        "the same by the message class alone": rate(
            lambda: [message(**one).SerializeToString() for one in fields], count, cpu
        ),
    }


def bench_appends(service: BigQuery, count: int, rows_each: int) -> dict[str, float]:
    """Rows a second of pipelined appends, and the latency of single ones, in milliseconds."""
    writer = Writer(service, TABLE)
    made = made_rows([Delivery(an_event(n), publish_time=NOW) for n in range(count)])
    pieces = [made[n : n + rows_each] for n in range(0, count, rows_each)]
    writer.append(made[:1]).result()

    def pipelined() -> None:
        for outcome in [writer.append(piece) for piece in pieces]:
            outcome.result()

    result = {f"rows/s, {rows_each} rows an append": rate(pipelined, count)}
    latencies = []
    for piece in pieces[:20]:
        start = time.monotonic()
        writer.append(piece).result()
        latencies.append(1000 * (time.monotonic() - start))
    result[f"ms an append of {rows_each} rows"] = statistics.median(latencies)
    latencies = []
    for row in made[:50]:
        start = time.monotonic()
        writer.append([row]).result()
        latencies.append(1000 * (time.monotonic() - start))
    result["ms an append of 1 row"] = statistics.median(latencies)
    writer.close()
    return result


@contextmanager
def a_loader(entrance: str, write_endpoint: str, broker: str) -> Iterator[tuple[int, int]]:
    """Run a loader and yield its port and its process id."""
    environ = {
        **os.environ,
        "TWEETLOG_PROJECT": PROJECT,
        "TWEETLOG_BIGQUERY_WRITE_ENDPOINT": write_endpoint,
        "PUBSUB_EMULATOR_HOST": broker,
        "HOST": "127.0.0.1",
        "PORT": "0",
    }
    command = [sys.executable, "-m", "loader", entrance]
    process = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True)
    try:
        port, lines = 0, iter(process.stderr or ())
        for line in lines:
            message = json.loads(line)["message"]
            port = int(message.rsplit(":", 1)[1]) if " on 127.0.0.1:" in message else port
            if message == "ready":
                break
        threading.Thread(target=lambda: list(lines), daemon=True).start()
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def loaded(port: int) -> float:
    """Return how many rows of tweets the loader counts as confirmed."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as response:
        for line in response.read().decode().splitlines():
            if line.startswith('tweetlog_loader_rows_total{change="upsert",table="tweets"}'):
                return float(line.split()[-1])
    return 0.0


def bench_push(port: int, process: int, count: int, connections: int) -> dict[str, float]:
    """Deliveries a second of the push entrance, over so many connections, and its CPU for each."""
    bodies = [encode(an_event(n)) for n in range(count)]

    def some(first: int) -> int:
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        good = 0
        for data, attributes in bodies[first::connections]:
            connection.request("POST", "/", data, attributes)
            response = connection.getresponse()
            response.read()
            good += response.status == 204  # noqa: PLR2004 - No Content
        return good

    def everything() -> None:
        with ThreadPoolExecutor(connections) as pool:
            good = sum(pool.map(some, range(connections)))
        if good != count:
            raise SystemExit(f"only {good} of {count} deliveries were acknowledged")

    before = cpu_seconds(process)
    found = {f"deliveries/s over {connections} connections": rate(everything, count)}
    return found | {"us of its CPU a delivery": 1e6 * (cpu_seconds(process) - before) / count}


def bench_pull(
    write_endpoint: str, broker: str, publisher: PublisherClient, count: int
) -> dict[str, float]:
    """Rows a second of the pull entrance, from the first loaded to the last, and CPU for each."""
    messages = [encode(an_event(n)) for n in range(count)]
    for future in [publisher.publish(TOPIC, data, **more) for data, more in messages]:
        future.result()
    with a_loader("pull", write_endpoint, broker) as (port, process):
        while loaded(port) == 0:
            time.sleep(0.005)
        start, already, before = time.monotonic(), loaded(port), cpu_seconds(process)
        while loaded(port) < count:
            time.sleep(0.02)
        more = count - already
        return {
            "rows/s": more / (time.monotonic() - start),
            "us of its CPU a row": 1e6 * (cpu_seconds(process) - before) / more,
        }


def family(parent: int) -> list[str]:
    """Return the ids of a process and its children (Linux)."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [str(parent), *children]


def cpu_seconds(parent: int) -> float:
    """Return the CPU time of a process and its children."""
    ticks = 0
    for process in family(parent):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])  # utime and stime, proc(5)
    return ticks / os.sysconf("SC_CLK_TCK")


def resident(parent: int) -> float:
    """Return the memory of a process and its children, in MB."""
    total = 0
    for process in family(parent):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            total += int(line.split()[1]) if line.startswith("VmRSS") else 0
    return total / 1000


def soak(write_endpoint: str, broker: str, seconds: int, connections: int) -> None:
    """Push for so long and print the loader's memory ten times on the way."""
    with a_loader("push", write_endpoint, broker) as (port, process):
        start = time.monotonic()
        for tenth in range(1, 11):
            while time.monotonic() < start + seconds * tenth / 10:
                bench_push(port, process, 20 * connections, connections)
            show("soak", {f"MB after {seconds * tenth / 10:.0f} s": resident(process)})
        show("soak", {"rows": loaded(port)})


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of each figure."""
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def show(title: str, figures: dict[str, float]) -> None:
    """Print the figures."""
    for name, value in figures.items():
        shown = f"{value:12,.1f}" if value < 1000 else f"{value:12,.0f}"  # noqa: PLR2004 - four digits say enough
        print(f"{title:10} {name:40} {shown}")


def make_warehouse(server: bigquery.Running) -> None:
    """Make the warehouse's tables."""
    client = rest.Client(
        PROJECT,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options=ClientOptions(api_endpoint=server.rest),
    )
    client.create_dataset("tweetlog")
    client.query_and_wait(TABLES_SQL.read_text())


def make_topology(broker: str) -> PublisherClient:
    """Make the topic and its subscription; return the publisher."""
    os.environ["PUBSUB_EMULATOR_HOST"] = broker
    publisher = PublisherClient()
    publisher.create_topic(name=TOPIC)
    with SubscriberClient() as subscriber:
        subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC, ack_deadline_seconds=60)
    return publisher


def main() -> None:
    """Run the benches that were asked for and print medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = ["encoder", "appends", "push", "pull"]
    parser.add_argument("--only", choices=names, action="append", help="one of the benches")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is run (3)")
    parser.add_argument("--rows", type=int, default=20_000, help="rows of a round (20000)")
    parser.add_argument("--pushes", type=int, default=4_000, help="pushes of a round (4000)")
    parser.add_argument("--connections", type=int, default=64, help="pushes at once (64)")
    parser.add_argument("--soak", type=int, default=0, help="push for so many seconds instead")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        data = Path(folder)
        server = stack.enter_context(bigquery.running(data / "bigquery", project=PROJECT))
        broker = stack.enter_context(pubsub.running(data / "pubsub")).address
        make_warehouse(server)
        publisher = make_topology(broker)
        run(options, server.grpc, broker, publisher)


def run(options: Any, write_endpoint: str, broker: str, publisher: PublisherClient) -> None:
    """Run the benches against servers that are up."""
    if options.soak:
        soak(write_endpoint, broker, options.soak, options.connections)
        return
    wanted = options.only or ["encoder", "appends", "push", "pull"]
    rounds = range(options.rounds)
    service = BigQuery(write_endpoint)
    if "encoder" in wanted:
        show("encoder", medians([bench_encoder(service, options.rows) for _ in rounds]))
    if "appends" in wanted:
        show("appends", medians([bench_appends(service, options.rows, 500) for _ in rounds]))
    if "push" in wanted:
        with a_loader("push", write_endpoint, broker) as (port, process):
            push = [port, process, options.pushes, options.connections]
            found = [bench_push(*push) for _ in range(options.rounds + 1)][1:]  # the first warms up
        show("push", medians(found))
    if "pull" in wanted:
        found = [bench_pull(write_endpoint, broker, publisher, options.rows) for _ in rounds]
        show("pull", medians(found))


if __name__ == "__main__":
    main()

"""How fast the embedded Pub/Sub is, through the real client, and what a backlog costs.

Every figure is the median of a few rounds on whatever machine runs this; client, server and
endpoint share its cores, so compare figures of one run with each other.
"""

import argparse
import asyncio
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import grpc
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.cloud.pubsub_v1.types import BatchSettings
from google.pubsub_v1 import types
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from tweetlog_local.pubsub import running

DATA = b"x" * 2048
ATTRIBUTES = {
    "ce-specversion": "1.0",
    "ce-id": "1790000000000000000",
    "ce-type": "tweetlog.tweet.received.v1",
    "ce-source": "//api.x.com/2/tweets/search/stream",
    "ce-time": "2026-11-22T15:35:43.850Z",
    "ce-subject": "1790000000000000000",
    "content-type": "application/json",
}
NUMBERS = count(1)
Counter = Any  # an int that processes share
EXAMPLE = """examples:
  python bench/pubsub.py --rounds 3
  python bench/pubsub.py --backlog 1000000
  python bench/pubsub.py --address 127.0.0.1:8085 --rounds 1 --messages 2000"""
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Clients:
    """The real clients against one server."""

    publisher: Any
    subscriber: Any

    @classmethod
    def of(cls, address: str) -> "Clients":
        """Connect."""
        return cls(
            PublisherClient(
                batch_settings=BatchSettings(max_messages=100),
                transport=PublisherGrpcTransport(channel=grpc.insecure_channel(address)),
            ),
            SubscriberClient(
                transport=SubscriberGrpcTransport(channel=grpc.insecure_channel(address))
            ),
        )

    def topic(self) -> str:
        """A new topic."""
        name = f"projects/bench/topics/topic-{next(NUMBERS)}"
        self.publisher.create_topic(name=name)
        return name

    def subscription(self, topic: str, **properties: Any) -> str:
        """A new subscription."""
        name = f"projects/bench/subscriptions/subscription-{next(NUMBERS)}"
        self.subscriber.create_subscription(request={"name": name, "topic": topic, **properties})
        return name

    def publish(self, topic: str, number: int) -> None:
        """Publish one by one and wait for all, as a service does."""
        futures = [self.publisher.publish(topic, DATA, **ATTRIBUTES) for _ in range(number)]
        for future in futures:
            future.result(timeout=120)

    def fill(self, topic: str, number: int) -> None:
        """Publish in requests of 500: the quick way to a backlog."""
        message = types.PubsubMessage(data=DATA, attributes=ATTRIBUTES)
        request = types.PublishRequest(topic=topic, messages=[message] * 500)
        for _ in range(number // 500):
            self.publisher.transport.publish(request)


class Sink(asyncio.Protocol):
    """The least an endpoint can do: count requests, answer 204, perhaps a little later."""

    def __init__(self, counter: Counter, seconds: float) -> None:
        self._counter = counter
        self._seconds = seconds
        self._data = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember whom to answer."""
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        """Answer each whole request."""
        self._data += data
        while (length := self._whole()) is not None:
            del self._data[:length]
            self._counter.value += 1
            asyncio.get_running_loop().call_later(self._seconds, self._transport.write, ANSWER)

    def _whole(self) -> int | None:
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = bytes(self._data[:end]).lower()
        body = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        return end + 4 + body if len(self._data) >= end + 4 + body else None


def serve_sink(port: Any, counter: Counter, seconds: float) -> None:
    """Run an endpoint until the process is ended."""

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(
            lambda: Sink(counter, seconds), "127.0.0.1", 0
        )
        port.value = server.sockets[0].getsockname()[1]
        await server.serve_forever()

    asyncio.run(serve())


@contextmanager
def sink(seconds: float) -> Iterator[tuple[str, Counter]]:
    """An endpoint in a process of its own: its URL and its count."""
    context = multiprocessing.get_context("spawn")
    port, counter = context.Value("i", 0), context.Value("i", 0)
    process = context.Process(target=serve_sink, args=(port, counter, seconds), daemon=True)
    process.start()
    wait(lambda: port.value)
    try:
        yield f"http://127.0.0.1:{port.value}/", counter
    finally:
        process.terminate()
        process.join()


def wait(condition: Callable[[], object], seconds: float = 300.0) -> None:
    """Return when `condition` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.002)


def per_second(number: int, step: Callable[[], None]) -> float:
    """The rate at which `step` does `number` things."""
    started = time.perf_counter()
    step()
    return number / (time.perf_counter() - started)


def publishing(clients: Clients, number: int) -> float:
    """Messages a second, published one by one by the batching client."""
    topic = clients.topic()
    return per_second(number, lambda: clients.publish(topic, number))


def pulling(clients: Clients, number: int) -> float:
    """Messages a second, pulled and acknowledged by the thousand."""
    topic = clients.topic()
    subscription = clients.subscription(topic)
    clients.fill(topic, number)
    pull = clients.subscriber.transport.pull
    ask = types.PullRequest(subscription=subscription, max_messages=1000)

    def step() -> None:
        left = number
        while left > 0:
            received = types.PullResponse.pb(pull(ask)).received_messages
            ack_ids = [each.ack_id for each in received]
            clients.subscriber.acknowledge(subscription=subscription, ack_ids=ack_ids)
            left -= len(received)

    return per_second(number, step)


def streaming(clients: Clients, number: int) -> float:
    """Messages a second through the client's StreamingPull and a callback that acks."""
    topic = clients.topic()
    subscription = clients.subscription(topic)
    clients.fill(topic, number)
    seen = count(1)
    last = [0]

    def receive(message: Any) -> None:
        message.ack()
        last[0] = next(seen)

    def step() -> None:
        future = clients.subscriber.subscribe(subscription, receive)
        wait(lambda: last[0] >= number)
        future.cancel()
        future.result()

    return per_second(number, step)


def pushing(clients: Clients, number: int, seconds: float) -> float:
    """Messages a second to an endpoint that takes `seconds` for each."""
    topic = clients.topic()
    with sink(seconds) as (url, counter):
        push = {"push_endpoint": url, "no_wrapper": {"write_metadata": True}}
        subscription = clients.subscription(topic)
        clients.fill(topic, number)

        def step() -> None:
            clients.subscriber.modify_push_config(subscription=subscription, push_config=push)
            wait(lambda: counter.value >= number)

        rate = per_second(number, step)
        clients.subscriber.delete_subscription(subscription=subscription)
        return rate


def latency(clients: Clients, number: int) -> float:
    """Median milliseconds from publish to the endpoint, one message at a time."""
    topic = clients.topic()
    with sink(0.0) as (url, counter):
        push = {"push_endpoint": url, "no_wrapper": {"write_metadata": True}}
        clients.subscription(topic, push_config=push)
        times = []
        for sent in range(number):
            started = time.perf_counter()
            clients.publisher.publish(topic, DATA, **ATTRIBUTES)
            while counter.value <= sent:
                time.sleep(0.0005)
            times.append((time.perf_counter() - started) * 1000)
        return statistics.median(times)


def memory(pid: int) -> float:
    """Resident megabytes of a process, or 0 where /proc is missing."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith("VmRSS")), 0.0)


def report(name: str, unit: str, measure: Callable[[], float], rounds: int) -> None:
    """Print the median and the range of a few rounds."""
    figures = sorted(measure() for _ in range(rounds))
    middle = statistics.median(figures)
    print(f"{name:<44}{middle:>10,.0f} {unit:<6} ({figures[0]:,.0f} to {figures[-1]:,.0f})")


def rates(address: str, rounds: int, number: int) -> None:
    """Everything that is a rate, on the server at `address`."""
    clients = Clients.of(address)
    report("publish, batching client", "/s", lambda: publishing(clients, number), rounds)
    report("pull by 1000 and ack", "/s", lambda: pulling(clients, number), rounds)
    report("streaming pull, one stream", "/s", lambda: streaming(clients, number), rounds)
    report("push, endpoint answers at once", "/s", lambda: pushing(clients, number, 0), rounds)
    report("push, endpoint takes 50 ms", "/s", lambda: pushing(clients, number // 4, 0.05), rounds)
    report("publish to push, one at a time", "ms", lambda: latency(clients, 50), rounds)
    clients.publisher.stop()
    clients.subscriber.close()


def embedded(rounds: int, number: int) -> None:
    """All figures of the embedded server."""
    with tempfile.TemporaryDirectory() as directory:
        report("start, empty", "ms", lambda: starting(Path(directory)), rounds)
        with running(Path(directory)) as up:
            rates(up.address, rounds, number)
            print(f"{'memory of the server after that':<44}{memory(up.pid):>10,.0f} MB")


def starting(data_dir: Path) -> float:
    """Milliseconds until a server over `data_dir` is ready."""
    started = time.perf_counter()
    with running(data_dir):
        return (time.perf_counter() - started) * 1000


def backlog(number: int) -> None:
    """What a backlog of `number` messages costs in memory, and in time to start."""
    with tempfile.TemporaryDirectory() as directory:
        with running(Path(directory)) as up:
            clients = Clients.of(up.address)
            topic = clients.topic()
            clients.subscription(topic)
            before = memory(up.pid)
            rate = per_second(number, lambda: clients.fill(topic, number))
            print(f"{'publish by 500 in one request':<44}{rate:>10,.0f} /s")
            print(f"{'memory before':<44}{before:>10,.0f} MB")
            print(f"{f'memory with a backlog of {number:,}':<44}{memory(up.pid):>10,.0f} MB")
            clients.publisher.stop()
            clients.subscriber.close()
        print(f"{'start with that backlog':<44}{starting(Path(directory)):>10,.0f} ms")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds a figure (%(default)s)")
    parser.add_argument("--messages", type=int, default=10_000, help="a round (%(default)s)")
    parser.add_argument("--backlog", type=int, help="measure a backlog of so many instead")
    parser.add_argument("--address", metavar="HOST:PORT", help="measure another Pub/Sub emulator")
    options = parser.parse_args()
    if options.backlog:
        backlog(options.backlog)
    elif options.address:
        rates(options.address, options.rounds, options.messages)
    else:
        embedded(options.rounds, options.messages)


if __name__ == "__main__":
    main()

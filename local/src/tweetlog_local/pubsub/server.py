"""EDGE. One embedded Pub/Sub: everything put together, started, and stopped cleanly."""

import asyncio
import secrets
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import grpc

from tweetlog_local.pubsub import cleanup, grpc_edge, tasks
from tweetlog_local.pubsub.api import Proto
from tweetlog_local.pubsub.broker import Broker
from tweetlog_local.pubsub.consumers import Consumer, Consumers
from tweetlog_local.pubsub.control import Control
from tweetlog_local.pubsub.errors import failed_precondition
from tweetlog_local.pubsub.faults import Faults
from tweetlog_local.pubsub.log import Log
from tweetlog_local.pubsub.publisher import Publisher
from tweetlog_local.pubsub.push import pusher
from tweetlog_local.pubsub.replay import Snapshots
from tweetlog_local.pubsub.resources import kind
from tweetlog_local.pubsub.streaming import StreamingPull
from tweetlog_local.pubsub.subscriber import CheckTable, Subscriber

FLUSH_EVERY = 0.1  # seconds; what was acknowledged since is delivered again after a kill
GRACE = 0.2  # seconds for calls under way when the server stops
CLEAN_EVERY = 10.0  # seconds; the shortest retention is ten minutes


class SettingsError(Exception):
    """It cannot run as it was told to; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to run; a port of 0 is any free one."""

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 8085
    control_port: int = 8086
    bigquery_endpoint: str | None = None
    max_push_in_flight: int = 64


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a running server listens."""

    port: int
    control_port: int


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Ports]:
    """Serve while the context lasts; the data directory is consistent when it ends."""
    async with AsyncExitStack() as stack:
        log = stack.enter_context(closing(Log(settings.data_dir)))
        broker = Broker(log, clock=time.time, faults=Faults(), epoch=secrets.token_hex(4))
        stack.callback(broker.flush)
        snapshots = Snapshots(broker)
        for work in (_flush_for_ever(broker), _clean_for_ever(broker, snapshots)):
            stack.push_async_callback(tasks.stop, tasks.start(work))
        by_kind, check_table = _bigquery(broker, settings.bigquery_endpoint)
        by_kind["push"] = pusher(broker, settings.max_push_in_flight)
        consumers = Consumers(broker, by_kind)
        stack.push_async_callback(consumers.stop)
        handlers = (
            grpc_edge.service(grpc_edge.PUBLISHER, Publisher(broker, snapshots)),
            grpc_edge.service(
                grpc_edge.SUBSCRIBER, Subscriber(broker, snapshots, consumers, check_table)
            ),
            grpc_edge.streaming_pull(StreamingPull(broker, consumers).serve),
            grpc_edge.RefusedServices(),
        )
        control_port = await _serve_control(stack, settings, Control(broker))
        consumers.start()
        port = await _serve_grpc(stack, settings, handlers)
        yield Ports(port, control_port)


def _bigquery(broker: Broker, endpoint: str | None) -> tuple[dict[str, Consumer], CheckTable]:
    if endpoint is None:
        _require_no_bigquery(broker)
        return {}, _refuse_bigquery
    # With Arrow behind it: half a second and 30 MB that only those pay who write to tables.
    from tweetlog_local.pubsub.bigquery_sink import BigQuery, sink  # noqa: PLC0415

    bigquery = BigQuery(endpoint)
    return {"bigquery": sink(broker, bigquery)}, bigquery.check_table


def _require_no_bigquery(broker: Broker) -> None:
    for subscription in broker.subscriptions.values():
        if kind(subscription.resource) == "bigquery":
            raise SettingsError(
                f"{subscription.name} writes to BigQuery: start with --bigquery-endpoint HOST:PORT"
            )


async def _refuse_bigquery(_subscription: Proto) -> None:
    raise failed_precondition(
        "no BigQuery to write to: start the embedded Pub/Sub with --bigquery-endpoint"
    )


async def _serve_control(stack: AsyncExitStack, settings: Settings, control: Control) -> int:
    host, port = settings.host, settings.control_port
    try:
        server = await asyncio.start_server(control.serve, host, port)
    except OSError as error:
        raise _taken(host, port, "--control-port") from error
    stack.callback(server.close)
    bound: int = server.sockets[0].getsockname()[1]
    return bound


async def _serve_grpc(
    stack: AsyncExitStack, settings: Settings, handlers: tuple[grpc.GenericRpcHandler, ...]
) -> int:
    _require_free(settings.host, settings.port)
    server = grpc.aio.server(options=grpc_edge.OPTIONS)
    stack.push_async_callback(server.stop, GRACE)
    server.add_generic_rpc_handlers(handlers)
    port: int = server.add_insecure_port(f"{settings.host}:{settings.port}")
    await server.start()
    return port


def _require_free(host: str, port: int) -> None:
    """Ask for the port as gRPC will: gRPC itself would also print a line about its sources."""
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        raise _taken(host, port, "--port") from error


def _taken(host: str, port: int, option: str) -> SettingsError:
    return SettingsError(
        f"cannot listen on {host}:{port}: choose another {option}, or 0 for a free one"
    )


async def _flush_for_ever(broker: Broker) -> None:
    while True:
        await asyncio.sleep(FLUSH_EVERY)
        now = broker.clock()
        for subscription in list(broker.subscriptions.values()):
            broker.expire(subscription, now)
        broker.flush()


async def _clean_for_ever(broker: Broker, snapshots: Snapshots) -> None:
    while True:
        await asyncio.sleep(CLEAN_EVERY)
        for _ in cleanup.clean(broker, snapshots):
            await asyncio.sleep(0)

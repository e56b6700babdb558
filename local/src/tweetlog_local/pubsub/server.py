"""EDGE. One embedded Pub/Sub: everything put together, started, and stopped cleanly."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from tweetlog_local.pubsub import cleanup, grpc_edge
from tweetlog_local.pubsub.bigquery_sink import BigQuery, sink
from tweetlog_local.pubsub.broker import Broker
from tweetlog_local.pubsub.consumers import Consumers
from tweetlog_local.pubsub.control import Control
from tweetlog_local.pubsub.faults import Faults
from tweetlog_local.pubsub.log import Log
from tweetlog_local.pubsub.publisher import Publisher
from tweetlog_local.pubsub.push import pusher
from tweetlog_local.pubsub.replay import Snapshots
from tweetlog_local.pubsub.streaming import StreamingPull
from tweetlog_local.pubsub.subscriber import Subscriber

FLUSH_EVERY = 0.1  # seconds; what was acknowledged since is delivered again after a kill
CLEAN_EVERY = 10.0  # seconds; the shortest retention is ten minutes


class PortError(Exception):
    """A port cannot be had; the text says which and what to do."""


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
    with closing(Log(settings.data_dir)) as log:
        broker = Broker(log, clock=time.time, faults=Faults(), epoch=secrets.token_hex(4))
        snapshots = Snapshots(broker)
        bigquery = BigQuery(settings.bigquery_endpoint)
        consumers = Consumers(
            broker,
            {
                "push": pusher(broker, settings.max_push_in_flight),
                "bigquery": sink(broker, bigquery),
            },
        )
        server, port = await _grpc_server(settings, broker, snapshots, consumers, bigquery)
        control = await _control_server(settings, broker)
        consumers.start()
        housekeeping = [
            asyncio.create_task(_flush_for_ever(broker)),
            asyncio.create_task(_clean_for_ever(broker, snapshots)),
        ]
        try:
            yield Ports(port, control.sockets[0].getsockname()[1])
        finally:
            control.close()
            await consumers.stop()
            await server.stop(grace=0.2)
            for task in housekeeping:
                task.cancel()
            await asyncio.gather(*housekeeping, return_exceptions=True)
            broker.flush()


async def _grpc_server(
    settings: Settings,
    broker: Broker,
    snapshots: Snapshots,
    consumers: Consumers,
    bigquery: BigQuery,
) -> tuple[Any, int]:
    publisher = Publisher(broker, snapshots)
    subscriber = Subscriber(broker, snapshots, consumers, bigquery.check_table)
    server = grpc.aio.server(options=grpc_edge.OPTIONS)
    server.add_generic_rpc_handlers(
        (
            grpc_edge.service(grpc_edge.PUBLISHER, publisher),
            grpc_edge.service(grpc_edge.SUBSCRIBER, subscriber),
            grpc_edge.streaming_pull(StreamingPull(broker, consumers).serve),
            grpc_edge.RefusedServices(),
        )
    )
    try:
        port = server.add_insecure_port(f"{settings.host}:{settings.port}")
    except RuntimeError as error:
        raise _taken(settings.host, settings.port, "--port") from error
    await server.start()
    return server, port


async def _control_server(settings: Settings, broker: Broker) -> asyncio.Server:
    control = Control(broker)
    try:
        return await asyncio.start_server(control.serve, settings.host, settings.control_port)
    except OSError as error:
        raise _taken(settings.host, settings.control_port, "--control-port") from error


def _taken(host: str, port: int, option: str) -> PortError:
    return PortError(
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

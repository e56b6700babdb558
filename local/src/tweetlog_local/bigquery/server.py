"""Both servers over one warehouse, from start to stop."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import grpc

from tweetlog_local.bigquery.appends import Appender
from tweetlog_local.bigquery.errors import StartError
from tweetlog_local.bigquery.faults import Faults
from tweetlog_local.bigquery.rest import Api, HttpServer
from tweetlog_local.bigquery.settings import Settings
from tweetlog_local.bigquery.stats import Stats
from tweetlog_local.bigquery.streaming_buffer import StreamingBuffer
from tweetlog_local.bigquery.warehouse import Warehouse
from tweetlog_local.bigquery.write_api import WriteApi, service

MAX_MESSAGE = 64 * 1024 * 1024
CONNECTIONS = 128
GRACE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the two servers listen."""

    port: int
    grpc_port: int


@contextmanager
def serving(settings: Settings) -> Iterator[Ports]:
    """Serve until the block ends; then answer what is under way, and write the file."""
    warehouse = Warehouse.open(
        settings.data_dir, project=settings.project, location=settings.location
    )
    stats, faults = Stats(), Faults()
    warehouse.buffer = StreamingBuffer(settings.buffer_seconds, faults)
    warehouse.forget_deletes(settings.delete_memory_seconds)
    appender = Appender(warehouse, stats, delete_memory_seconds=settings.delete_memory_seconds)
    try:
        with (
            _http(settings, Api(warehouse, appender, stats, faults)) as port,
            _grpc(settings, WriteApi(warehouse, appender, stats, faults)) as grpc_port,
        ):
            yield Ports(port, grpc_port)
    finally:
        appender.stop()
        warehouse.checkpoint()
        warehouse.close()


@contextmanager
def _http(settings: Settings, api: Api) -> Iterator[int]:
    try:
        server = HttpServer((settings.host, settings.port), api)
    except OSError as error:
        raise StartError(
            f"{settings.host}:{settings.port} cannot be listened on ({error.strerror}); "
            "choose another --port, or 0 for a free one"
        ) from None
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def _check_free(settings: Settings) -> None:
    """Refuse a port that is taken before gRPC does, which writes about it to stderr."""
    try:
        with socket.create_server((settings.host, settings.grpc_port)):
            pass
    except OSError as error:
        raise StartError(
            f"{settings.host}:{settings.grpc_port} cannot be listened on ({error.strerror}); "
            "choose another --grpc-port, or 0 for a free one"
        ) from None


@contextmanager
def _grpc(settings: Settings, api: WriteApi) -> Iterator[int]:
    _check_free(settings)
    server = grpc.server(
        ThreadPoolExecutor(CONNECTIONS),
        handlers=[service(api)],
        options=[
            ("grpc.max_receive_message_length", MAX_MESSAGE),
            ("grpc.max_send_message_length", MAX_MESSAGE),
            ("grpc.so_reuseport", 0),
        ],
    )
    port = server.add_insecure_port(f"{settings.host}:{settings.grpc_port}")
    server.start()
    try:
        yield port
    finally:
        server.stop(GRACE_SECONDS).wait()

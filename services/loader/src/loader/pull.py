"""EDGE: the pull entrance: batches straight from the subscription into appends."""

import logging
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from loader.settings import Settings
from loader.web import health
from loader.wiring import Loader
from tweetlog.subscription import pull, subscriber_client

log = logging.getLogger(__name__)


class _Quiet(WSGIRequestHandler):
    """Logs no request: health is asked for again and again."""

    def log(self, type: str, message: str, *args: Any) -> None:
        pass


def run(
    settings: Settings, credentials: Any, listener: socket.socket | None, stop: threading.Event
) -> None:
    """Pull until `stop` is set; the batches in hand are finished first.

    Health and metrics are served on `listener`, if there is one.

    Several loops pull at once, so that one batch is on its way while another is appended. If one
    of them ends by an error the others stop and the error is raised.
    """
    loader = Loader(settings, credentials)
    client = subscriber_client()
    loop = partial(
        pull,
        client,
        settings.subscription_path,
        loader.receive_all,
        stop=stop,
        batch=settings.pull_rows,
    )
    health_served = _served(loader, listener) if listener else nullcontext()
    with health_served, ThreadPoolExecutor(settings.pull_loops) as pool:
        log.info("ready")
        loops = [pool.submit(_until_error, loop, stop) for _ in range(settings.pull_loops)]
    loader.close()
    client.close()
    for one in loops:
        one.result()


def _until_error(loop: Any, stop: threading.Event) -> None:
    try:
        loop()
    finally:
        stop.set()


@contextmanager
def _served(loader: Loader, listener: socket.socket) -> Iterator[None]:
    """Serve health and metrics in the background."""
    host, port = listener.getsockname()[:2]
    log.info("health on %s:%d", host, port)
    server = make_server(
        host, port, health(loader), threaded=True, request_handler=_Quiet, fd=listener.fileno()
    )
    thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()

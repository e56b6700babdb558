"""EDGE: the pull entrance: batches straight from the subscription into appends."""

import gc
import logging
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, Protocol

from google.api_core import exceptions
from werkzeug.serving import WSGIRequestHandler, make_server

from loader.settings import Settings
from loader.web import health
from loader.wiring import Loader, made
from tweetlog.subscription import Pulled, pull, subscriber_client

log = logging.getLogger(__name__)

# A batch is some 50,000 dicts and lists without cycles, all alive until it is done: by default
# Python would look through them every 700, a sixth of what it takes to make rows of them.
_OBJECTS_BETWEEN_COLLECTIONS = 200_000
_PATIENCE_SECONDS = 1.0


class Patient(Protocol):
    """What loads a batch, and knows what stands in the way."""

    def receive_all(self, messages: Sequence[Pulled]) -> list[str]:
        """Return the ack ids of what is durable."""

    def faults(self) -> list[str]:
        """Return what a person has to mend."""


class _Quiet(WSGIRequestHandler):
    """Logs no request: health is asked for again and again."""

    def log(self, type: str, message: str, *args: Any) -> None:
        pass


def run(
    settings: Settings, credentials: Any, listener: socket.socket | None, stop: threading.Event
) -> int:
    """Pull until `stop` is set; the batches in hand are finished first.

    Health and metrics are served on `listener`, if there is one.

    Several loops pull at once, so that one batch is on its way while another is appended.

    Returns:
        0 when it was stopped, 1 when pulling failed in a way that waiting does not mend.
    """
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    loader = made(settings, credentials)
    client = subscriber_client()
    loop = partial(
        pull,
        client,
        settings.subscription_path,
        partial(patiently, loader, stop),
        stop=stop,
        batch=settings.pull_rows,
    )
    health_served = _served(loader, listener) if listener else nullcontext()
    with health_served, ThreadPoolExecutor(settings.pull_loops) as pool:
        log.info("ready")
        loops = [pool.submit(run_loop, loop, stop) for _ in range(settings.pull_loops)]
    loader.close()
    client.close()
    return max(one.result() for one in loops)


def patiently(loader: Patient, stop: threading.Event, messages: Sequence[Pulled]) -> list[str]:
    """Load a batch; keep it while a person has to mend something first, and then load it.

    Handing it back again and again would use up its attempts, and Pub/Sub sets aside a message
    that has none left.
    """
    acks = loader.receive_all(messages)
    while len(acks) < len(messages) and loader.faults():
        while loader.faults():
            if stop.wait(_PATIENCE_SECONDS):
                return acks
        done = set(acks)
        acks += loader.receive_all([one for one in messages if one.ack_id not in done])
    return acks


def run_loop(loop: Callable[[], None], stop: threading.Event) -> int:
    """Run one loop; when it cannot go on, neither do the others."""
    try:
        loop()
    except exceptions.GoogleAPIError as reason:
        log.critical("cannot pull: %s", reason)
        return 1
    finally:
        stop.set()
    return 0


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

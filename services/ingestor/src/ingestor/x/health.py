"""EDGE: health over HTTP: `/livez`, `/readyz`, `/metrics`."""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any, Protocol
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_PLAIN = "text/plain; charset=utf-8"
_METRICS = "text/plain; version=0.0.4; charset=utf-8"
# Whoever asks and does not listen should not keep a thread for long.
_TIMEOUT_SECONDS = 10


class Healthy(Protocol):
    """What is asked."""

    def alive(self) -> list[str]:
        """Return what has ended that should run; nothing if all is well."""

    def ready(self) -> list[str]:
        """Return why no tweets come; nothing if they do."""

    def metrics(self) -> bytes:
        """Return everything in Prometheus' text format."""


def application(healthy: Healthy) -> Callable[..., Iterable[bytes]]:
    """Return the WSGI application."""

    def answer(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        match environ["REQUEST_METHOD"], environ["PATH_INFO"]:
            case ("GET" | "HEAD", "/livez"):
                return _said(start, healthy.alive(), "alive")
            case ("GET" | "HEAD", "/readyz"):
                return _said(start, healthy.ready(), "ready")
            case ("GET" | "HEAD", "/metrics"):
                start("200 OK", [("Content-Type", _METRICS)])
                return [healthy.metrics()]
            case _:
                start("404 Not Found", [("Content-Type", _PLAIN)])
                return [b"here are /livez, /readyz and /metrics\n"]

    return answer


def listener(host: str, port: int) -> socket.socket:
    """Return the socket to serve on.

    Raises:
        OSError: if the address is taken or not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)


@contextmanager
def serving(healthy: Healthy, listening: socket.socket) -> Iterator[None]:
    """Serve as long as the block lasts."""
    server = make_server(
        "",
        0,
        application(healthy),
        server_class=_server_on(listening),
        handler_class=_Quiet,
    )
    thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _said(start: "StartResponse", faults: list[str], good: str) -> Iterable[bytes]:
    start("503 Service Unavailable" if faults else "200 OK", [("Content-Type", _PLAIN)])
    return ["\n".join([*(faults or [good]), ""]).encode()]


class _Quiet(WSGIRequestHandler):
    """Logs no requests: a probe comes every few seconds."""

    timeout = _TIMEOUT_SECONDS

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its own name
        """Say nothing."""


def _server_on(listening: socket.socket) -> type[WSGIServer]:
    """Return a server that takes a socket which listens already."""

    class Server(ThreadingMixIn, WSGIServer):
        daemon_threads = True

        def server_bind(self) -> None:
            self.socket.close()
            self.socket = listening
            self.server_address = listening.getsockname()
            self.server_name, self.server_port = "health", self.server_address[1]
            self.setup_environ()

        def server_activate(self) -> None:
            """Do nothing: it listens."""

    return Server

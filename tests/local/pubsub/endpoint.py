"""A push endpoint that remembers what it was sent and answers as told; and patience."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def until(condition: Callable[[], object], seconds: float = 15.0) -> None:
    """Return as soon as `condition` holds; fail when it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@dataclass(frozen=True, slots=True)
class Request:
    path: str
    headers: Message
    body: bytes
    at: float


@dataclass(slots=True)
class Endpoint:
    """`answer` maps a request to a status; `most_at_once` is the highest concurrency seen."""

    url: str = ""
    answer: Callable[[Request], int] = lambda _: 204
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    most_at_once: int = 0
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def bodies(self) -> list[bytes]:
        return [request.body for request in self.requests]

    def receive(self, request: Request) -> int:
        with self._lock:
            self.requests.append(request)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            return self.answer(request)
        finally:
            with self._lock:
                self._now -= 1

    def connected(self) -> None:
        with self._lock:
            self.connections += 1


@contextmanager
def endpoint(port: int = 0) -> Iterator[Endpoint]:
    seen = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            seen.connected()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = seen.receive(Request(self.path, self.headers, body, time.monotonic()))
            self.send_response_only(status)
            if status >= 200:
                self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that left in the middle is no news."""

    server = Server(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    seen.url = f"http://127.0.0.1:{server.server_address[1]}/push"
    try:
        yield seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

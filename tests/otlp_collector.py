"""An OpenTelemetry collector on loopback that keeps every span that is sent to it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True, slots=True)
class Sent:
    """A span as it was sent; ids in hexadecimal, no parent as an empty one."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    failed: bool
    attributes: dict[str, str]


@dataclass(slots=True)
class Collector:
    """What was sent, and the address to send it to."""

    address: str = ""
    spans: list[Sent] = field(default_factory=list)

    def about(self, event_id: str) -> list[Sent]:
        """Return the spans of an event, or of what follows from it."""
        ids = {s.trace for s in self.spans if s.attributes["cloudevents.event_id"] == event_id}
        return [span for span in self.spans if span.trace in ids]


@contextmanager
def collecting() -> Iterator[Collector]:
    """Collect spans for as long as this takes."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.spans += _spans(ExportTraceServiceRequest.FromString(body))
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()


def _spans(request: Any) -> Iterator[Sent]:
    for resource in request.resource_spans:
        service = _strings(resource.resource.attributes)["service.name"]
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Sent(
                    service=service,
                    name=span.name,
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    failed=span.status.code == span.status.STATUS_CODE_ERROR,
                    attributes=_strings(span.attributes),
                )


def _strings(pairs: Any) -> dict[str, str]:
    return {pair.key: pair.value.string_value for pair in pairs}

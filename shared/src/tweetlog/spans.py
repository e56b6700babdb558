"""EDGE: the spans of events: read from `traceparent`, written to what follows, sent off by OTLP.

A span's parent is what the event says and nothing else, since a push request has a trace of its
own. Without a parent the trace's id follows from the event's identity, so that the trace of a
tweet is found by its id, and every attempt and every replay is in it.

Source: CloudEvents, "Distributed Tracing" extension; W3C Trace Context; OpenTelemetry semantic
conventions for CloudEvents.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

import google.auth
from google.auth.transport.requests import AuthorizedSession
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tweetlog.delivery import PREFIX
from tweetlog.envelope import Envelope
from tweetlog.events import digest
from tweetlog.topic import Topic

# Google Cloud's own OTLP endpoint (Cloud Observability, "Telemetry (OTLP) API").
_CLOUD = "https://telemetry.googleapis.com"
_SCOPE = "https://www.googleapis.com/auth/trace.append"
# How long one request may take, retries included. A stop waits for the last one, and Cloud Run
# kills ten seconds after SIGTERM.
_EXPORT_SECONDS = 3.0


class Tracer:
    """Makes the spans of one service; a thread of its own sends them off.

    Spans are dropped when there are more than can be sent; events never wait for them.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("tweetlog")
        self._extract = TraceContextTextMapPropagator().extract

    def topic(self, topic: Topic, name: str) -> "PublishTraced":
        """Return a topic that makes a span of each publish, and marks each event with it."""
        return PublishTraced(topic, name, self)

    @contextmanager
    def handling(
        self,
        name: str,
        events: Sequence[Mapping[str, str]],
        *,
        kind: SpanKind = SpanKind.CONSUMER,
        destination: str | None = None,
    ) -> Iterator[Sequence["Handling"]]:
        """Make a span of each event for as long as this takes.

        Args:
            name: what is done to the events.
            events: the CloudEvents attributes of each.
            kind: on which side of the broker this is.
            destination: the topic, where it is known.
        """
        spans = [self._start(name, kind, event, destination) for event in events]
        try:
            yield [
                Handling(event.get("id", ""), span)
                for event, span in zip(events, spans, strict=True)
            ]
        except BaseException as reason:
            for span in spans:
                span.set_status(Status(StatusCode.ERROR, _line(reason)))
            raise
        finally:
            for span in spans:
                span.end()

    def handling_messages(
        self, name: str, messages: Sequence[Mapping[str, str]]
    ) -> AbstractContextManager[Sequence["Handling"]]:
        """Make a span of each message, of which these are the attributes, as `handling` does."""
        return self.handling(
            name,
            [{key.removeprefix(PREFIX): value for key, value in one.items()} for one in messages],
        )

    def following(self, topic: Topic, handled: Sequence["Handling"]) -> "FollowTraced":
        """Return a topic that marks what follows from events while they are handled."""
        return FollowTraced(topic, handled)

    def close(self) -> None:
        """Send what is left, for a few seconds at most."""
        self._provider.shutdown()

    def _start(
        self, name: str, kind: SpanKind, event: Mapping[str, str], destination: str | None
    ) -> Span:
        parent = self._extract({"traceparent": event.get("traceparent", "")}, Context())
        _IDENTITY.trace = int(digest(event.get("source", ""), event.get("id", "")), 16)
        return self._tracer.start_span(
            name, context=parent, kind=kind, attributes=_attributes(event, destination)
        )


class Handling:
    """One event while it is handled: marks what follows from it, and says if it did not succeed."""

    def __init__(self, event_id: str, span: Span) -> None:
        self.event_id = event_id
        self._span = span

    def marked(self, event: Envelope) -> Envelope:
        """Return the event with this span as where it comes from."""
        context = self._span.get_span_context()
        parts = f"{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
        return event.extended(traceparent=f"00-{parts}")

    def failed(self, reason: str) -> None:
        """Note that the event is to come again, and why."""
        self._span.set_status(Status(StatusCode.ERROR, reason))


class PublishTraced:
    """A topic that makes a span of each publish, and marks each event with it."""

    def __init__(self, topic: Topic, name: str, tracer: Tracer) -> None:
        self._topic = topic
        self._name = name
        self._tracer = tracer

    def publish(self, *events: Envelope) -> None:
        """Return once the broker has every event.

        Raises:
            PublishFailed: as the topic does.
        """
        attributes = [event.attributes() for event in events]
        with self._tracer.handling(
            "publish", attributes, kind=SpanKind.PRODUCER, destination=self._name
        ) as publishing:
            marked = zip(publishing, events, strict=True)
            self._topic.publish(*(one.marked(event) for one, event in marked))


class FollowTraced:
    """A topic for what follows from events while they are handled.

    An event is marked if it is caused by one of them: what is only passed on stays as it is.
    """

    def __init__(self, topic: Topic, handled: Sequence[Handling]) -> None:
        self._topic = topic
        self._causes = {one.event_id: one for one in handled}

    def publish(self, *events: Envelope) -> None:
        """Return once the broker has every event.

        Raises:
            PublishFailed: as the topic does.
        """
        self._topic.publish(*(self._marked(event) for event in events))

    def _marked(self, event: Envelope) -> Envelope:
        cause = self._causes.get(event.extensions.get("causationid", ""))
        passed_on = event.id in self._causes
        return cause.marked(event) if cause and not passed_on else event


def provider(service: str, project: str, exporter: SpanExporter) -> TracerProvider:
    """Return what makes and sends spans; `OTEL_TRACES_SAMPLER` says of how many events."""
    resource = Resource.create({"service.name": service, "gcp.project_id": project})
    made = TracerProvider(resource=resource, id_generator=_Identities())
    made.add_span_processor(BatchSpanProcessor(exporter))
    return made


def collector(address: str) -> SpanExporter:
    """Return what sends spans to an OpenTelemetry collector by OTLP over HTTP."""
    return OTLPSpanExporter(endpoint=f"{address}/v1/traces", timeout=_EXPORT_SECONDS)


def cloud_trace() -> SpanExporter:
    """Return what sends spans to Cloud Trace, as the service's own account."""
    credentials, _ = google.auth.default(scopes=[_SCOPE])
    session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call] # it has none
    return OTLPSpanExporter(
        endpoint=f"{_CLOUD}/v1/traces", timeout=_EXPORT_SECONDS, session=session
    )


class _Identities(RandomIdGenerator):
    """Names a trace after the event that it begins with."""

    def generate_trace_id(self) -> int:
        return _IDENTITY.trace or super().generate_trace_id()

    def is_trace_id_random(self) -> bool:
        return False


class _Identity(threading.local):
    trace = 0


#: The trace's id, should the span that this thread is about to start have no parent.
_IDENTITY = _Identity()


def _attributes(event: Mapping[str, str], destination: str | None) -> dict[str, str]:
    known = {
        "messaging.system": "gcp_pubsub",
        "messaging.destination.name": destination,
        "cloudevents.event_id": event.get("id"),
        "cloudevents.event_source": event.get("source"),
        "cloudevents.event_type": event.get("type"),
        "cloudevents.event_subject": event.get("subject"),
        "tweetlog.replay_id": event.get("replayid"),
    }
    return {name: value for name, value in known.items() if value}


def _line(reason: BaseException) -> str:
    return " ".join(f"{type(reason).__name__}: {reason}".split())[:300]

"""The enricher's step with tracing on: the same results, but for where they say they come from."""

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from builders import a_raw_tweet, a_tombstone
from enricher.receive import Step, receive_all, traced
from tweetlog import events
from tweetlog.delivery import Delivery
from tweetlog.envelope import Envelope
from tweetlog.errors import Unreadable
from tweetlog.spans import Tracer, provider
from tweetlog.topic import InMemoryTopic

A_TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def deliveries() -> list[Delivery | Unreadable]:
    """Every kind of thing that comes: what is enriched, rejected, passed on, and no event."""
    came = [
        a_raw_tweet("1", text="#a"),
        events.received("2", b'{"data": {"id": "2"}}'),
        a_tombstone("3"),
    ]
    unreadable = Unreadable("no event", attributes={"ce-traceparent": A_TRACE}, data=b"x")
    return [*(Delivery(one.extended(traceparent=A_TRACE)) for one in came), unreadable]


def results(step: Step) -> tuple[list[Envelope], list[Envelope]]:
    enriched, dead_letters = InMemoryTopic(), InMemoryTopic()
    step(deliveries(), enriched=enriched, dead_letters=dead_letters)
    return enriched.events, dead_letters.events


def test_only_what_follows_from_an_event_is_marked_and_nothing_else_differs() -> None:
    sent = InMemorySpanExporter()
    spans = provider("enricher", "p", sent)
    plain_enriched, plain_dead = results(receive_all)

    enriched, dead = results(traced(receive_all, Tracer(spans)))

    assert dead == plain_dead
    tweet, tombstone = enriched
    assert tombstone == plain_enriched[1]
    assert tweet.extended(traceparent=A_TRACE) == plain_enriched[0]
    spans.force_flush()
    ours = {
        span.attributes["cloudevents.event_id"]: span
        for span in sent.get_finished_spans()
        if span.attributes
    }
    assert tweet.extensions["traceparent"].split("-")[2] == f"{ours['1'].context.span_id:016x}"
    assert len(ours) == 3

"""What tracing does to an event, and that it does nothing when it is off."""

import os
import subprocess
import sys
from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from builders import A_TWEET_ID, a_raw_tweet, a_tombstone
from tweetlog import events, spans, tracing
from tweetlog.envelope import Envelope
from tweetlog.errors import PublishFailed
from tweetlog.topic import InMemoryTopic

A_TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Traced:
    """A tracer, and the spans that it sent."""

    def __init__(self) -> None:
        self._sent = InMemorySpanExporter()
        self.tracer = spans.Tracer(spans.provider("a-service", "p", self._sent))

    def spans(self) -> Sequence[ReadableSpan]:
        self.tracer._provider.force_flush()  # noqa: SLF001 - the test waits where nobody else does
        return self._sent.get_finished_spans()


class FailingTopic:
    def publish(self, *events: Envelope) -> None:
        raise PublishFailed(f"{len(events)} not confirmed")


@pytest.fixture
def traced() -> Traced:
    return Traced()


def without_trace(event: Envelope) -> dict[str, str]:
    return {k: v for k, v in event.attributes().items() if k != "traceparent"}


def parent_of(event: Envelope) -> tuple[str, str]:
    _, trace, span, _ = event.extensions["traceparent"].split("-")
    return trace, span


@pytest.mark.parametrize("value", ["off", "cloud", "http://127.0.0.1:4318", "https://otel.example"])
def test_the_setting_takes_off_cloud_or_a_collector(value: str) -> None:
    assert tracing.target(value) == value


def test_a_slash_behind_the_address_is_not_part_of_it() -> None:
    assert tracing.target("http://127.0.0.1:4318/") == "http://127.0.0.1:4318"


@pytest.mark.parametrize(
    "value",
    ["", "on", "Off", "otel:4318", "http://", "http://h:0", "http://h:99999", "ftp://h",
     "http://h/v1/traces", "http://user@h:1", "http://h?x=1"],
)  # fmt: skip
def test_the_setting_refuses_what_is_no_place_for_traces(value: str) -> None:
    with pytest.raises(ValueError, match="it takes off, cloud or a collector's"):
        tracing.target(value)


def test_off_there_is_no_tracer() -> None:
    assert tracing.opened("off", service="s", project="p") is None


def test_off_no_exporter_is_imported_and_no_thread_started() -> None:
    script = """
import sys, threading
from tweetlog import tracing
assert tracing.opened("off", service="s", project="p") is None
assert not [name for name in sys.modules if name.startswith("opentelemetry")]
assert threading.active_count() == 1
"""
    done = subprocess.run(
        [sys.executable, "-c", script], env=os.environ, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_a_published_event_differs_by_its_traceparent_alone(traced: Traced) -> None:
    topic = InMemoryTopic()
    raw = a_raw_tweet()

    traced.tracer.topic(topic, "tweets-raw").publish(raw)

    (published,) = topic.events
    assert published.data == raw.data
    assert without_trace(published) == raw.attributes()
    (span,) = traced.spans()
    assert span.kind == SpanKind.PRODUCER
    assert span.name == "publish"
    assert parent_of(published)[1] == f"{span.context.span_id:016x}"


def test_a_trace_is_named_after_the_event_that_it_begins_with(traced: Traced) -> None:
    topic = InMemoryTopic()
    twice = traced.tracer.topic(topic, "tweets-raw")

    twice.publish(a_raw_tweet())
    twice.publish(a_raw_tweet())

    named = events.digest(events.TWEETS, A_TWEET_ID)
    assert {parent_of(event)[0] for event in topic.events} == {named}
    assert len({parent_of(event)[1] for event in topic.events}) == 2


def test_a_batch_leaves_a_span_of_each_event(traced: Traced) -> None:
    topic = InMemoryTopic()

    traced.tracer.topic(topic, "tweets-raw").publish(a_raw_tweet("1"), a_raw_tweet("2"))

    said = [span.attributes or {} for span in traced.spans()]
    assert [one["cloudevents.event_id"] for one in said] == ["1", "2"]
    assert [one["messaging.destination.name"] for one in said] == ["tweets-raw"] * 2


def test_a_publish_that_fails_is_a_span_in_error_and_fails_as_before(traced: Traced) -> None:
    with pytest.raises(PublishFailed, match="1 not confirmed"):
        traced.tracer.topic(FailingTopic(), "tweets-raw").publish(a_raw_tweet())

    (span,) = traced.spans()
    assert span.status.status_code == StatusCode.ERROR
    assert span.status.description == "PublishFailed: 1 not confirmed"


def test_what_follows_from_an_event_is_a_child_of_its_span(traced: Traced) -> None:
    raw = a_raw_tweet().extended(traceparent=A_TRACE)
    topic = InMemoryTopic()

    with traced.tracer.handling("enrich", [raw.attributes()]) as handled:
        following = traced.tracer.following(topic, handled)
        following.publish(events.enriched(raw, b"{}", version=3))

    (span,) = traced.spans()
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == A_TRACE.split("-")[2]
    (enriched,) = topic.events
    assert parent_of(enriched) == (A_TRACE.split("-")[1], f"{span.context.span_id:016x}")
    plain = events.enriched(a_raw_tweet(), b"{}", version=3)
    assert (enriched.data, without_trace(enriched)) == (plain.data, plain.attributes())


def test_what_is_only_passed_on_stays_as_it_is(traced: Traced) -> None:
    tombstone = a_tombstone().extended(traceparent=A_TRACE)
    topic = InMemoryTopic()

    with traced.tracer.handling("enrich", [tombstone.attributes()]) as handled:
        traced.tracer.following(topic, handled).publish(tombstone)

    assert topic.events == [tombstone]


@pytest.mark.parametrize(
    "hostile", ["", "garbage", "00-0-0-00", A_TRACE + "-x", "ff" + A_TRACE[2:]]
)
def test_a_traceparent_that_is_none_begins_a_trace(traced: Traced, hostile: str) -> None:
    attributes = a_raw_tweet().attributes() | {"traceparent": hostile}

    with traced.tracer.handling("enrich", [attributes]):
        pass

    (span,) = traced.spans()
    assert span.parent is None


def test_who_did_not_sample_an_event_decides_for_those_after_it(traced: Traced) -> None:
    raw = a_raw_tweet().extended(traceparent=A_TRACE[:-2] + "00")
    topic = InMemoryTopic()

    with traced.tracer.handling("enrich", [raw.attributes()]) as handled:
        traced.tracer.following(topic, handled).publish(events.enriched(raw, b"{}", version=3))

    assert traced.spans() == ()
    assert topic.events[0].extensions["traceparent"].endswith("-00")


def test_an_event_that_is_to_come_again_is_a_span_in_error(traced: Traced) -> None:
    attributes = [{"ce-id": "1", "content-type": "application/json"}, {"ce-id": "2"}, {}]

    with traced.tracer.handling_messages("load", attributes) as handled:
        handled[1].failed("not durable yet")

    codes = [span.status.status_code for span in traced.spans()]
    assert codes == [StatusCode.UNSET, StatusCode.ERROR, StatusCode.UNSET]


def test_a_collector_that_is_away_holds_nothing_up() -> None:
    topic = InMemoryTopic()
    tracer = tracing.opened("http://127.0.0.1:1", service="s", project="p")
    assert tracer is not None

    tracer.topic(topic, "tweets-raw").publish(a_raw_tweet())
    tracer.close()

    assert len(topic.events) == 1

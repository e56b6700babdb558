"""What tracing costs each event when it is on: processor time of one publish and one enrichment.

Spans go to an exporter that throws them away. When tracing is off there is nothing to measure: the
same functions are called as without it.

Example: python bench/tracing.py --rounds 5
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence

import orjson
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from enricher import warm
from enricher.receive import receive_all, traced
from tweetlog import events
from tweetlog.delivery import Delivery
from tweetlog.envelope import Envelope
from tweetlog.spans import Tracer, provider

_BATCH = 100
_EVENTS = 2_000


class Nowhere(SpanExporter):
    """Takes spans and throws them away."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Throw them away."""
        return SpanExportResult.SUCCESS if spans else SpanExportResult.FAILURE


class NoTopic:
    """Takes events and throws them away."""

    def publish(self, *events: Envelope) -> None:
        """Throw them away."""


def main() -> int:
    """Print a line for each step."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each (default: 5)")
    rounds = parser.parse_args().rounds
    warm.warm_up()
    tracer = Tracer(provider("bench", "p", Nowhere()))
    raws = [_raw(number) for number in range(_EVENTS)]
    deliveries = [Delivery(raw) for raw in raws]
    topic, step = NoTopic(), traced(receive_all, tracer)
    steps: dict[str, tuple[Callable[[int], None], Callable[[int], None]]] = {
        "publish": (
            lambda at: topic.publish(*raws[at : at + _BATCH]),
            lambda at: tracer.topic(topic, "tweets-raw").publish(*raws[at : at + _BATCH]),
        ),
        "enrich": (
            lambda at: receive_all(
                deliveries[at : at + _BATCH], enriched=topic, dead_letters=topic
            ),
            lambda at: step(deliveries[at : at + _BATCH], enriched=topic, dead_letters=topic),
        ),
    }
    print("step      off, us an event   on")
    for name, (off, on) in steps.items():
        pairs = [(_micros(off), _micros(on)) for _ in range(rounds)]
        without, with_spans = (statistics.median(one) for one in zip(*pairs, strict=True))
        print(f"{name:8}  {without:16.1f}  {with_spans:4.0f}")
    tracer.close()
    return 0


def _micros(work: Callable[[int], None]) -> float:
    """Return the processor time of an event; in turns, so that both see the same machine."""
    began = time.process_time()
    for at in range(0, _EVENTS, _BATCH):
        work(at)
    return (time.process_time() - began) / _EVENTS * 1e6


def _raw(number: int) -> Envelope:
    tweet_id = str(1_590_000_000_000_000_000 + number)
    text = f"tweet {number}: #events that can be replayed, and https://example.com/{number}"
    return events.received(tweet_id, orjson.dumps({"data": {"id": tweet_id, "text": text}}))


if __name__ == "__main__":
    sys.exit(main())

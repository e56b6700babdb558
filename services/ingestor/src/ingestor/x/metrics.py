"""Metrics in Prometheus' text format: what came, what it cost, and when nobody listened."""

from collections.abc import Callable, Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

# Each counter would come with a second one for when it was made, which nobody charts.
disable_created_metrics()  # type: ignore[no-untyped-call] # theirs

_P = "tweetlog_ingestor_"
_LAGS = (0.5, 1, 2, 5, 7, 10, 20, 30, 60, 120, 300, 900, 3_600, 21_600, 86_400)
# One label each; whoever has more rules than this charts them in the warehouse.
_MOST_RULES = 1_000
# A snowflake id counts milliseconds from here (X developer docs, "Twitter IDs"); ids of the time
# before are counted up, and smaller than any of these.
_EPOCH_SECONDS = 1_288_834_974.657
_FIRST_SNOWFLAKE = 1 << 40


class Metrics:
    """Everything the X source counts; safe for threads."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._tweets = self._counter("tweets", "New tweets by the rule that brought them.", "rule")
        self._rules: dict[str, Counter] = {}
        self._lag = Histogram(
            _P + "lag_seconds",
            "From a tweet's creation to its receipt.",
            buckets=_LAGS,
            registry=self.registry,
        )
        self.bytes = self._counter("stream_bytes", "Bytes of lines that the stream brought.")
        self.keep_alives = self._counter("keep_alives", "Keep-alives of the stream.")
        self.duplicates = self._counter("duplicates", "Tweets that came again and were dropped.")
        self.unusable = self._counter(
            "unusable_lines", "Lines that are no tweet, sent to the dead letters.", "reason"
        )
        self.connects = self._counter("connects", "Attempts to connect, by how they ended.", "end")
        self.gaps = self._counter("gaps", "Holes that ended, by cause.", "cause")
        self.gap_seconds = self._counter("gap_seconds", "Seconds of holes, by cause.", "cause")
        self.repairs = self._counter("repairs", "Holes by what became of them.", "repair")
        self.recovered = self._counter("recovered_tweets", "Tweets that only a repair brought.")
        self.searches = self._counter("search_pages", "Pages of search that were read.")

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)

    def tweet(self, now: float, id: int, rules: Iterable[str]) -> None:
        """Count a tweet that is new."""
        for rule in rules:
            counter = self._rules.get(rule)
            if counter is None:
                counter = self._rule(rule)
            counter.inc()
        if id >= _FIRST_SNOWFLAKE:
            self._lag.observe(max(0.0, now - (id >> 22) / 1_000 - _EPOCH_SECONDS))

    def gauge(self, name: str, help: str, value: Callable[[], float]) -> None:
        """Show a value that is asked for when somebody looks."""
        Gauge(_P + name, help, registry=self.registry).set_function(value)

    def _rule(self, rule: str) -> Counter:
        name = rule if len(self._rules) < _MOST_RULES else "other"
        self._rules[rule] = self._tweets.labels(name)
        return self._rules[rule]

    def _counter(self, name: str, help: str, *labels: str) -> Counter:
        return Counter(_P + name, help, labels, registry=self.registry)

import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from ingestor import pump as pumping
from ingestor.capture import Mark, Pause, Step, Tweet, Unusable
from ingestor.pump import MAX_BYTES, MAX_EVENTS, Batch, Pump, batches, limited, paced
from tweetlog.envelope import Envelope
from tweetlog.errors import InvalidEvent, PublishFailed
from tweetlog.topic import InMemoryTopic


def a_tweet(number: int, size: int = 10) -> Tweet:
    return Tweet(str(number), b"x" * size, {"file": "f", "line": number})


def a_stranger(number: int) -> Unusable:
    return Unusable(b"?", InvalidEvent("no tweet"), {"file": "f", "line": number})


def a_file(*captured: Tweet | Unusable) -> Iterator[Step]:
    for line, one in enumerate(captured, start=1):
        yield one
        yield Mark("f", line)
    yield Mark("f", len(captured), complete=True)


class ListSource:
    """Steps from a list, and a journal of what was confirmed."""

    def __init__(self, steps: Iterator[Step], journal: list[str] | None = None) -> None:
        self._steps = steps
        self.journal = [] if journal is None else journal

    def steps(self) -> Iterator[Step]:
        return self._steps

    def confirmed(self, mark: Mark) -> None:
        self.journal.append(f"confirmed {mark.line}{' all' if mark.complete else ''}")


class Broker:
    """A topic that does what a test tells it before it takes the events."""

    def __init__(self, before: Callable[[Sequence[Envelope]], None]) -> None:
        self._before = before
        self.events: list[Envelope] = []

    def publish(self, *events: Envelope) -> None:
        self._before(events)
        self.events.extend(events)


def eventually(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not true() and time.monotonic() < deadline:
        time.sleep(0.002)
    return true()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pumping, "_LONGEST_WAIT", 0.01)
    monkeypatch.setattr(pumping, "_GRACE_SECONDS", 0.2)


def test_tweets_and_what_is_none_go_to_their_topics() -> None:
    raw, dead = InMemoryTopic(), InMemoryTopic()
    pump = Pump(raw, dead, stop=threading.Event())

    pump.run(ListSource(a_file(a_tweet(1), a_stranger(2), a_tweet(3))))

    assert [event.id for event in raw.events] == ["1", "3"]
    assert len(dead.events) == 1
    assert pump.tally == pumping.Tally(read=3, published=2, rejected=1, place="f", line=3)


def test_a_batch_is_full_by_number_or_by_size() -> None:
    many = list(batches(a_file(*map(a_tweet, range(1, 2 * MAX_EVENTS + 202)))))
    large = list(batches(a_file(*(a_tweet(n, MAX_BYTES // 3 + 1) for n in range(1, 8)))))

    assert [len(batch.raw) for batch in many] == [MAX_EVENTS, MAX_EVENTS, 201]
    assert [len(batch.raw) for batch in large] == [3, 3, 1]


def test_a_mark_never_goes_before_its_line() -> None:
    steps: list[Step] = []
    for page in range(3):
        steps += [*map(a_tweet, range(MAX_EVENTS - 100)), Mark("f", page + 1)]
    marks = [batch.marks for batch in batches(iter(steps))]

    assert marks == [[Mark("f", 1)], [Mark("f", 2)], [Mark("f", 3)]]


def test_a_pause_sends_out_what_there_is() -> None:
    steps: list[Step] = [a_tweet(1), Mark("f", 1), Pause(), Pause(), a_tweet(2)]

    assert [len(batch.raw) for batch in batches(iter(steps))] == [1, 0, 1]


def test_a_line_is_confirmed_after_it_was_published() -> None:
    journal: list[str] = []
    raw = Broker(lambda events: journal.append(f"published {len(events)}"))
    pump = Pump(raw, InMemoryTopic(), stop=threading.Event(), in_flight=1)

    pump.run(ListSource(a_file(*map(a_tweet, range(1, MAX_EVENTS + 201))), journal))

    assert journal == [
        f"published {MAX_EVENTS}",
        f"confirmed {MAX_EVENTS - 1}",
        "published 200",
        f"confirmed {MAX_EVENTS + 200} all",
    ]


def test_lines_are_confirmed_in_order_however_batches_finish() -> None:
    second = threading.Event()

    def first_waits(events: Sequence[Envelope]) -> None:
        if events[0].id == "1":
            assert second.wait(10)
        else:
            second.set()

    source = ListSource(a_file(*map(a_tweet, range(1, 2 * MAX_EVENTS + 1))))
    Pump(Broker(first_waits), InMemoryTopic(), stop=threading.Event()).run(source)

    ends = (f"{MAX_EVENTS - 1}", f"{2 * MAX_EVENTS - 1}", f"{2 * MAX_EVENTS} all")
    assert source.journal == [f"confirmed {end}" for end in ends]


def test_while_the_broker_is_away_nothing_is_confirmed_and_little_is_read() -> None:
    away, read, tries = threading.Event(), [0], [0]

    def refuse(_: Sequence[Envelope]) -> None:
        tries[0] += 1
        if not away.is_set():
            raise PublishFailed("away")

    def endless() -> Iterator[Step]:
        for step in a_file(*(a_tweet(n) for n in range(1, 20_001))):
            read[0] += isinstance(step, Tweet)
            yield step

    raw, source = Broker(refuse), ListSource(endless())
    pump = Pump(raw, InMemoryTopic(), stop=threading.Event())
    worker = threading.Thread(target=pump.run, args=(source,), daemon=True)
    worker.start()

    assert eventually(lambda: tries[0] > 30)
    assert source.journal == []
    assert read[0] <= (pumping.IN_FLIGHT + 1) * MAX_EVENTS
    away.set()
    worker.join(20)
    assert {int(event.id) for event in raw.events} == set(range(1, 20_001))
    assert source.journal[-1] == "confirmed 20000 all"


def test_a_stop_confirms_what_is_in_flight_and_reads_no_more() -> None:
    stop = threading.Event()
    raw = Broker(lambda _: stop.set())
    source = ListSource(a_file(*(a_tweet(n) for n in range(1, 100_001))))

    Pump(raw, InMemoryTopic(), stop=stop).run(source)

    assert MAX_EVENTS <= len(raw.events) < 100_000
    assert source.journal[-1] == f"confirmed {len(raw.events)}"


def test_a_stop_within_a_page_finishes_the_page() -> None:
    stop = threading.Event()

    def a_page() -> Iterator[Step]:
        yield a_tweet(1)
        stop.set()
        yield from (a_tweet(2), Mark("f", 1), a_tweet(3), Mark("f", 2))

    raw, source = InMemoryTopic(), ListSource(a_page())
    Pump(raw, InMemoryTopic(), stop=stop).run(source)

    assert [event.id for event in raw.events] == ["1", "2"]
    assert source.journal == ["confirmed 1"]


def test_a_stop_while_the_broker_is_away_leaves_the_rest_unconfirmed() -> None:
    stop = threading.Event()

    def refuse(_: Sequence[Envelope]) -> None:
        stop.set()
        raise PublishFailed("away")

    source = ListSource(a_file(a_tweet(1)))
    with pytest.raises(PublishFailed, match="away"):
        Pump(Broker(refuse), InMemoryTopic(), stop=stop).run(source)

    assert source.journal == []


def test_a_stop_does_not_wait_for_a_broker_that_hangs() -> None:
    stop, hanging = threading.Event(), threading.Event()

    def hang(_: Sequence[Envelope]) -> None:
        stop.set()
        hanging.wait(30)

    source = ListSource(a_file(a_tweet(1)))
    with pytest.raises(PublishFailed, match="did not answer before the stop"):
        Pump(Broker(hang), InMemoryTopic(), stop=stop).run(source)
    hanging.set()

    assert source.journal == []


def test_a_fault_of_ours_is_not_tried_again() -> None:
    def break_down(_: Sequence[Envelope]) -> None:
        raise KeyError("a mistake")

    with pytest.raises(KeyError):
        Pump(Broker(break_down), InMemoryTopic(), stop=threading.Event()).run(
            ListSource(a_file(a_tweet(1)))
        )


def test_a_limit_ends_behind_its_last_tweet() -> None:
    steps = list(limited(a_file(a_stranger(1), a_tweet(2), a_tweet(3), a_tweet(4)), 2))

    assert [step.id for step in steps if isinstance(step, Tweet)] == ["2", "3"]
    assert steps[-1] == Mark("f", 3)


def test_a_limit_within_a_page_ends_before_its_mark() -> None:
    steps = list(limited(iter([a_tweet(1), a_tweet(2), Mark("f", 1)]), 1))

    assert steps == [a_tweet(1)]


class PacedClock:
    """Seconds that pass only by waiting."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def paced(self, tweets: int, rate: float) -> list[Step]:
        file = a_file(*map(a_tweet, range(1, tweets + 1)))
        return list(paced(file, rate, wait=self.wait, clock=lambda: self.now))


def test_a_slow_pace_is_even_and_holds_nothing_back() -> None:
    clock = PacedClock()
    steps = clock.paced(tweets=4, rate=2)

    assert clock.waits == [0.5, 0.5, 0.5]
    assert steps.count(Pause()) == 3


def test_at_a_fast_pace_some_tweets_go_out_together() -> None:
    clock = PacedClock()
    steps = clock.paced(tweets=1_000, rate=500)

    assert clock.now == pytest.approx(999 / 500)
    assert 30 <= steps.count(Pause()) <= 40


def test_an_empty_batch_is_not_full() -> None:
    assert not Batch().full

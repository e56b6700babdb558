"""The loop around the connection, with connections that a test writes down and time that flies."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ingestor.x.answers import Cause, Ended, Refused
from ingestor.x.budget import Budget
from ingestor.x.listen import OPEN, PARKED, WAITING, Loop
from ingestor.x.rules import Existing
from ingestor.x.rules_file import RulesInvalid
from x_source import A_RULE, NOON, Clock, Offline, a_line, an_id, at, gap_events

Script = Callable[[Loop], Ended]


class FlyingStop:
    """An event whose waits pass at once, by the clock; set when the script is at its end."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.waits: list[float] = []
        self.on_wait: Callable[[], None] = lambda: None
        self._set = False

    def set(self) -> None:
        self._set = True

    def is_set(self) -> bool:
        return self._set

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.clock.now += seconds
        self.on_wait()
        return self._set


@dataclass
class FakeConnection:
    """Plays one step of the script."""

    loop: Loop
    play: Script
    asked: list[dict[str, Any]]
    kicked: list[Ended] = field(default_factory=list)

    def run(self, **params: Any) -> Ended:
        self.asked.append(params)
        return self.play(self.loop)

    def kick(self, ended: Ended) -> None:
        self.kicked.append(ended)


@dataclass
class FakeApi:
    there: list[dict[str, Any]] = field(default_factory=list)
    evicted: list[str] = field(default_factory=list)

    def connections(self) -> list[dict[str, Any]]:
        return self.there

    def evict(self, ids: Sequence[str]) -> None:
        self.evicted += ids


class Played:
    """A loop that plays a script and stops."""

    def __init__(self, x: Offline, *script: Script, **more: Any) -> None:
        self.x = x
        self.stop = FlyingStop(x.clock)
        self.api = FakeApi()
        self.asked: list[dict[str, Any]] = []
        self.when: list[float] = []
        self.statuses: list[tuple[str, str]] = []
        self.tokens = [False] * 10_000
        self.reconciled: list[Callable[[], Sequence[Existing]]] = []
        self._script = list(script)
        self.loop = Loop(
            self._connect,
            self.api,
            **{
                "reconcile": self._reconcile,
                "reload": lambda: self.tokens.pop(0),
                "state": x.state,
                "ledger": x.ledger,
                "buffer": x.buffer,
                "gaps": x.gaps,
                "metrics": x.metrics,
                "stop": self.stop,
                "fields": {"tweet_fields": "id,text"},
                "clock": x.clock,
                **more,
            },
        )
        self.loop.intake = x.intake
        self.stop.on_wait = lambda: self.statuses.append(
            (self.loop.status.name, self.loop.status.detail)
        )

    def run(self) -> "Played":
        self.loop.run()
        return self

    def _connect(self, loop: Loop) -> FakeConnection:
        self.when.append(self.x.clock.now - NOON.timestamp())
        play = self._script.pop(0)
        if not self._script:
            self.stop.on_wait = lambda: None
        return FakeConnection(loop, lambda loop: self._last(play(loop)), self.asked)

    def _last(self, ended: Ended) -> Ended:
        if not self._script:
            self.stop.set()
        return ended

    def _reconcile(self) -> Sequence[Existing]:
        return self.reconciled.pop(0)() if self.reconciled else [A_RULE]


def refused(cause: Cause, **more: Any) -> Script:
    return lambda _: Ended(cause, f"told to: {cause}", **more)


def heard(*ids: int, seconds: float = 5, cause: Cause = Cause.CLOSED) -> Script:
    """A connection that brings these, and ends so long after the last of them."""

    def play(loop: Loop) -> Ended:
        clock = loop._clock  # noqa: SLF001 - the test's own
        loop.opened(clock())
        for id in ids:
            loop.line(a_line(id))
        assert isinstance(clock, Clock)
        clock.now += seconds
        return Ended(cause, "told to", opened=True)

    return play


def test_an_open_stream_that_ends_is_opened_again_at_once(tmp_path: Path) -> None:
    played = Played(Offline(tmp_path), heard(an_id(0)), heard(an_id(6)), heard()).run()

    assert played.when == [0, 5, 10]
    assert played.stop.waits == []
    assert played.asked[0] == {"tweet_fields": "id,text"}


def test_what_is_between_two_connections_is_a_hole_from_the_last_byte_on(tmp_path: Path) -> None:
    x = Offline(tmp_path)
    Played(x, heard(an_id(0), seconds=7, cause=Cause.STALL), heard()).run()

    closed, opened = x.known()
    assert (closed.start, closed.end, closed.cause) == (at(0), at(7), "stall")
    assert (opened.start, opened.end) == (at(7), None)
    (gap,) = gap_events(x.published())
    assert (gap["from"], gap["to"], gap["repair"]) == (
        "2026-11-27T12:00:00.000Z",
        "2026-11-27T12:00:07.000Z",
        "pending",
    )


def test_the_first_connection_ends_no_hole(tmp_path: Path) -> None:
    x = Offline(tmp_path)
    Played(x, refused(Cause.HTTP), heard()).run()

    assert gap_events(x.published()) == []


def test_a_failed_attempt_prolongs_the_hole_and_its_cause_stays(tmp_path: Path) -> None:
    x = Offline(tmp_path)
    Played(x, heard(cause=Cause.STALL), refused(Cause.HTTP), refused(Cause.NETWORK), heard()).run()

    (gap,) = gap_events(x.published())
    assert (gap["cause"], gap["to"]) == ("stall", "2026-11-27T12:00:10.250Z")


@pytest.mark.parametrize(
    ("cause", "when"),
    [
        (Cause.NETWORK, [0, 0.25, 0.75, 1.5]),
        (Cause.HTTP, [0, 5, 15, 35]),
        (Cause.RATE_LIMIT, [0, 60, 180, 420]),
        (Cause.CONNECTIONS, [0, 0, 5, 15]),
        (Cause.CREDITS, [0, 900, 1_800, 2_700]),
    ],
)
def test_attempts_are_as_far_apart_as_their_cause_says(
    tmp_path: Path, cause: Cause, when: list[float]
) -> None:
    played = Played(Offline(tmp_path), *[refused(cause)] * 3, heard()).run()

    assert played.when == pytest.approx(when, abs=1.5)


def test_a_server_that_ends_every_stream_is_not_asked_more_often_than_x_allows(
    tmp_path: Path,
) -> None:
    played = Played(Offline(tmp_path), *[heard(seconds=0)] * 60).run()

    for begin in played.when:
        assert sum(begin <= moment < begin + 900 for moment in played.when) <= 46


def test_connects_are_counted_across_restarts(tmp_path: Path) -> None:
    x = Offline(tmp_path)
    when: list[float] = []
    for _ in range(30):  # a process that dies at each connect
        when += Played(x, heard(seconds=0)).run().when
        x = x.again()

    assert when[9] == 0
    assert when[10] == pytest.approx(25.7, abs=0.1)


@pytest.mark.parametrize(
    ("cause", "advice"),
    [
        (Cause.UNAUTHORIZED, "put a valid bearer token in place"),
        (Cause.FORBIDDEN, "the app has no access"),
        (Cause.CREDITS, "buy credits"),
        (Cause.USAGE_CAP, "X's own cap is reached"),
        (Cause.REQUEST, "X does not take the request"),
    ],
)
def test_what_a_person_has_to_mend_is_parked_with_what_to_do(
    tmp_path: Path, cause: Cause, advice: str
) -> None:
    played = Played(Offline(tmp_path), refused(cause), heard()).run()

    assert {name for name, _ in played.statuses} == {PARKED}
    assert all(f"told to: {cause}; {advice}" in detail for _, detail in played.statuses)


def test_a_new_token_in_the_file_ends_the_parking_at_once(tmp_path: Path) -> None:
    played = Played(Offline(tmp_path), refused(Cause.UNAUTHORIZED), heard())
    played.tokens = [False, False, False, True, False]
    played.run()

    assert played.when[1] < 5


def test_a_token_that_has_changed_already_is_tried_at_once(tmp_path: Path) -> None:
    played = Played(Offline(tmp_path), refused(Cause.UNAUTHORIZED), heard())
    played.tokens = [True]
    played.run()

    assert played.when == [0, 0]


def a_connection(id: str, seconds: float) -> dict[str, Any]:
    return {
        "id": id,
        "endpoint_name": "filtered_stream",
        "connected_at": at(seconds).isoformat(),
        "client_ip": "10.0.0.1",
    }


@pytest.mark.parametrize(
    ("evict", "closed"), [("own", ["ours"]), ("any", ["theirs", "ours"]), ("never", [])]
)
def test_our_own_stale_connection_is_closed_and_that_of_others_is_not(
    tmp_path: Path, evict: str, closed: list[str]
) -> None:
    played = Played(
        Offline(tmp_path),
        heard(seconds=60),
        refused(Cause.CONNECTIONS),
        heard(),
        evict=evict,
    )
    played.api.there = [a_connection("theirs", 30), a_connection("ours", 1), {"id": "odd"}]
    played.run()

    assert [id for id in played.api.evicted if id != "odd"] == closed
    assert played.when == [0, 60, 60]


def test_our_connection_is_known_after_a_crash(tmp_path: Path) -> None:
    x = Offline(tmp_path)
    Played(x, heard(seconds=60)).run()
    played = Played(x.again(), refused(Cause.CONNECTIONS), heard())
    played.api.there = [a_connection("ours", 0)]
    played.run()

    assert played.api.evicted == ["ours"]


def test_missing_rules_are_put_in_order_and_the_stream_opened(tmp_path: Path) -> None:
    played = Played(Offline(tmp_path), refused(Cause.RULES), heard())
    done: list[str] = []

    def reconcile() -> Sequence[Existing]:
        done.append("reconciled")
        return [A_RULE]

    played.reconciled = [reconcile, reconcile]
    played.run()

    assert done == ["reconciled", "reconciled"]
    assert played.when == [0, 0]


def test_rules_that_cannot_be_put_in_order_yet_are_tried_again_by_cause(tmp_path: Path) -> None:
    played = Played(Offline(tmp_path), heard())

    def refuse() -> Sequence[Existing]:
        raise Refused(Ended(Cause.HTTP, "503"))

    played.reconciled = [refuse, refuse]
    played.run()

    assert played.stop.waits == [5, 10]


def test_invalid_rules_stop_the_start_but_nothing_later(tmp_path: Path) -> None:
    def refuse() -> Sequence[Existing]:
        raise RulesInvalid(["line 3: no"])

    at_start = Played(Offline(tmp_path / "a"), heard())
    at_start.reconciled = [refuse]
    with pytest.raises(RulesInvalid):
        at_start.run()

    later = Played(Offline(tmp_path / "b"), refused(Cause.RULES), heard())
    later.reconciled = [lambda: [A_RULE], refuse]
    assert later.run().when == [0, 0]


def test_a_fault_of_ours_is_raised(tmp_path: Path) -> None:
    played = Played(Offline(tmp_path), refused(Cause.FAULT, fault=KeyError("a mistake")))

    with pytest.raises(KeyError, match="a mistake"):
        played.run()


def test_with_the_budget_used_up_it_waits_for_the_next_day(tmp_path: Path) -> None:
    x = Offline(tmp_path, Budget(per_day=2))
    played = Played(x, heard(an_id(0), an_id(1), cause=Cause.BUDGET), heard(an_id(2))).run()

    assert played.when[1] == pytest.approx(12 * 3600, abs=2)
    assert (PARKED, "the budget of this day is used up; resumes at 2026-11-28T00:00:00+00:00") in (
        played.statuses
    )
    (gap,) = [one for one in gap_events(x.published()) if one["repair"] == "pending"]
    assert gap["cause"] == "budget"


def test_with_memory_and_disk_full_it_waits_until_half_is_taken(tmp_path: Path) -> None:
    x = Offline(tmp_path, memory=4_000, disk=3_000)
    ids = [an_id(0, number) for number in range(100)]
    played = Played(x, heard(*ids, cause=Cause.BACK_PRESSURE), heard())
    taken: list[Any] = []
    played.stop.on_wait = lambda: (
        taken.append(x.published()) if x.clock.now > at(60).timestamp() else None
    )
    played.run()

    assert 60 <= played.when[1] < 70


def test_when_nothing_can_be_counted_nothing_is_read(tmp_path: Path) -> None:
    x = Offline(tmp_path)
    blocked = tmp_path / "state" / "budget.json.new"
    blocked.mkdir()
    played = Played(x, heard())
    played.stop.on_wait = lambda: (
        blocked.rmdir() if x.clock.now > at(35).timestamp() and blocked.exists() else None
    )
    played.run()

    assert played.when[0] == pytest.approx(40, abs=1)


def test_backfill_is_asked_for_as_long_as_the_hole_is(tmp_path: Path) -> None:
    x = Offline(tmp_path)
    played = Played(
        x,
        heard(seconds=0),
        *[refused(Cause.HTTP)] * 4,
        heard(an_id(1), an_id(76)),
        heard(),
        backfill=True,
    ).run()

    assert "backfill_minutes" not in played.asked[0]
    assert [one.get("backfill_minutes") for one in played.asked[1:6]] == ["1", "2", "2", "2", "3"]


def test_a_backfill_is_at_its_end_when_x_has_nothing_to_send(tmp_path: Path) -> None:
    x = Offline(tmp_path)

    def filled(loop: Loop) -> Ended:
        loop.opened(x.clock())
        for id in (an_id(1), an_id(2), an_id(1), an_id(1_000)):
            loop.line(a_line(id))
        loop.keep_alive()
        loop.keep_alive()
        return Ended(Cause.CLOSED, opened=True)

    Played(x, heard(seconds=10), filled, backfill=True).run()

    (*_, gap) = [one for one in gap_events(x.published()) if one["repair"] == "backfill"]
    assert gap.items() >= {"complete": True, "found": 3, "recovered": 2}.items()


def test_a_backfill_is_at_its_end_when_the_stream_has_gone_on_without_what_was_before(
    tmp_path: Path,
) -> None:
    x = Offline(tmp_path)
    done: list[bool] = []

    def slow(loop: Loop) -> Ended:
        loop.opened(x.clock())
        for ids, seconds in [
            ([an_id(1), an_id(19)], 61),  # after a minute it is still under way
            ([an_id(2), an_id(24), an_id(3)], 0),  # of 15 s, behind which came what was before
            ([an_id(32)], 0),
            ([an_id(35)], 0),
        ]:
            for id in ids:
                loop.line(a_line(id))
            x.clock.now += seconds
            loop.tick()
            done.append(not x.gaps.filling)
        return Ended(Cause.CLOSED, opened=True)

    Played(x, heard(seconds=10), slow, backfill=True).run()

    assert done == [False, False, False, True]
    (*_, gap) = [one for one in gap_events(x.published()) if one["repair"] == "backfill"]
    assert gap.items() >= {"complete": True, "recovered": 7}.items()


def test_a_backfill_without_an_end_is_left_to_search(tmp_path: Path) -> None:
    x = Offline(tmp_path)

    def endless(loop: Loop) -> Ended:
        loop.opened(x.clock())
        for _ in range(7):
            assert x.gaps.filling
            loop.line(a_line(an_id(1)))
            x.clock.now += 100
            loop.intake.heard = x.clock.now
            loop.tick()
        assert not x.gaps.filling
        return Ended(Cause.CLOSED, opened=True)

    Played(x, heard(seconds=10), endless, backfill=True).run()

    assert {one["repair"] for one in gap_events(x.published())} == {"pending"}


def test_a_backfill_that_breaks_off_is_asked_for_again_from_the_same_start(tmp_path: Path) -> None:
    x = Offline(tmp_path)
    played = Played(
        x, heard(seconds=100), heard(an_id(1), seconds=50), heard(), backfill=True
    ).run()

    assert [one.get("backfill_minutes") for one in played.asked] == [None, "3", "4"]
    assert {one["repair"] for one in gap_events(x.published())} == {"pending"}


def test_a_backfill_that_x_refuses_is_left_out_from_then_on(tmp_path: Path) -> None:
    played = Played(
        Offline(tmp_path), heard(), refused(Cause.REQUEST), heard(), heard(), backfill=True
    ).run()

    asked = [one.get("backfill_minutes") for one in played.asked]
    assert asked == [None, "2", None, None]


def test_silence_kicks_the_connection(tmp_path: Path) -> None:
    x = Offline(tmp_path)
    kicked: list[Ended] = []

    def silent(loop: Loop) -> Ended:
        loop.opened(x.clock())
        for second in (20, 45, 46):
            x.clock.to(second)
            if second == 20:
                loop.keep_alive()
            loop.tick()
            stream = loop._stream  # noqa: SLF001 - what it kicks
            assert isinstance(stream, FakeConnection)
            kicked[:] = stream.kicked
            assert bool(kicked) == (second > 45)
        return kicked[0]

    Played(x, silent).run()

    assert kicked[0].cause is Cause.STALL


def test_what_is_durable_moves_on_with_what_the_broker_has(tmp_path: Path) -> None:
    x = Offline(tmp_path)
    found: list[Any] = []

    def play(loop: Loop) -> Ended:
        loop.opened(x.clock())
        for second in (10, 20, 30):
            x.clock.to(second)
            loop.line(a_line(an_id(second)))
        loop.write()
        found.append(x.state.position.heard)
        group = x.buffer.take()
        x.buffer.confirmed(group[0][0])
        loop.write()
        found.append(x.state.position.heard)
        x.buffer.confirmed(group[-1][0])
        x.clock.to(60)
        loop.keep_alive()
        loop.write()
        found.append(x.state.position.heard)
        return Ended(Cause.CLOSED, opened=True)

    Played(x, play).run()

    assert found == [at(10), at(20), at(60)]


def test_after_a_crash_the_hole_covers_what_was_only_in_memory(tmp_path: Path) -> None:
    x = Offline(tmp_path)

    def play(loop: Loop) -> Ended:
        loop.opened(x.clock())
        x.clock.to(10)
        loop.line(a_line(an_id(9)))
        x.clock.to(30)
        loop.keep_alive()
        loop.write()
        raise SystemExit

    with pytest.raises(SystemExit):
        Played(x, play).run()
    again = x.again()
    again.clock.to(50)
    again.gaps.recover()
    Played(again, heard()).run()

    (gap,) = gap_events(again.published())
    assert (gap["from"], gap["to"], gap["cause"]) == (
        "2026-11-27T12:00:10.000Z",
        "2026-11-27T12:00:50.000Z",
        "crash",
    )


def test_a_crash_right_after_the_first_connection_is_a_hole_from_there_on(tmp_path: Path) -> None:
    x = Offline(tmp_path)
    x.clock.to(5)

    def play(loop: Loop) -> Ended:
        loop.opened(x.clock())
        loop.line(a_line(an_id(4)))
        raise SystemExit

    with pytest.raises(SystemExit):
        Played(x, play).run()
    again = x.again()
    again.gaps.recover()

    assert [(hole.start, hole.cause) for hole in again.known()] == [(at(5), "crash")]


def test_a_planned_restart_is_a_hole_that_says_so(tmp_path: Path) -> None:
    x = Offline(tmp_path)
    played = Played(x, heard(an_id(0), cause=Cause.SHUTDOWN)).run()
    x.published()
    played.loop.write(Cause.SHUTDOWN)
    again = x.again()
    again.gaps.recover()
    Played(again, heard()).run()

    (gap,) = gap_events(again.published())
    assert (gap["from"], gap["cause"]) == ("2026-11-27T12:00:00.000Z", "shutdown")


def test_an_open_hole_is_stated_after_a_minute_and_then_every_ten(tmp_path: Path) -> None:
    x = Offline(tmp_path)
    x.gaps.begin(at(0), "stall")
    for second in range(0, 1_400, 10):
        x.clock.to(second)
        x.gaps.still()

    gaps = gap_events(x.published())
    assert [gap["to"][11:19] for gap in gaps] == ["12:01:00", "12:11:00", "12:21:00"]
    assert [gap["revision"] for gap in gaps] == [1, 2, 3]
    assert {gap["repair"] for gap in gaps} == {"open"}


def test_silence_of_the_rules_is_told_once_and_takes_nothing_down(tmp_path: Path) -> None:
    x = Offline(tmp_path)
    told: list[bool] = []

    def quiet(loop: Loop) -> Ended:
        loop.opened(x.clock())
        for second in range(0, 1_000, 20):
            x.clock.to(second)
            loop.keep_alive()
            loop.tick()
            told.append(loop.quiet)
        return Ended(Cause.CLOSED, opened=True)

    Played(x, quiet).run()

    assert told.count(False) == 46
    assert told[-4:] == [True] * 4


def test_most_of_the_budget_is_told_of_once_a_day(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    x = Offline(tmp_path, Budget(per_day=10))

    def play(loop: Loop) -> Ended:
        loop.opened(x.clock())
        for number in range(9):
            loop.line(a_line(an_id(0, number)))
            loop.tick()
        return Ended(Cause.CLOSED, opened=True)

    Played(x, play).run()

    said = [one for one in caplog.messages if "of the budget" in one]
    assert said == ["80 % of the budget of this day is used up"]


def test_its_status_is_open_while_it_is(tmp_path: Path) -> None:
    seen: list[str] = []

    def play(loop: Loop) -> Ended:
        loop.opened(0)
        seen.append(loop.status.name)
        return Ended(Cause.HTTP, opened=False)

    played = Played(Offline(tmp_path), play, heard()).run()

    assert seen == [OPEN]
    assert played.statuses[0] == (WAITING, "for 5.0 s after http: ")

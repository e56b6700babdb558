"""Rules for faults: which one happens to what, how often, and the same again for the same seed."""

from typing import Any

import pytest

from tweetlog_local.x_api.faults import FaultError, Faults

STREAM = "/stream"


def some_faults(*rules: dict[str, Any]) -> Faults:
    faults = Faults(STREAM)
    faults.add(rules)
    return faults


def fired(faults: Faults, lines: int) -> list[str]:
    """Return what happens to so many lines of the stream."""
    found = (faults.on_stream(STREAM, number, idle=False) for number in range(lines))
    return [fault.kind if fault else "" for fault in found]


def test_a_fault_happens_once_and_not_again() -> None:
    assert fired(some_faults({"kind": "end"}), 3) == ["end", "", ""]


def test_a_fault_happens_so_often_or_always() -> None:
    assert fired(some_faults({"kind": "end", "count": 2}), 4) == ["end", "end", "", ""]
    assert fired(some_faults({"kind": "end", "count": None}), 3) == ["end"] * 3


def test_a_fault_waits_for_so_many_tweets() -> None:
    assert fired(some_faults({"kind": "end", "after": 2}), 4) == ["", "", "end", ""]


def test_chance_is_the_same_for_the_same_seed_and_not_for_different_rules() -> None:
    often = {"probability": 0.1, "count": None}
    end, tear = {"kind": "end", **often}, {"kind": "tear", **often}

    first = fired(some_faults(end), 500)

    assert first == fired(some_faults(end), 500)
    assert 20 < first.count("end") < 100
    assert first != fired(some_faults({**end, "seed": 1}), 500)
    other = fired(some_faults(tear), 500)
    assert [bool(one) for one in first] != [bool(one) for one in other]


def test_a_fault_is_about_the_filtered_stream_or_the_path_it_names() -> None:
    faults = some_faults({"kind": "hang_up", "path": "/search"}, {"kind": "no_answer"})

    assert faults.on_request("/other") is None
    assert getattr(faults.on_request("/search"), "kind", None) == "hang_up"
    assert getattr(faults.on_request(STREAM), "kind", None) == "no_answer"


def test_an_idle_stream_is_asked_for_what_is_certain_only() -> None:
    faults = some_faults({"kind": "end", "probability": 0.99})

    assert faults.on_stream(STREAM, 0, idle=True) is None
    assert some_faults({"kind": "end"}).on_stream(STREAM, 0, idle=True) is not None


def test_tweets_are_looked_at_one_by_one_only_while_something_may_happen_to_them() -> None:
    faults = some_faults({"kind": "repeat"}, {"kind": "hang_up"})
    assert faults.concern_lines(STREAM)

    assert faults.on_line(STREAM, 0) is not None

    assert not faults.concern_lines(STREAM)


def test_faults_are_added_all_or_none_and_cleared() -> None:
    faults = some_faults({"kind": "end"})
    with pytest.raises(FaultError):
        faults.add([{"kind": "tear"}, {"kind": "melt"}])
    assert [rule["kind"] for rule in faults.shown()] == ["end"]

    faults.clear()

    assert not faults

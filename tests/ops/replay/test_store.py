"""The replay's SQL, on the embedded BigQuery with the warehouse's own tables."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from builders import a_payload
from ops.replay.event_log import Log, an_event_log, envelope, literal
from ops.replay.replays import NOON, a_selection
from tweetlog_ops.replay.account import account, fates
from tweetlog_ops.replay.source import EventStore, Logged

if TYPE_CHECKING:
    from tweetlog_ops.warehouse import Parameter

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Log]:
    with an_event_log(tmp_path_factory.mktemp("bigquery")) as log:
        yield log


@pytest.fixture
def log(server: Log) -> Log:
    server.clear()
    return server


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def ids(messages: Sequence[Logged]) -> list[str]:
    return [one.position.message_id for one in messages]


def test_messages_come_oldest_first_bytes_and_attributes_as_they_were(log: Log) -> None:
    payload = a_payload("1", text="naïve 😀 \\ ' \" \u2028 tab\t")
    log.add((at(2), "b", a_payload("2")), (at(1), "z", payload), (at(2), "a", a_payload("3")))

    found = log.read(a_selection())

    assert ids(found) == ["z", "a", "b"]
    assert found[0].data == json.dumps(payload).encode()
    assert found[0].attributes == envelope(payload)


def test_the_window_has_its_first_moment_and_not_its_last(log: Log) -> None:
    log.add(*((at(n), str(n), a_payload(str(n))) for n in (1, 2, 3)))

    assert ids(log.read(a_selection(since=at(1), until=at(3)))) == ["1", "2"]


@pytest.mark.parametrize("most", [1, 2, 7, 100])
def test_every_slice_size_gives_every_message_once(log: Log, most: int) -> None:
    # Hours apart, bunched in one second, and at one and the same moment.
    moments = [0, 4000, 4000.5, 4000.5, 4000.5, 4001, 4002, 4003, 20_000]
    log.add(*((at(m), f"{n:02}", a_payload(str(n + 1))) for n, m in enumerate(moments)))
    # Pub/Sub wrote one of them twice.
    log.add((at(4001), "05", a_payload("6")))

    found = log.read(a_selection(until=at(90_000)), most=most)

    assert ids(found) == [f"{n:02}" for n in range(9)]


def test_reading_goes_on_behind_any_position(log: Log) -> None:
    moments = [0, 1, 1, 1, 2, 3600]
    log.add(*((at(m), str(n), a_payload(str(n + 1))) for n, m in enumerate(moments)))
    whole = log.read(a_selection(until=at(9000)))

    for nth, one in enumerate(whole):
        rest = log.read(a_selection(until=at(9000)), after=one.position, most=2)
        assert ids(rest) == ids(whole)[nth + 1 :]


def test_what_a_tombstone_covers_comes_without_its_content(log: Log) -> None:
    by = {"author_id": "7"}
    log.add(*((at(n), str(n), a_payload(str(n), **by)) for n in (100, 200, 300)))
    log.add((at(400), "400", a_payload("150", author_id="8")))
    log.run("INSERT INTO deletions (tweet_id) VALUES ('300')")
    log.run(
        "INSERT INTO verdicts (verdict_id, effect, user_id, up_to_tweet_id) "
        "VALUES ('delete-user-7', 'delete', '7', 150), ('scrub-tweet-150', 'scrub', NULL, NULL)"
    )

    found = log.read(a_selection())

    assert [(one.position.message_id, one.covered) for one in found] == [
        ("100", True),
        ("200", False),
        ("300", True),
        ("400", False),
    ]
    assert [one.data == b"" for one in found] == [True, False, True, False]


def test_an_event_whose_content_was_removed_is_not_sent(log: Log) -> None:
    log.add((at(1), "1", a_payload("1")), (at(2), "2", a_payload("2")))
    log.run("UPDATE raw_events SET data = '' WHERE message_id = '1'")

    assert [one.covered for one in log.read(a_selection())] == [True, False]


def test_a_part_is_chosen_by_id_language_and_rule(log: Log) -> None:
    ruled = {"matching_rules": [{"id": "9", "tag": "cats"}, {"id": "10", "tag": "x'y"}]}
    log.add(
        (at(1), "1", a_payload("1", lang="de")),
        (at(2), "2", a_payload("2", lang="en") | ruled),
        (at(3), "3", a_payload("3", lang="de") | ruled),
    )

    def chosen(**more: Any) -> list[str]:
        return ids(log.read(a_selection(**more)))

    assert chosen(lang="de") == ["1", "3"]
    assert chosen(rule="cats") == chosen(rule="10") == chosen(rule="x'y") == ["2", "3"]
    assert chosen(ids=("3", "1", "99")) == ["1", "3"]
    assert chosen(ids=("3", "2"), lang="de", rule="9") == ["3"]
    assert chosen(ids=()) == chosen(rule="dogs") == []


def test_data_that_is_no_json_is_no_fault_of_the_choice(log: Log) -> None:
    log.add((at(1), "1", a_payload("1")))
    log.run("UPDATE raw_events SET data = '{no json' WHERE message_id = '1'")

    assert log.read(a_selection(lang="de")) == log.read(a_selection(rule="cats")) == []
    assert ids(log.read(a_selection())) == ["1"]


def a_letter(log: Log, tweet_id: str, when: datetime, replay: str = "") -> None:
    attributes = {"ce-id": tweet_id} | ({"ce-replayid": replay} if replay else {})
    data = {
        "stage": "enrich",
        "reason_class": "bad",
        "rejected_id": tweet_id,
        "attributes": attributes,
    }
    letter = {"ce-id": f"{tweet_id}-enrich-bad", "ce-type": "tweetlog.event.rejected.v1"}
    values = f"'{when.isoformat()}', '{tweet_id}', {literal(json.dumps(data))}"
    log.run(
        "INSERT INTO dead_letters (publish_time, message_id, data, attributes) "  # noqa: S608 - our own values
        f"VALUES ({values}, JSON {literal(json.dumps(letter))})"
    )


def test_what_was_rejected_before_is_chosen_and_what_the_replay_rejects_is_not(log: Log) -> None:
    log.add(*((at(n), str(n), a_payload(str(n))) for n in (1, 2, 3)))
    a_letter(log, "1", at(5))
    a_letter(log, "2", at(70))

    assert ids(log.read(a_selection(dead_letters=True, asked=at(60)))) == ["1"]


def test_hours_are_counted_with_what_tombstones_cover(log: Log) -> None:
    log.add(*((at(n), str(n), a_payload(str(n))) for n in (1, 2, 3700)))
    log.run("INSERT INTO deletions (tweet_id) VALUES ('2')")
    store = EventStore(log.ask, a_selection(until=at(9000)))

    hours = store.hours()

    assert [(one.events, one.deleted) for one in hours] == [(2, 1), (1, 0)]
    size = store.event_bytes(hours)
    compact = json.dumps(envelope(a_payload("1")), separators=(",", ":"))
    assert size == len(json.dumps(a_payload("1"))) + len(compact)
    assert EventStore(log.ask, a_selection(since=at(-9), until=at(-1))).hours() == []


def test_each_tweet_comes_to_one_fate(log: Log) -> None:
    log.add(*((at(n), str(n), a_payload(str(n))) for n in range(1, 8)))
    # The same tweet, observed again.
    log.add((at(8), "8", a_payload("1")))
    a_letter(log, "3", at(60), replay="r1")
    a_letter(log, "4", at(60), replay="r0")
    log.run("INSERT INTO deletions (tweet_id) VALUES ('5')")
    log.run(
        "INSERT INTO tweets (tweet_id, enricher_version, replay_id) VALUES "
        "('1', 41, 'r1'), ('2', 41, 'r0'), ('3', 40, NULL), ('6', 40, NULL), ('9', 41, 'r1')"
    )
    selection = a_selection()
    given: dict[str, Parameter] = {"replay": "r1", "version": 41, "began": NOON}

    found = account(log.ask(fates(selection, "tweets"), selection.parameters | given))

    assert found.counts == {
        "changed": 1,
        "unchanged": 1,
        "rejected": 1,
        "deleted": 1,
        "older": 1,
        "missing": 2,
    }
    assert found.named == ["4", "7", "6"]
    assert (found.examined, found.pending) == (7, 3)

"""Dead letters of every stage, redriven and discarded through the command, on real servers."""

import argparse
import json
from collections.abc import Iterator
from typing import Any

import pytest

from builders import a_payload
from tweetlog import events
from tweetlog.errors import InvalidEvent
from tweetlog.rejection import unparsed
from tweetlog_ops import data_dir
from tweetlog_ops.cli import main
from tweetlog_ops.lane import LIVE, STORES
from tweetlog_ops.message import Message, carrying
from tweetlog_ops.publishing import Publisher
from tweetlog_ops.site import Site, opened

pytestmark = [pytest.mark.servers, pytest.mark.slow]

IDS = [str(1700000000000000000 + n) for n in range(5)]
CUT = b'{"data":{"id":"1800000000000000000","text":"cut"}'
# Mends an event that has no text; fails on the one whose id ends in what TRAP says.
PATCH = """python3 -c '
import json, sys
event = json.load(sys.stdin)
if event["id"].endswith("TRAP"): sys.exit("cannot mend this")
event["data"]["data"]["text"] = "mended"
print(json.dumps(event))'"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A local cloud with rejections of each stage; commands find it as a run under way."""
    folder = data_dir.opened(tmp_path_factory.mktemp("site") / "data").path
    place = argparse.Namespace(project=None, data_dir=folder, dataset="tweetlog")
    with opened(place) as site:
        site.start(LIVE)
        textless = [events.received(id, json.dumps({"data": {"id": id}}).encode()) for id in IDS]
        broken = events.enriched(events.received("17", b"{}"), b"{", version=1)
        cut = unparsed(CUT, InvalidEvent("cut", reason_class="not_json"), stage="ingest", origin={})
        exhausted = events.received("18", json.dumps(a_payload("18")).encode())
        broker = {"CloudPubSubDeadLetterSourceSubscription": "tweets-raw-enricher"}
        with Publisher(site.project) as publisher:
            publisher.publish([carrying(one, "tweets-raw") for one in textless])
            publisher.publish([carrying(broken, "tweets-enriched"), carrying(cut, "tweets-dead")])
            message = carrying(exhausted, "tweets-dead")
            publisher.publish(
                [Message(message.topic, message.data, {**message.attributes, **broker})]
            )
        site.drain(*LIVE.subscriptions, *STORES)
        yield site


def tweetlog(site: Site, *arguments: str) -> int:
    assert site.local
    return main(["deadletters", *arguments, "--data-dir", str(site.local.folder.path)])


def listed(
    site: Site, capsys: pytest.CaptureFixture[str], *arguments: str
) -> dict[tuple[str, str], int]:
    capsys.readouterr()
    assert tweetlog(site, "list", "--format", "json", *arguments) == 0
    groups: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return {(one["stage"], one["reason_class"]): one["letters"] for one in groups}


def loaded(site: Site, id: str) -> list[Any]:
    sql = "SELECT text, replay_id FROM tweets WHERE tweet_id = @id"
    return [tuple(row) for row in site.warehouse.query(sql, {"id": id}).rows]


def test_letters_of_every_stage_are_listed_and_told_apart(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert listed(site, capsys) == {
        ("enrich", "not_a_tweet"): 5,
        ("ingest", "not_json"): 1,
        ("loader", "not_json"): 1,
        ("tweets-raw-enricher", "deliveries_exhausted"): 1,
    }


def test_a_letter_is_shown_with_its_envelope_and_bytes(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tweetlog(site, "show", f"{IDS[0]}-enrich-not_a_tweet") == 0

    shown = capsys.readouterr().out
    assert "reason: 1700000000000000000: a tweet has a text" in shown
    assert f"ce-id: {IDS[0]}" in shown
    assert f'{{"data": {{"id": "{IDS[0]}"}}}}' in shown


def test_an_unknown_letter_is_said(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert tweetlog(site, "show", "nobody") == 2
    assert capsys.readouterr().err == "tweetlog: nobody: no such dead letter\n"


def test_letters_go_through_their_lives(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """One after the other: each step starts from what the one before it left."""
    # As it is: rejected again for the same reason, the same letter.
    assert tweetlog(site, "redrive", f"{IDS[0]}-enrich-not_a_tweet") == 1
    assert "rejected again: 1" in capsys.readouterr().out
    assert listed(site, capsys)["enrich", "not_a_tweet"] == 5

    # A patch that fails on the third: two are done, and say so.
    failing = PATCH.replace("TRAP", IDS[2][-3:])
    assert tweetlog(site, "redrive", "--stage", "enrich", "--patch", failing) == 1
    said = capsys.readouterr()
    assert "cannot mend this" in said.err
    assert "2 were redriven before it" in said.err
    assert listed(site, capsys)["enrich", "not_a_tweet"] == 3
    assert loaded(site, IDS[0])[0][0] == "mended"

    # Mended: it goes on with the other three, and each is a row that says where it comes from.
    assert tweetlog(site, "redrive", "--stage", "enrich", "--patch", PATCH) == 0
    assert "redriven 3 to tweets-raw\n" in capsys.readouterr().out
    rows = [loaded(site, id) for id in IDS]
    assert [row[0][0] for row in rows] == ["mended"] * 5
    assert all(row[0][1].startswith("redrive-") for row in rows)

    # Again: nothing is sent twice, and no row changes.
    assert tweetlog(site, "redrive", *(f"{id}-enrich-not_a_tweet" for id in IDS)) == 0
    assert "5 had been redriven before" in capsys.readouterr().out
    assert [loaded(site, id) for id in IDS] == rows

    # What the broker gave up goes to the service that failed it; the ingestor's is read again.
    assert tweetlog(site, "redrive", "--stage", "tweets-raw-enricher") == 0
    assert loaded(site, "18")[0][0] == "hello"
    assert tweetlog(site, "redrive", "--stage", "ingest") == 1
    assert "rejected again: not JSON" in capsys.readouterr().err
    assert tweetlog(site, "redrive", "--stage", "ingest", "--patch", "sed 's/$/}/'") == 0
    assert loaded(site, "1800000000000000000")[0][0] == "cut"

    # Given up: kept, and no longer listed.
    assert tweetlog(site, "discard", "--stage", "loader", "--why", "it was a test") == 0
    assert listed(site, capsys) == {}
    assert listed(site, capsys, "--status", "discarded") == {("loader", "not_json"): 1}
    assert tweetlog(site, "show", "17-v1-loader-not_json") == 0
    assert "why: it was a test" in capsys.readouterr().out

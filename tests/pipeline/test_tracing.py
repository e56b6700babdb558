"""One trace of each tweet, from the ingestor to the loader, through real processes and Pub/Sub."""

import json
from pathlib import Path

import pytest

from builders import a_payload
from otlp_collector import Collector, Sent, collecting
from tweetlog import events
from tweetlog_command import Pipeline

TWEETS = [str(1_590_000_000_000_000_000 + n) for n in range(20)]
# What of a row may differ between two runs: when it came, and in which message.
DERIVED = "SELECT * EXCEPT (loaded_at, enriched_at) FROM tweets ORDER BY tweet_id"


def a_file(folder: Path) -> Path:
    file = folder / "tweets.ndjson"
    lines = [json.dumps(a_payload(one, text=f"tweet {one} #tag")) for one in TWEETS]
    file.write_text("\n".join([*lines, '{"data": {"id": "7"}}']) + "\n")
    return file


def played(file: Path, *arguments: str) -> Pipeline:
    pipeline = Pipeline(file.parent / f"data{len(arguments)}")
    done = pipeline.run(str(file), *arguments)
    assert done.code == 0, done.err
    return pipeline


def in_order(spans: list[Sent]) -> list[Sent]:
    """Return a chain of spans, each the child of the one before it."""
    (first,) = [span for span in spans if not span.parent]
    chain = [first]
    while children := [span for span in spans if span.parent == chain[-1].id]:
        (child,) = children
        chain.append(child)
    return chain


def assert_whole(collector: Collector) -> None:
    for tweet in TWEETS:
        spans = collector.about(tweet)
        assert [(span.service, span.name) for span in in_order(spans)] == [
            ("ingestor", "publish"),
            ("enricher", "enrich"),
            ("loader", "load"),
        ]
        assert {span.trace for span in spans} == {events.digest(events.TWEETS, tweet)}
        assert not any(span.failed for span in spans)
    assert len(collector.spans) == 3 * len(TWEETS)


@pytest.mark.servers
def test_a_tweet_leaves_one_trace_and_no_other_mark_when_pushed(tmp_path: Path) -> None:
    file = a_file(tmp_path)
    plain = played(file)
    with collecting() as collector:
        traced = played(file, "--tracing", collector.address)

    assert_whole(collector)
    assert traced.rows(DERIVED) == plain.rows(DERIVED)
    assert logged(traced) == logged(plain)
    assert dead_letters(traced) == dead_letters(plain)


@pytest.mark.servers
def test_a_tweet_leaves_one_trace_when_pulled(tmp_path: Path) -> None:
    with collecting() as collector:
        played(a_file(tmp_path), "--delivery", "pull", "--tracing", collector.address)

    assert_whole(collector)


def logged(pipeline: Pipeline) -> list[tuple[str, dict[str, str]]]:
    rows = pipeline.rows("SELECT data, attributes FROM raw_events")
    return sorted(((row["data"], untraced(row["attributes"])) for row in rows), key=str)


def dead_letters(pipeline: Pipeline) -> list[tuple[str, dict[str, str]]]:
    rows = pipeline.rows("SELECT data, attributes FROM dead_letters")
    return [(row["data"], untraced(row["attributes"])) for row in rows]


def untraced(attributes: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in attributes.items() if name != "ce-traceparent"}

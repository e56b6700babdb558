from tweetlog_ops.replay.quote import Size, legs, readable, shown, span


def a_size(**more: int) -> Size:
    return Size(
        **(
            {"events": 10**6, "covered": 0, "event_bytes": 1_800, "table_bytes": 0, "rate": 500}
            | more
        )
    )


def test_a_million_tweets_cost_what_the_price_list_says() -> None:
    found = {leg.name: leg for leg in legs(a_size())}

    # 1.8 GB at $6.25 and $40 per TiB.
    assert round(found["read raw_events (BigQuery)"].dollars, 4) == 0.0102
    assert round(found["publish to the replay topic (Pub/Sub)"].dollars, 4) == 0.0655


def test_what_is_covered_is_read_and_not_sent() -> None:
    found = legs(a_size(covered=10**6))

    assert found[0].events == 10**6
    assert sum(leg.events for leg in found[1:]) == 0
    assert sum(leg.dollars for leg in found[1:]) == 0


def test_each_apply_of_changes_reads_the_whole_table() -> None:
    # 1,000,000 events at 500 a second take 2,000 s: applied at least twice, and once at the end.
    last = legs(a_size(table_bytes=20 * 2**30))[-1]

    assert round(last.dollars, 3) == round(3 * 20 / 1024 * 6.25, 3)


def test_the_quote_says_how_long_and_how_much() -> None:
    text = shown(legs(a_size(covered=7)), a_size(covered=7))

    assert "33 min 20 s at 500 events a second" in text
    assert "7 are covered by tombstones" in text
    assert text.splitlines()[9].startswith("all ")


def test_without_a_rate_no_time_is_promised() -> None:
    assert "as fast as it goes" in shown(legs(a_size(rate=0)), a_size(rate=0))


def test_bytes_and_times_are_readable() -> None:
    assert [readable(n) for n in (0, 999, 1_500, 2.5e9, 7e15)] == [
        "0 B",
        "999 B",
        "1.5 kB",
        "2.5 GB",
        "7,000.0 TB",
    ]
    assert [span(n) for n in (0.4, 61, 7_260)] == ["0 s", "1 min 1 s", "2 h 1 min"]

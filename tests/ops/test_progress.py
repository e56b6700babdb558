import io
from typing import Any

from tweetlog_ops.progress import Counts, Display, counted, line, since


def stats(**published: int) -> dict[str, Any]:
    return {
        "topics": {
            f"projects/p/topics/{t.replace('_', '-')}": {"published": n}
            for t, n in published.items()
        },
        "subscriptions": {
            "projects/p/subscriptions/tweets-enriched-loader": {
                "backlog": 3,
                "oldest_unacked_seconds": 1.5,
            },
            "projects/p/subscriptions/tweets-raw-enricher": {
                "backlog": 2,
                "oldest_unacked_seconds": None,
            },
        },
    }


def test_what_the_loader_has_acknowledged_is_loaded() -> None:
    counts = counted(stats(tweets_raw=10, tweets_enriched=8, tweets_dead=1), "p")

    assert counts == Counts(read=10, enriched=8, loaded=5, rejected=1, waiting=5, lag=1.5)


def test_no_answer_counts_nothing() -> None:
    assert counted({}, "p") == Counts()


def test_a_run_counts_from_its_own_start() -> None:
    now = Counts(read=10, enriched=9, loaded=8, rejected=2, waiting=1, lag=0.5)

    assert since(now, Counts(5, 5, 5, 1, 9, 9.0)) == Counts(5, 4, 3, 1, 1, 0.5)


def test_a_line_has_every_count() -> None:
    assert line(Counts(1000, 900, 800, 7, 5, 0.25), 412.4) == (
        "read 1,000  enriched 900  loaded 800  rejected 7  412/s  lag 0.2 s"
    )


def test_a_pipe_gets_plain_lines_now_and_then() -> None:
    out = io.StringIO()
    display = Display(out)

    display.show(Counts(read=1))
    display.show(Counts(read=2))
    display.close(Counts(read=3, loaded=3), seconds=1.5)

    assert [text.split()[1] for text in out.getvalue().splitlines()] == ["1", "3"]
    assert "2/s" in out.getvalue()
    assert "\x1b" not in out.getvalue()

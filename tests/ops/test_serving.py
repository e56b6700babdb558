from datetime import UTC, datetime

import pytest

from tweetlog_ops import project
from tweetlog_ops.serving import BY_LAYOUT, CURRENT, Serving, served, view
from tweetlog_ops.statements import read

PROMOTED = Serving("tweets_v2", "tweets", datetime(2026, 1, 31, 12, 0, 0, 123_000, tzinfo=UTC))
ROLLED_BACK = Serving("tweets", "tweets_v2", datetime(2026, 2, 1, tzinfo=UTC), rollback=True)


def statement(serving: Serving) -> str:
    (found,) = [
        one.sql
        for one in read(project.warehouse_sql(), dataset="tweetlog", served=serving)
        if one.name == CURRENT
    ]
    return found


def labels(sql: str) -> dict[str, str]:
    inside = sql.split("labels = [")[1].split("]", maxsplit=1)[0]
    pairs = inside.strip("()").split("), (")
    return dict(pair.replace("'", "").split(", ") for pair in pairs)


@pytest.mark.parametrize("serving", [PROMOTED, ROLLED_BACK])
@pytest.mark.parametrize("layout", BY_LAYOUT)
def test_what_the_view_was_made_for_is_read_back_from_its_labels(
    serving: Serving, layout: str
) -> None:
    assert served(labels(statement(serving)), layout=layout) == serving


def test_the_view_reads_what_it_serves() -> None:
    assert statement(PROMOTED).endswith("SELECT * FROM tweetlog.tweets_v2")


@pytest.mark.parametrize("layout", BY_LAYOUT)
def test_without_a_promotion_the_layout_decides(layout: str) -> None:
    assert served({}, layout=layout) == Serving(BY_LAYOUT[layout])
    assert served(labels(statement(Serving("tweets"))), layout=layout).table == BY_LAYOUT[layout]


def test_a_view_for_a_view_made_before_changes_only_what_it_serves() -> None:
    once = view(statement(Serving("tweets")), PROMOTED)

    assert once == statement(PROMOTED)

"""Asks the warehouse what `verify` compares."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tweetlog_ops import verify
from tweetlog_ops.serving import CURRENT
from tweetlog_ops.statements import for_dataset
from tweetlog_ops.verify import Verdict
from tweetlog_ops.warehouse import Warehouse

_BEGINNING = datetime(2006, 3, 21, tzinfo=UTC)  # X's first post


def proven(
    warehouse: Warehouse,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    grace: timedelta = timedelta(),
    table: str = CURRENT,
) -> Verdict:
    """Return the verdict on what was published from `since` to `until`.

    Args:
        warehouse: where both the log and the table are.
        since: the first moment; the beginning if None.
        until: the first moment that no longer counts; now if None.
        grace: how young an event may be and still be under way.
        table: the table of tweets; by default what the views read.
    """
    now = datetime.now(UTC)
    tomorrow = now + timedelta(days=1)
    moments = {
        "from": since or _BEGINNING,
        "to": until or tomorrow,
        "settled": now - grace if grace else tomorrow,
    }

    def rows(sql: str) -> list[dict[str, object]]:
        of_table = sql.replace(f"tweetlog.{CURRENT}", f"tweetlog.{table}")
        return warehouse.query(for_dataset(of_table, warehouse.dataset), moments).dicts()

    whole = since is None and until is None
    verdict = Verdict(
        windows=rows(verify.WINDOWS),
        faults=[],
        unlogged=rows(verify.UNLOGGED if whole else verify.UNLOGGED_IN_WINDOW),
        rejections=rows(verify.REJECTIONS),
        content=rows(verify.CONTENT),
        tombstones=rows(verify.TOMBSTONES),
    )
    # To name them costs the comparison once more.
    named = verdict.total("missing") or verdict.total("doubled")
    return replace(verdict, faults=rows(verify.FAULTS)) if named else verdict

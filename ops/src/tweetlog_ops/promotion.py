"""Another table of tweets takes the place of the one that is shown, and gives it back.

One statement changes what every view reads, so a reader sees all of the one table or all of the
other. Before it, the table that comes has to have every tweet that the table that goes has.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tweetlog import events
from tweetlog_ops import project, serving, statements
from tweetlog_ops import shadow as shadows
from tweetlog_ops.asked import check_there
from tweetlog_ops.errors import CommandError
from tweetlog_ops.lane import LIVE, REPLAY, SHADOW, STORES
from tweetlog_ops.message import carrying
from tweetlog_ops.publishing import Publisher
from tweetlog_ops.serving import CURRENT, Serving
from tweetlog_ops.site import Site
from tweetlog_ops.statements import for_dataset
from tweetlog_ops.tombstones import uncovered

_WRONG_CALL = 2

# What the first table has and the second has not, but for what a tombstone covers.
_LACKING = """
SELECT COUNT(*) AS tweets, ARRAY_AGG(t.tweet_id ORDER BY t.tweet_id LIMIT 5) AS ids
FROM ({there}) AS t
LEFT JOIN tweetlog.{lacks} AS c ON c.tweet_id = t.tweet_id
WHERE c.tweet_id IS NULL AND t.loaded_at < @settled"""


@dataclass(frozen=True, slots=True)
class Guard:
    """How a swap is kept from losing tweets.

    Attributes:
        grace: how young a row may be and still be on its way to the other table.
        force: swap although tweets are lacking.
    """

    grace: timedelta
    force: bool


def promote(site: Site, table: str, guard: Guard) -> str:
    """Show `table`; return what was done, as a line.

    Raises:
        CommandError: if there is no such table, or it lacks tweets that are shown.
    """
    now = _served(site)
    check_there(site.warehouse.names(), table)
    if now.table == table:
        _record(site, now)
        return f"{table} is shown already, since {_since(now)}\n"
    there = shadows.found(site.project)
    if not guard.force and not (there and there.into == table and there.whole):
        raise CommandError(
            f"{table} does not get what is live: `tweetlog replay --into {table}` without a window "
            "or a part makes it a shadow; or add --force",
            exit_code=_WRONG_CALL,
        )
    return _swapped(site, Serving(table, now.table, _now()), now, guard)


def rollback(site: Site, guard: Guard) -> str:
    """Show the table that was shown before the last promotion; return what was done, as a line.

    Raises:
        CommandError: if nothing was promoted, or the table lacks tweets that are shown.
    """
    now = _served(site)
    if now.rollback or not now.before:
        _record(site, now)
        line = f"{now.table} is shown and was not promoted: there is nothing to take back"
        raise CommandError(line, exit_code=_WRONG_CALL)
    check_there(site.warehouse.names(), now.before)
    return _swapped(site, Serving(now.before, now.table, _now(), rollback=True), now, guard)


def retire(site: Site, table: str, guard: Guard) -> str:
    """End what a shadow is for: drop the table that is not shown; return what was done, as a line.

    Raises:
        CommandError: if it is shown, or has what the shown one lacks.
    """
    now, there = _served(site), shadows.found(site.project)
    check_there(site.warehouse.names(), table)
    if table == now.table:
        line = f"{table} is what is shown; promote another one or roll back first"
        raise CommandError(line, exit_code=_WRONG_CALL)
    if there and table not in (there.into, there.beside):
        there = None
    elif there is None and table in serving.BY_LAYOUT.values() and not now.promoted:
        raise CommandError(f"{table}: the warehouse's own table", exit_code=_WRONG_CALL)
    if there and table == there.beside:
        _check_handed_over(site, table, guard)
        _catch_up(site)
        _check_lacks_nothing(site, has=table, lacks=now.table, guard=guard)
    if there:
        shadows.remove(site.project)
        site.note_enricher(None)
    site.warehouse.query(for_dataset(f"DROP TABLE tweetlog.{table}", site.warehouse.dataset))
    return f"{table} is dropped; the live lane writes to {site.kept().table}\n"


def _swapped(site: Site, to: Serving, now: Serving, guard: Guard) -> str:
    _catch_up(site)
    if not guard.force:
        _check_lacks_nothing(site, has=now.table, lacks=to.table, guard=guard)
    _serve(site, to)
    _record(site, to)
    back = "" if to.rollback else "; `tweetlog rollback` takes it back"
    return f"{to.table} is shown since {_since(to)}, in place of {now.table}{back}\n"


def _served(site: Site) -> Serving:
    return serving.served(site.warehouse.labels(CURRENT), layout=site.layout())


def _serve(site: Site, to: Serving) -> None:
    """Change what the views read: one statement, so all of it or nothing."""
    wanted = statements.read(project.warehouse_sql(), dataset=site.warehouse.dataset, served=to)
    (swap,) = (one.sql for one in wanted if one.name == CURRENT)
    site.warehouse.query(swap)


def _record(site: Site, now: Serving) -> None:
    """Have the log say what the view says; it follows from the view, so it may be said again."""
    if now.since is None:
        return
    event = events.promoted(now.table, before=now.before, since=now.since, rollback=now.rollback)
    with Publisher(site.project) as publisher:
        publisher.publish([carrying(event, LIVE.raw)])
    site.drain(*STORES)


def _catch_up(site: Site) -> None:
    """Let the shadow get what is under way; in the cloud it does so all the time."""
    there = shadows.found(site.project)
    if there and site.local:
        site.start(REPLAY, table=there.into, enricher=site.noted_enricher())
        site.drain(SHADOW, *REPLAY.subscriptions)


def _check_lacks_nothing(site: Site, *, has: str, lacks: str, guard: Guard) -> None:
    warehouse = site.warehouse
    sql = _LACKING.format(there=uncovered(has), lacks=lacks)
    settled = datetime.now(UTC) - guard.grace
    (row,) = warehouse.query(for_dataset(sql, warehouse.dataset), {"settled": settled}).dicts()
    if row["tweets"]:
        raise CommandError(
            f"{lacks} lacks {row['tweets']:,} tweets that {has} has, such as {row['ids'][0]}: "
            f"`tweetlog replay --into {lacks}` brings them; or add --force"
        )


def _check_handed_over(site: Site, table: str, guard: Guard) -> None:
    """Raise CommandError if the live lane still writes to the table."""
    if site.local:
        if not site.local.ours:
            raise CommandError("a run is under way and writes to it; stop it first", exit_code=2)
        return
    sql = f"SELECT MAX(loaded_at) AS newest FROM tweetlog.{table}"
    (row,) = site.warehouse.query(for_dataset(sql, site.warehouse.dataset)).dicts()
    if not guard.force and row["newest"] and row["newest"] > datetime.now(UTC) - guard.grace:
        raise CommandError(
            f"{table} got a row at {row['newest']:%H:%M:%S}: the live loader still writes to it; "
            f"deploy it with TWEETLOG_TWEETS_TABLE={_served(site).table}, and wait"
        )


def _now() -> datetime:
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def _since(now: Serving) -> str:
    return events.rfc3339(now.since) if now.since else "the start"

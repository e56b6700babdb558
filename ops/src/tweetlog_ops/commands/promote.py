"""`tweetlog promote`, `rollback` and `retire`: which table of tweets is shown."""

import argparse
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

from tweetlog_ops.arguments import Commands, add_place, command, whole_number
from tweetlog_ops.asked import check_applied

if TYPE_CHECKING:
    from collections.abc import Callable

    from tweetlog_ops.promotion import Guard
    from tweetlog_ops.site import Site

# In the cloud the two tables are up to 15 minutes behind what was written, each by its own clock
# (max_staleness in tables.sql).
_CLOUD_GRACE, _LOCAL_GRACE = 1800, 30


def add(commands: Commands) -> None:
    """Declare the commands."""
    promoted = command(
        commands,
        "promote",
        _promote,
        help="show another table of tweets: every view reads it from now on",
        example="tweetlog promote tweets_v2",
    )
    promoted.add_argument("table", metavar="TABLE", help="made by `tweetlog replay --into`")
    rolled_back = command(
        commands,
        "rollback",
        _rollback,
        help="show the table of tweets again that was shown before the last promotion",
        example="tweetlog rollback",
    )
    retired = command(
        commands,
        "retire",
        _retire,
        help="end a shadow: drop the table of the two that is not shown",
        example="tweetlog retire tweets",
    )
    retired.add_argument("table", metavar="TABLE", help="what is no longer needed")
    for declared in (promoted, rolled_back, retired):
        _add_guard(declared)
        add_place(declared)


def _add_guard(declared: argparse.ArgumentParser) -> None:
    declared.add_argument(
        "--grace",
        type=whole_number,
        metavar="SECONDS",
        help="younger rows may be on their way to the other table "
        f"(default: {_LOCAL_GRACE} locally, {_CLOUD_GRACE} in the cloud)",
    )
    declared.add_argument(
        "--force", action="store_true", help="even if the other table lacks tweets"
    )


def _promote(parsed: argparse.Namespace) -> int:
    from tweetlog_ops.promotion import promote  # noqa: PLC0415 - slow to import: only what needs it waits

    return _done(parsed, lambda site, guard: promote(site, parsed.table, guard))


def _rollback(parsed: argparse.Namespace) -> int:
    from tweetlog_ops.promotion import rollback  # noqa: PLC0415 - as above

    return _done(parsed, rollback)


def _retire(parsed: argparse.Namespace) -> int:
    from tweetlog_ops.promotion import retire  # noqa: PLC0415 - as above

    return _done(parsed, lambda site, guard: retire(site, parsed.table, guard))


def _done(parsed: argparse.Namespace, act: "Callable[[Site, Guard], str]") -> int:
    from tweetlog_ops.promotion import Guard  # noqa: PLC0415 - as above
    from tweetlog_ops.site import opened  # noqa: PLC0415 - as above

    default = _CLOUD_GRACE if parsed.project else _LOCAL_GRACE
    grace = timedelta(seconds=default if parsed.grace is None else parsed.grace)
    with opened(parsed) as site:
        check_applied(site.warehouse)
        sys.stdout.write(act(site, Guard(grace, parsed.force)))
        sys.stdout.flush()
    return 0

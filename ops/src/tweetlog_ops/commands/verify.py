"""`tweetlog verify`: whether every logged event is in the table once."""

import argparse
import json
import sys
from datetime import UTC, datetime, timedelta

from tweetlog_ops import verify
from tweetlog_ops.arguments import (
    WRONG_CALL,
    Commands,
    add_place,
    add_window,
    command,
    whole_number,
    window,
)
from tweetlog_ops.asked import asked_warehouse, check_applied, check_there
from tweetlog_ops.errors import CommandError
from tweetlog_ops.serving import CURRENT


def add(commands: Commands) -> None:
    """Declare the command."""
    declared = command(
        commands,
        "verify",
        _verify,
        help="prove that every logged event is in the table once, or says why not",
        example="tweetlog verify --last 2d --grace 3600 --format prometheus",
    )
    add_window(declared)
    declared.add_argument(
        "--last", metavar="TIME", help="published in the last 30m, 48h or 7d, and no window"
    )
    declared.add_argument(
        "--table", metavar="TABLE", help="prove this table of tweets, not the one that is shown"
    )
    declared.add_argument(
        "--grace",
        type=whole_number,
        default=0,
        metavar="SECONDS",
        help="younger events may still be under way (default: 0)",
    )
    declared.add_argument("--format", choices=("table", "json", "prometheus"), default="table")
    add_place(declared)


def _verify(parsed: argparse.Namespace) -> int:
    from tweetlog_ops.checking import proven  # noqa: PLC0415 - slow to import: only what needs it waits

    since, until = _window(parsed)
    with asked_warehouse(parsed) as warehouse:
        check_applied(warehouse)
        table = parsed.table or CURRENT
        check_there(warehouse.names(), table)
        grace = timedelta(seconds=parsed.grace)
        verdict = proven(warehouse, since=since, until=until, grace=grace, table=table)
    sys.stdout.write(_shown(verdict, parsed.format))
    return 0 if verdict.clean else 1


def _window(parsed: argparse.Namespace) -> tuple[datetime | None, datetime | None]:
    if parsed.last is None:
        return window(parsed)
    if parsed.since or parsed.until:
        raise CommandError("--last is a window: leave --from and --to out", exit_code=WRONG_CALL)
    try:
        return datetime.now(UTC) - verify.span(parsed.last), None
    except (ValueError, OverflowError) as reason:
        raise CommandError(f"--last: {reason}", exit_code=WRONG_CALL) from None


def _shown(verdict: verify.Verdict, form: str) -> str:
    if form == "json":
        return json.dumps(verify.document(verdict), indent=2) + "\n"
    if form == "prometheus":
        return verify.metrics(verdict, at=datetime.now(UTC))
    return verify.report(verdict)

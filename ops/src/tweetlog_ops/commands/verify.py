"""`tweetlog verify`: whether every logged event is in the table once."""

import argparse
import json
import sys
from datetime import timedelta

from tweetlog_ops import verify
from tweetlog_ops.arguments import Commands, add_place, add_window, command, whole_number, window
from tweetlog_ops.asked import asked_warehouse, check_applied


def add(commands: Commands) -> None:
    """Declare the command."""
    declared = command(
        commands,
        "verify",
        _verify,
        help="prove that every logged event is in the table once, or says why not",
        example="tweetlog verify --from 2026-01-31 --to 2026-02-01",
    )
    add_window(declared)
    declared.add_argument(
        "--grace",
        type=whole_number,
        default=0,
        metavar="SECONDS",
        help="younger events may still be under way (default: 0)",
    )
    declared.add_argument("--format", choices=("table", "json"), default="table")
    add_place(declared)


def _verify(parsed: argparse.Namespace) -> int:
    from tweetlog_ops.checking import proven  # noqa: PLC0415 - slow to import: only what needs it waits

    since, until = window(parsed)
    with asked_warehouse(parsed) as warehouse:
        check_applied(warehouse)
        verdict = proven(warehouse, since=since, until=until, grace=timedelta(seconds=parsed.grace))
    if parsed.format == "json":
        sys.stdout.write(json.dumps(verify.document(verdict), indent=2) + "\n")
    else:
        sys.stdout.write(verify.report(verdict))
    return 0 if verdict.clean else 1

"""`tweetlog warehouse`: the warehouse made what its SQL files say."""

import argparse
import sys

from tweetlog_ops import data_dir
from tweetlog_ops.arguments import Commands, add_layout, add_place, command, group
from tweetlog_ops.asked import asked_warehouse


def add(commands: Commands) -> None:
    """Declare the command."""
    inner = group(
        commands,
        "warehouse",
        help="make the warehouse what its SQL files say",
        see="tweetlog warehouse apply --help",
    )
    declared = command(
        inner,
        "apply",
        _apply,
        help="show what is missing of tables, columns and views, and make it; may be repeated",
        example="tweetlog warehouse apply --project my-project --dry-run",
    )
    declared.add_argument("--dry-run", action="store_true", help="show it only")
    add_layout(declared)
    add_place(declared)


def _apply(parsed: argparse.Namespace) -> int:
    from tweetlog_ops.applying import to_apply  # noqa: PLC0415 - slow to import: only what needs it waits

    if not parsed.project:
        data_dir.opened(parsed.data_dir)
    with asked_warehouse(parsed) as warehouse:
        changes = to_apply(warehouse, layout=parsed.layout)
        sys.stdout.writelines(f"{change.words}\n" for change in changes)
        sys.stdout.flush()
        if not parsed.dry_run:
            warehouse.apply(changes)
    sys.stdout.write("nothing was changed\n" if parsed.dry_run else "done\n")
    return 0

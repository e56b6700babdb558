"""`tweetlog smoke`: a real event through the candidates of a deployment."""

import argparse
import sys

from tweetlog_ops.arguments import Commands, whole_number
from tweetlog_ops.statements import DATASET


def add(commands: Commands) -> None:
    """Declare the command."""
    words = "send a real event through revisions without traffic, until it is in the table"
    declared = commands.add_parser(
        "smoke",
        help=words,
        description=f"{words[0].upper()}{words[1:]}. See docs/build.md.",
        epilog="example: tweetlog smoke --project my-project",
    )
    declared.set_defaults(command=_smoke)
    declared.add_argument("--project", required=True, metavar="PROJECT", help="in this project")
    declared.add_argument(
        "--dataset", default=DATASET, metavar="DATASET", help="(default: %(default)s)"
    )
    declared.add_argument(
        "--timeout",
        type=whole_number,
        # The table shows a change after 15 minutes at the latest (max_staleness).
        default=1_200,
        metavar="SECONDS",
        help="how long it may take (default: %(default)s)",
    )


def _smoke(parsed: argparse.Namespace) -> int:
    from tweetlog_ops.publishing import Publisher  # noqa: PLC0415 - slow to import: only what needs it waits
    from tweetlog_ops.smoke import smoke  # noqa: PLC0415 - as above
    from tweetlog_ops.warehouse import Warehouse  # noqa: PLC0415 - as above

    warehouse = Warehouse(parsed.project, parsed.dataset)
    with Publisher(parsed.project) as publisher:
        for one in smoke(warehouse, publisher.publish, seconds=parsed.timeout):
            where = f"tweet {one.tweet_id} through the {one.service}"
            sys.stdout.write(f"{where}: in the table after {one.seconds:.1f} s\n")
            sys.stdout.flush()
    return 0

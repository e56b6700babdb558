"""`tweetlog compliance`: what X says of the posts that are here is done."""

import argparse
import os
import sys
from pathlib import Path

from tweetlog_ops.arguments import WRONG_CALL, Commands, add_place, command, group, whole_number
from tweetlog_ops.asked import check_applied
from tweetlog_ops.commands.delete import add_patience, report, say
from tweetlog_ops.errors import CommandError


def add(commands: Commands) -> None:
    """Declare the commands."""
    inner = group(
        commands,
        "compliance",
        help="ask X what became of the posts that are here, and delete accordingly",
        see="tweetlog compliance run --help",
    )
    declared = command(
        inner,
        "run",
        _run,
        help="a round of X's batch compliance: upload the ids, fetch the verdicts, delete",
        example="tweetlog compliance run --project my-project",
    )
    declared.add_argument(
        "--ids-a-job",
        type=whole_number,
        default=1_000_000,
        metavar="N",
        help="ids in one of X's jobs, 5,000,000 at most (default: %(default)s)",
    )
    declared.add_argument(
        "--poll",
        type=whole_number,
        default=30,
        metavar="SECONDS",
        help="between two looks at a job (default: %(default)s)",
    )
    add_patience(declared)
    add_place(declared)
    _add_stream(inner)


def _add_stream(inner: Commands) -> None:
    declared = command(
        inner,
        "stream",
        _stream,
        help="listen to X's compliance streams (Enterprise), and delete as they tell",
        example="tweetlog compliance stream --project my-project",
    )
    declared.add_argument(
        "--partitions",
        type=int,
        nargs="+",
        choices=(1, 2, 3, 4),
        default=(1, 2, 3, 4),
        metavar="N",
        help="of the four of each stream (default: all)",
    )
    declared.add_argument(
        "--sweep-every",
        type=whole_number,
        default=600,
        metavar="SECONDS",
        help="how long content may stay after its tombstone (default: %(default)s)",
    )
    declared.add_argument(
        "--progress",
        type=Path,
        metavar="FILE",
        help="where it notes until when it has heard "
        "(default: compliance-stream.json in the data folder, or here)",
    )
    add_patience(declared)
    add_place(declared)


def _stream(parsed: argparse.Namespace) -> int:
    from tweetlog_ops import streaming  # noqa: PLC0415 - slow to import: only what needs it waits
    from tweetlog_ops.site import opened  # noqa: PLC0415 - as above
    from tweetlog_ops.x_compliance import Compliance  # noqa: PLC0415 - as above

    x = Compliance(os.environ)
    folder = Path() if parsed.project else parsed.data_dir
    with opened(parsed) as site:
        check_applied(site.warehouse)
        return streaming.followed(
            site,
            x,
            partitions=parsed.partitions,
            progress=parsed.progress or folder / "compliance-stream.json",
            every=parsed.sweep_every,
            patience=parsed.patience,
            report=report,
            say=say,
        )


def _run(parsed: argparse.Namespace) -> int:
    from tweetlog_ops import compliance, deletion  # noqa: PLC0415 - slow to import: only what needs it waits
    from tweetlog_ops.site import opened  # noqa: PLC0415 - as above
    from tweetlog_ops.x_compliance import Compliance  # noqa: PLC0415 - as above

    if not 1 <= parsed.ids_a_job <= compliance.MOST_IDS:
        line = f"--ids-a-job takes 1 to {compliance.MOST_IDS:,}"
        raise CommandError(line, exit_code=WRONG_CALL)
    x = Compliance(os.environ)
    with opened(parsed) as site:
        check_applied(site.warehouse)
        found = compliance.asked(
            site.warehouse, x, most=parsed.ids_a_job, poll=parsed.poll, say=say
        )
        swept = deletion.delete(site, found.batches(), patience=parsed.patience, say=say)
    sys.stdout.write(f"asked about {found.asked:,} ids\n")
    for one in found.batches():
        sys.stdout.write(f"batch {one.id}: {len(one.ids):,} {one.verdict}\n")
    if found.edited:
        line = f"edited since, the latest version was not received: {len(found.edited):,}, such as "
        sys.stdout.write(f"{line}{found.edited[0]}\n")
    if found.refused:
        sys.stdout.write(f"X took {found.refused:,} for no ids\n")
    return report(swept)

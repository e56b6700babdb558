"""`tweetlog delete`: what is deleted on X is deleted here, everywhere, and proven."""

import argparse
import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING

from tweetlog_ops import verify
from tweetlog_ops.arguments import WRONG_CALL, Commands, add_place, command, whole_number
from tweetlog_ops.asked import asked_warehouse, check_applied
from tweetlog_ops.errors import CommandError

if TYPE_CHECKING:
    from tweetlog_ops.deletion import Batch
    from tweetlog_ops.sweep import Swept


def add(commands: Commands) -> None:
    """Declare the command."""
    declared = command(
        commands,
        "delete",
        _delete,
        help="delete tweets everywhere, and prove it; what is deleted stays deleted",
        example="tweetlog delete --ids deleted.txt --verdict deleted",
    )
    what = declared.add_mutually_exclusive_group(required=True)
    what.add_argument("--ids", nargs="+", metavar="FILE|ID", help="these tweets")
    what.add_argument("--users", nargs="+", metavar="FILE|ID", help="all posts of these users")
    what.add_argument(
        "--sweep", action="store_true", help="remove what came late of all that was deleted before"
    )
    what.add_argument(
        "--certificate",
        action="store_true",
        help="show what was removed, where and when, and prove that nothing is left",
    )
    declared.add_argument(
        "--verdict", default="deleted", metavar="VERDICT", help="what X says (default: deleted)"
    )
    declared.add_argument("--at", metavar="TIME", help="when X said so (default: now)")
    declared.add_argument(
        "--up-to", metavar="ID", help="of users: the last post that it is about (default: by --at)"
    )
    add_patience(declared)
    declared.add_argument(
        "--dry-run", action="store_true", help="show only what is here of it, and where"
    )
    declared.add_argument("--format", choices=("table", "json"), default="table")
    add_place(declared)


def _delete(parsed: argparse.Namespace) -> int:
    if parsed.certificate:
        return _certify(parsed)
    from tweetlog_ops import deletion, foreseen  # noqa: PLC0415 - slow to import: only what needs it waits
    from tweetlog_ops.site import opened  # noqa: PLC0415 - as above
    from tweetlog_ops.sweep import sweep  # noqa: PLC0415 - as above

    if parsed.sweep:
        with opened(parsed) as site:
            check_applied(site.warehouse)
            site.start_live()
            return report(sweep(site, patience=parsed.patience, say=say))
    one = _batch(parsed)
    at = _moment(parsed.at)
    if parsed.dry_run:
        with asked_warehouse(parsed) as warehouse:
            check_applied(warehouse)
            sys.stdout.write(foreseen.report(one, foreseen.foreseen(warehouse, one, at=at)))
        return 0
    with opened(parsed) as site:
        check_applied(site.warehouse)
        swept = deletion.delete(site, [one], at=at, patience=parsed.patience, say=say)
    sys.stdout.write(f"batch {one.id}: {len(one.ids):,} {one.verdict}\n")
    return report(swept)


def _batch(parsed: argparse.Namespace) -> "Batch":
    from tweetlog_ops import deletion  # noqa: PLC0415 - as above

    check_verdict(parsed.verdict)
    if parsed.up_to and not parsed.users:
        raise CommandError("--up-to goes with --users", exit_code=WRONG_CALL)
    if parsed.up_to and not parsed.up_to.isdigit():
        raise CommandError(f"--up-to: {parsed.up_to!r} is not an id", exit_code=WRONG_CALL)
    return deletion.batch(
        deletion.ids_of(parsed.users or parsed.ids),
        parsed.verdict,
        users=bool(parsed.users),
        up_to=int(parsed.up_to) if parsed.up_to else None,
    )


def add_patience(declared: argparse.ArgumentParser) -> None:
    """Declare for how long to wait for rows that BigQuery does not let be changed yet."""
    declared.add_argument(
        "--patience",
        type=whole_number,
        default=0,
        metavar="SECONDS",
        help="try again for so long where rows may not be changed yet (default: a later sweep)",
    )


def say(line: str) -> None:
    """Show a line of progress."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def check_verdict(verdict: str) -> None:
    """Raise CommandError unless content is to be removed under this verdict."""
    from tweetlog_ops.deletion import LIFTED, VERDICTS  # noqa: PLC0415 - as above

    if verdict in LIFTED:
        line = f"{verdict}: what was erased cannot be given back; see docs/deletion.md"
        raise CommandError(line, exit_code=WRONG_CALL)
    if verdict not in VERDICTS:
        line = f"--verdict {verdict!r} is not known; it is one of {', '.join(VERDICTS)}"
        raise CommandError(line, exit_code=WRONG_CALL)


def report(swept: "Swept") -> int:
    """Say what a sweep removed and what is left; return the exit code."""
    for place, rows in sorted(swept.removed.items()):
        sys.stdout.write(f"removed from {place}: {rows:,}\n")
    if swept.derived:
        sys.stdout.write(f"tombstones that followed: {swept.derived:,}\n")
    if not swept.removed:
        sys.stdout.write("nothing of it was here\n")
    sys.stdout.flush()
    for line in swept.left:
        sys.stderr.write(f"tweetlog: {line}; `tweetlog delete --sweep` removes it later\n")
    return 1 if swept.left else 0


def _certify(parsed: argparse.Namespace) -> int:
    from tweetlog_ops import certificate  # noqa: PLC0415 - as above

    with asked_warehouse(parsed) as warehouse:
        check_applied(warehouse)
        found = certificate.certificate(warehouse)
    if parsed.format == "json":
        sys.stdout.write(json.dumps(certificate.document(found), indent=2) + "\n")
    else:
        sys.stdout.write(certificate.report(found))
    return 0 if found.clean else 1


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return verify.moment(text)
    except ValueError as reason:
        raise CommandError(f"--at: {reason}", exit_code=WRONG_CALL) from None

"""`tweetlog deadletters`: what was rejected, and what is done about it."""

import argparse
import sys
from typing import TYPE_CHECKING

from tweetlog_ops import answers, showing
from tweetlog_ops.arguments import WRONG_CALL, Commands, add_place, command, group
from tweetlog_ops.asked import asked_warehouse, check_applied
from tweetlog_ops.errors import CommandError

if TYPE_CHECKING:
    from tweetlog_ops.deadletters import Choice, Redriven

_STATUSES = ("open", "redriven", "discarded", "all")


def add(commands: Commands) -> None:
    """Declare the commands."""
    inner = group(
        commands,
        "deadletters",
        help="list, show, redrive and discard what was rejected",
        see="tweetlog deadletters list --help",
    )
    _add_list(inner)
    _add_show(inner)
    _add_redrive(inner)
    _add_discard(inner)


def _add_list(inner: Commands) -> None:
    declared = command(
        inner,
        "list",
        _list,
        help="list dead letters by stage and reason: how many, first and last seen, a sample",
        example="tweetlog deadletters list --stage enrich",
    )
    _add_group(declared)
    declared.add_argument("--status", choices=_STATUSES, default="open", help="(default: open)")
    declared.add_argument("--format", choices=answers.FORMATS, default="table")
    add_place(declared)


def _add_show(inner: Commands) -> None:
    declared = command(
        inner,
        "show",
        _show,
        help="show one dead letter: its reason, envelope, trace and bytes",
        example="tweetlog deadletters show 1590000000000000000-enrich-no_text",
    )
    declared.add_argument("id", metavar="ID", help="as `list` shows one of each group")
    declared.add_argument(
        "--bytes", action="store_true", help="write what was rejected, byte for byte, and no more"
    )
    add_place(declared)


def _add_redrive(inner: Commands) -> None:
    declared = command(
        inner,
        "redrive",
        _redrive,
        help="send dead letters once more to the stage that rejected them, mended or as they are",
        example="tweetlog deadletters redrive --stage enrich --patch 'jq -c \".data.x = 1\"'",
    )
    _add_chosen(declared)
    declared.add_argument(
        "--patch",
        metavar="COMMAND",
        help="mends each: reads the event (CloudEvents JSON; of stage ingest the bytes) from "
        "standard input, prints what takes its place",
    )
    declared.add_argument("--dry-run", action="store_true", help="only count them")
    add_place(declared)


def _add_discard(inner: Commands) -> None:
    declared = command(
        inner,
        "discard",
        _discard,
        help="give dead letters up: they are kept, and no longer listed",
        example="tweetlog deadletters discard --stage ingest --reason-class user --why 'users'",
    )
    _add_chosen(declared)
    declared.add_argument("--why", required=True, metavar="TEXT", help="is kept with them")
    add_place(declared)


def _add_group(declared: argparse.ArgumentParser) -> None:
    declared.add_argument("--stage", metavar="STAGE", help="of this stage only")
    declared.add_argument("--reason-class", metavar="CLASS", help="of this kind of reason only")


def _add_chosen(declared: argparse.ArgumentParser) -> None:
    declared.add_argument("ids", nargs="*", metavar="ID", help="these")
    _add_group(declared)
    declared.add_argument("--all", action="store_true", help="all that are open")


def _list(parsed: argparse.Namespace) -> int:
    from tweetlog_ops.deadletters import Choice, counts, groups  # noqa: PLC0415 - slow to import: only what needs it waits

    status = None if parsed.status == "all" else parsed.status
    choice = Choice(stage=parsed.stage, reason_class=parsed.reason_class, status=status)
    with asked_warehouse(parsed) as warehouse:
        check_applied(warehouse)
        found, by_status = groups(warehouse, choice), counts(warehouse)
    sys.stdout.write(answers.formatted(parsed.format, found.columns, found.types, found.rows))
    if parsed.format == "table":
        each = (f"{count:,} {name}" for name, count in sorted(by_status.items()))
        sys.stdout.write(f"\n{', '.join(each) or 'no dead letters'}\n")
    return 0


def _show(parsed: argparse.Namespace) -> int:
    from tweetlog_ops.deadletters import row_of  # noqa: PLC0415 - as above
    from tweetlog_ops.letters import letter  # noqa: PLC0415 - as above

    with asked_warehouse(parsed) as warehouse:
        check_applied(warehouse)
        row = row_of(warehouse, parsed.id)
    one = letter(row)
    if parsed.bytes:
        sys.stdout.buffer.write(one.data)
    else:
        sys.stdout.write(showing.shown(row, one))
    return 0


def _redrive(parsed: argparse.Namespace) -> int:
    from tweetlog_ops.deadletters import chosen, redrive  # noqa: PLC0415 - as above
    from tweetlog_ops.site import opened  # noqa: PLC0415 - as above

    choice = _choice(parsed)
    if parsed.dry_run:
        with asked_warehouse(parsed) as warehouse:
            check_applied(warehouse)
            sys.stdout.write(f"would redrive {len(chosen(warehouse, choice)):,}\n")
        return 0
    with opened(parsed) as site:
        check_applied(site.warehouse)
        done = redrive(site, chosen(site.warehouse, choice), patch=parsed.patch)
    return _report(done)


def _discard(parsed: argparse.Namespace) -> int:
    from tweetlog_ops.deadletters import chosen, discard  # noqa: PLC0415 - as above
    from tweetlog_ops.site import opened  # noqa: PLC0415 - as above

    choice = _choice(parsed)
    if not parsed.why.strip():
        raise CommandError("--why is empty; say why they are given up", exit_code=WRONG_CALL)
    with opened(parsed) as site:
        check_applied(site.warehouse)
        count = discard(site, chosen(site.warehouse, choice), why=parsed.why.strip())
    sys.stdout.write(f"discarded {count:,}\n")
    return 0


def _choice(parsed: argparse.Namespace) -> "Choice":
    from tweetlog_ops.deadletters import Choice  # noqa: PLC0415 - as above

    grouped = parsed.stage or parsed.reason_class
    if bool(parsed.ids) + bool(grouped) + parsed.all != 1:
        line = "say which: ids, or --stage and --reason-class, or --all"
        raise CommandError(line, exit_code=WRONG_CALL)
    return Choice(tuple(parsed.ids), stage=parsed.stage, reason_class=parsed.reason_class)


def _report(done: "Redriven") -> int:
    for topic, count in sorted(done.to.items()):
        sys.stdout.write(f"redriven {count:,} to {topic}\n")
    if done.done_before:
        sys.stdout.write(f"{done.done_before:,} had been redriven before\n")
    if done.again:
        sys.stdout.write(f"rejected again: {len(done.again):,}, such as {done.again[0]}\n")
    if not (done.to or done.done_before or done.unusable or done.failure):
        sys.stdout.write("nothing to redrive\n")
    sys.stdout.flush()
    for line in done.unusable:
        sys.stderr.write(f"tweetlog: {line}\n")
    if done.failure:
        so_far = sum(done.to.values())
        line = f"{done.failure}; {so_far:,} were redriven before it, the same command goes on"
        sys.stderr.write(f"tweetlog: {line}\n")
    return 1 if done.unusable or done.failure or done.again else 0

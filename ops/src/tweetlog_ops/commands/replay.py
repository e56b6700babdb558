"""`tweetlog replay`: logged events through the services again."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tweetlog_ops.arguments import (
    WRONG_CALL,
    Commands,
    add_place,
    add_window,
    command,
    whole_number,
    window,
)
from tweetlog_ops.asked import check_applied
from tweetlog_ops.errors import CommandError
from tweetlog_ops.statements import check_name

if TYPE_CHECKING:
    from tweetlog_ops.replay.session import Asked

# Leaves what is live its share of the warehouse, and of one machine (bench/replay.py).
_RATE = 500
_PATIENCE_SECONDS = 300


def add(commands: Commands) -> None:
    """Declare the command."""
    declared = command(
        commands,
        "replay",
        _replay,
        help="send logged events through the services again, on a lane of their own",
        example="tweetlog replay --from 2026-01-31 --to 2026-02-01 --rate 500 --dry-run",
    )
    add_window(declared)
    _add_part(declared)
    _add_way(declared)
    add_place(declared)


def _add_part(declared: argparse.ArgumentParser) -> None:
    part = declared.add_argument_group("a part of the window")
    part.add_argument("--rule", metavar="TAG", help="brought by this stream rule, by tag or id")
    part.add_argument("--lang", metavar="CODE", help="in this language, as X says")
    part.add_argument("--ids", metavar="FILE", help="of these tweets, an id a line; - for stdin")
    part.add_argument("--dead-letters", action="store_true", help="rejected by a service")


def _add_way(declared: argparse.ArgumentParser) -> None:
    way = declared.add_argument_group("how")
    way.add_argument("--dry-run", action="store_true", help="only the quote: nothing is sent")
    way.add_argument(
        "--rate",
        type=whole_number,
        default=_RATE,
        metavar="N",
        help="events a second; 0 for as fast as it goes (default: %(default)s)",
    )
    way.add_argument("--into", metavar="TABLE", help="a shadow: write there, beside the live table")
    way.add_argument(
        "--version",
        type=whole_number,
        metavar="V",
        help="refuse unless the replay lane's enricher has this version",
    )
    way.add_argument(
        "--enricher",
        type=Path,
        metavar="PATH",
        help="locally: the replay lane's enricher is of this checkout, or of this Python",
    )
    way.add_argument(
        "--from-topic",
        action="store_true",
        help="read what the topic retains, not the event store",
    )
    way.add_argument("--resume", action="store_true", help="go on where it stopped")
    way.add_argument(
        "--restartable",
        action="store_true",
        help="go on where it stopped, or begin: for a job that is started again when it dies",
    )
    way.add_argument(
        "--progress",
        type=Path,
        metavar="FILE",
        help="where it notes how far it is (default: replay.json in the data folder, or here)",
    )
    way.add_argument(
        "--patience",
        type=whole_number,
        default=_PATIENCE_SECONDS,
        metavar="SECONDS",
        help="give up after so long without an answer (default: %(default)s)",
    )


def _replay(parsed: argparse.Namespace) -> int:
    from tweetlog_ops.replay.session import run  # noqa: PLC0415 - slow to import: only what needs it waits
    from tweetlog_ops.site import opened  # noqa: PLC0415 - as above

    asked = _asked(parsed)
    with opened(parsed) as site:
        check_applied(site.warehouse)
        return run(asked, site)


def _asked(parsed: argparse.Namespace) -> "Asked":
    from tweetlog_ops.local_cloud import enricher_of  # noqa: PLC0415 - as above
    from tweetlog_ops.replay.session import Asked  # noqa: PLC0415 - as above

    since, until = window(parsed)
    if parsed.into:
        check_name(parsed.into)
    if parsed.enricher and parsed.project:
        line = "--enricher is for one machine; in the cloud the replay lane is deployed"
        raise CommandError(line, exit_code=WRONG_CALL)
    enricher_of(parsed.enricher)
    if parsed.from_topic and parsed.dead_letters:
        line = "--dead-letters are found in the event store: leave --from-topic out"
        raise CommandError(line, exit_code=WRONG_CALL)
    place = f"{parsed.project}.{parsed.dataset}" if parsed.project else str(parsed.data_dir)
    folder = Path() if parsed.project else parsed.data_dir
    return Asked(
        place=place,
        again=_again(parsed),
        progress=parsed.progress or folder / "replay.json",
        since=since,
        until=until,
        rule=parsed.rule,
        lang=parsed.lang,
        ids=_ids(parsed.ids),
        dead_letters=parsed.dead_letters,
        from_topic=parsed.from_topic,
        into=parsed.into,
        version=parsed.version,
        enricher=parsed.enricher,
        rate=parsed.rate,
        patience=float(parsed.patience),
        dry_run=parsed.dry_run,
        resume=parsed.resume,
        restartable=parsed.restartable,
    )


def _ids(file: str | None) -> tuple[str, ...] | None:
    from tweetlog_ops.replay.selection import ids_in  # noqa: PLC0415 - as above

    if file is None:
        return None
    if file == "-":
        return ids_in(sys.stdin.read(), where="standard input")
    try:
        return ids_in(Path(file).read_text(), where=file)
    except (OSError, UnicodeDecodeError) as reason:
        line = f"{file}: {getattr(reason, 'strerror', None) or 'not a text'}"
        raise CommandError(line, exit_code=WRONG_CALL) from None


def _again(parsed: argparse.Namespace) -> str:
    """Return how one types this command again; the record knows what was chosen."""
    given = {
        "--data-dir": None if parsed.project else parsed.data_dir,
        "--project": parsed.project,
        "--dataset": parsed.dataset if parsed.project else None,
        "--progress": parsed.progress,
        "--enricher": parsed.enricher,
        "--rate": parsed.rate if parsed.rate != _RATE else None,
    }
    words = [
        f"{name} {shlex.quote(str(value))}" for name, value in given.items() if value is not None
    ]
    return " ".join(["tweetlog replay", *words])

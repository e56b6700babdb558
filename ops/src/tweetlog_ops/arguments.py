"""What the commands have in common on the command line: how each is declared, and its arguments.

A command is a module in `tweetlog_ops.commands` with a function `add`, which declares it.
"""

import argparse
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tweetlog_ops import statements, verify
from tweetlog_ops.errors import CommandError

WRONG_CALL = 2

_DATA_DIR = Path(".tweetlog")
_MOST = 10_000_000

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - no public name
else:  # what takes no parameter at run time
    Commands = argparse.Action


def command(
    commands: Commands,
    name: str,
    action: Callable[[argparse.Namespace], int],
    *,
    help: str,
    example: str,
) -> argparse.ArgumentParser:
    """Declare a command: what runs it, a sentence and an example.

    Args:
        commands: what it is added to.
        name: what is typed.
        action: takes the parsed arguments, returns the exit code.
        help: the sentence.
        example: a whole command line.
    """
    declared: argparse.ArgumentParser = commands.add_parser(
        name, help=help, description=help, epilog=f"example: {example}"
    )
    declared.set_defaults(command=action)
    declared.add_argument(
        "--data-dir",
        type=Path,
        default=_DATA_DIR,
        metavar="DIR",
        help="where a local run keeps its data (default: %(default)s)",
    )
    return declared


def group(commands: Commands, name: str, *, help: str, see: str) -> Commands:
    """Declare a command that only has commands of its own; return what they are added to."""
    declared = commands.add_parser(name, help=help, epilog=f"see: {see}")
    return declared.add_subparsers(required=True, metavar="COMMAND")


def add_place(command: argparse.ArgumentParser) -> None:
    """Let the command ask the cloud's warehouse instead of the local one."""
    command.add_argument(
        "--project", metavar="PROJECT", help="in this Google Cloud project, instead of locally"
    )
    command.add_argument(
        "--dataset",
        default=statements.DATASET,
        metavar="DATASET",
        help="in this dataset of the project (default: %(default)s)",
    )


def add_window(command: argparse.ArgumentParser) -> None:
    """Let the command look at a window of time; see `window`."""
    command.add_argument("--from", dest="since", metavar="TIME", help="published at or after this")
    command.add_argument("--to", dest="until", metavar="TIME", help="published before this")


def window(parsed: argparse.Namespace) -> tuple[datetime | None, datetime | None]:
    """Return the window that was asked for; None at a side that is open.

    Raises:
        CommandError: if it is reversed, lies in the future, or cannot be read.
    """
    since, until = _moment("--from", parsed.since), _moment("--to", parsed.until)
    if since and until and since >= until:
        raise CommandError("--from is not before --to", exit_code=WRONG_CALL)
    if since and since > datetime.now(UTC):
        raise CommandError("--from lies in the future", exit_code=WRONG_CALL)
    return since, until


def add_layout(command: argparse.ArgumentParser) -> None:
    """Let the command choose how tweets are kept."""
    command.add_argument(
        "--layout",
        choices=statements.LAYOUTS,
        default="upsert",
        help="how tweets are kept, see docs/loading.md (default: %(default)s)",
    )


def add_made_up(command: argparse.ArgumentParser, *, tweets: int) -> None:
    """Let the command run the pipeline with tweets that are made up."""
    command.add_argument("--fresh", action="store_true", help="start over: remove earlier data")
    command.add_argument(
        "--tweets",
        type=whole_number,
        default=tweets,
        metavar="N",
        help=f"how many tweets to make up when no file is given (default: {tweets})",
    )
    command.add_argument(
        "--seed", type=int, default=7, metavar="S", help="which tweets to make up (default: 7)"
    )
    command.add_argument(
        "--delivery",
        choices=("push", "pull"),
        default="push",
        help="how the services get their events (default: %(default)s)",
    )


def whole_number(text: str) -> int:
    """Return the number that an argument is."""
    if not text.isascii() or not text.isdigit() or int(text) > _MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number up to {_MOST:,}")
    return int(text)


def rate(text: str) -> float:
    """Return the number above 0 that an argument is."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def _moment(flag: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return verify.moment(text)
    except ValueError as reason:
        line = f"{flag}: {reason}; write 2026-01-31 or 2026-01-31T12:00:00Z"
        raise CommandError(line, exit_code=WRONG_CALL) from None

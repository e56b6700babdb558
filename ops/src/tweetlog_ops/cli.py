"""The command `tweetlog`: what an operator types.

What needs Google's clients is imported by the command that needs it: they take longer to import
than help or a wrong call should take to answer.
"""

import argparse
import sys
from collections.abc import Callable, Sequence

from tweetlog_ops.commands import (
    chaos,
    compliance,
    deadletters,
    delete,
    diff,
    promote,
    query,
    replay,
    report,
    run,
    smoke,
    verify,
    warehouse,
)
from tweetlog_ops.errors import CommandError

# In the order in which help shows them.
_COMMANDS = (
    run,
    report,
    chaos,
    query,
    verify,
    replay,
    diff,
    promote,
    deadletters,
    delete,
    compliance,
    warehouse,
    smoke,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 0 fine, 1 failed, 2 cannot be asked."""
    parsed = parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = parsed.command
    try:
        return command(parsed)
    except CommandError as reason:
        sys.stderr.write(f"tweetlog: {reason}\n")
        return reason.exit_code
    except ModuleNotFoundError as missing:
        if (missing.name or "").split(".")[0] != "tweetlog_local":
            raise
        sys.stderr.write("tweetlog: there is no local cloud here: tweetlog-ops[local] has it\n")
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader went away (`| head`); that is its right.
        sys.stderr.close()
        return 0


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line, every command declared."""
    declared = argparse.ArgumentParser(
        prog="tweetlog",
        description="Tweets, from the X API to BigQuery, as a replayable log of events.",
        epilog="example: tweetlog run --tweets 2000",
    )
    commands = declared.add_subparsers(required=True, metavar="COMMAND")
    for one in _COMMANDS:
        one.add(commands)
    return declared

"""`tweetlog chaos`: the pipeline while everything fails at random."""

import argparse

from tweetlog_ops.arguments import Commands, add_made_up, command, whole_number
from tweetlog_ops.plan import Plan


def add(commands: Commands) -> None:
    """Declare the command."""
    declared = command(
        commands,
        "chaos",
        _chaos,
        help="run made-up tweets through the pipeline while everything fails at random",
        example="tweetlog chaos --data-dir chaos --fresh --tweets 200000 --kills 20 --seed 1",
    )
    declared.add_argument(
        "--kills",
        type=whole_number,
        default=10,
        metavar="K",
        help="how often a process is killed with -9 (default: %(default)s)",
    )
    add_made_up(declared, tweets=20_000)


def _chaos(parsed: argparse.Namespace) -> int:
    from tweetlog_ops.chaos import chaos  # noqa: PLC0415 - slow to import: only what needs it waits

    plan = Plan(
        data_dir=parsed.data_dir,
        files=(),
        fresh=parsed.fresh,
        tweets=parsed.tweets,
        seed=parsed.seed,
        delivery=parsed.delivery,
    )
    return chaos(plan, kills=parsed.kills)

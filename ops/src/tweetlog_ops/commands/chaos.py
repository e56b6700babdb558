"""`tweetlog chaos`: the pipeline while everything fails at random."""

import argparse

from tweetlog_ops.arguments import Commands, add_made_up, command, rate, whole_number
from tweetlog_ops.plan import Plan
from tweetlog_ops.x_source import XSource

# X's seconds in a real one: its waits are minutes, and a run of minutes is to see many.
_SPEED = 20


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
    declared.add_argument(
        "--source",
        choices=("file", "x"),
        default="file",
        help="x: listen to the local X API, which fails as well (default: %(default)s)",
    )
    declared.add_argument(
        "--tier",
        choices=("ppu", "enterprise"),
        default="ppu",
        help="x: holes are filled by search, or by backfill (default: %(default)s)",
    )
    declared.add_argument(
        "--rate",
        type=rate,
        default=250.0,
        metavar="R",
        help="x: tweets that happen in a second (default: 250)",
    )


def _chaos(parsed: argparse.Namespace) -> int:
    from tweetlog_ops.chaos import chaos  # noqa: PLC0415 - slow to import: only what needs it waits

    plan = Plan(
        data_dir=parsed.data_dir,
        files=(),
        fresh=parsed.fresh,
        tweets=parsed.tweets,
        seed=parsed.seed,
        delivery=parsed.delivery,
        x=_x(parsed) if parsed.source == "x" else None,
    )
    return chaos(plan, kills=parsed.kills)


def _x(parsed: argparse.Namespace) -> XSource:
    return XSource(rate=parsed.rate, speed=_SPEED, tier=parsed.tier)

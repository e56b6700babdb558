"""`tweetlog run`: the whole pipeline on this machine."""

import argparse
import os
from pathlib import Path

from tweetlog.tracing import OFF, target
from tweetlog_ops.arguments import (
    WRONG_CALL,
    Commands,
    add_layout,
    add_made_up,
    command,
    rate,
    whole_number,
)
from tweetlog_ops.errors import CommandError
from tweetlog_ops.plan import Plan
from tweetlog_ops.x_source import XSource, chosen

_TWEETS = 5_000


def add(commands: Commands) -> None:
    """Declare the command."""
    declared = command(
        commands,
        "run",
        _run,
        help="run the whole pipeline on this machine: play files or made-up tweets, or listen to X",
        example="tweetlog run tweets.ndjson.gz archive/*.jsonl",
    )
    declared.add_argument(
        "files", nargs="*", metavar="FILE", help="NDJSON of X v2 tweets, gzip or not; - for stdin"
    )
    add_made_up(declared, tweets=_TWEETS)
    # X itself is read until somebody stops it, or the budget does.
    declared.set_defaults(tweets=None)
    _add_x(declared)
    add_layout(declared)
    for server in ("pubsub", "bigquery"):
        declared.add_argument(
            f"--{server}-port",
            type=whole_number,
            default=0,
            metavar="PORT",
            help=f"where the embedded {server} listens (default: any free port)",
        )
    declared.add_argument(
        "--tracing",
        type=_collector,
        default=OFF,
        metavar="URL",
        help="send traces to this OpenTelemetry collector, such as http://127.0.0.1:4318",
    )


def _add_x(declared: argparse.ArgumentParser) -> None:
    declared.add_argument(
        "--source",
        choices=("file", "x"),
        default="file",
        help="x: listen to the local X API, or to X itself where TWEETLOG_X_BEARER_TOKEN_FILE and "
        "a budget are set (default: %(default)s)",
    )
    declared.add_argument(
        "--rules", type=Path, metavar="FILE", help="x: what to ask for, TOML or YAML"
    )
    declared.add_argument(
        "--rate",
        type=rate,
        default=100.0,
        metavar="R",
        help="x: tweets that happen in a second on the local X API (default: 100)",
    )


def _run(parsed: argparse.Namespace) -> int:
    from tweetlog_ops.run import run  # noqa: PLC0415 - slow to import: only what needs it waits

    x = _x(parsed) if parsed.source == "x" else None
    plan = Plan(
        data_dir=parsed.data_dir,
        files=tuple(parsed.files),
        fresh=parsed.fresh,
        tweets=_tweets(parsed, x),
        seed=parsed.seed,
        delivery=parsed.delivery,
        layout=parsed.layout,
        pubsub_port=parsed.pubsub_port,
        bigquery_port=parsed.bigquery_port,
        tracing=parsed.tracing,
        x=x,
    )
    return run(plan)


def _collector(text: str) -> str:
    try:
        return target(text)
    except ValueError as reason:
        raise argparse.ArgumentTypeError(str(reason)) from None


def _x(parsed: argparse.Namespace) -> XSource:
    if parsed.files:
        raise CommandError("--source x listens to a stream; leave FILE out", exit_code=WRONG_CALL)
    return chosen(os.environ, rules=parsed.rules, rate=parsed.rate)


def _tweets(parsed: argparse.Namespace, x: XSource | None) -> int:
    if parsed.tweets is not None:
        return int(parsed.tweets)
    return 0 if x and x.real else _TWEETS

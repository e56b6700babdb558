"""`tweetlog run`: the whole pipeline on this machine."""

import argparse

from tweetlog.tracing import OFF, target
from tweetlog_ops.arguments import Commands, add_layout, add_made_up, command, whole_number
from tweetlog_ops.plan import Plan


def add(commands: Commands) -> None:
    """Declare the command."""
    declared = command(
        commands,
        "run",
        _run,
        help="run the whole pipeline on this machine: play files, or made-up tweets",
        example="tweetlog run tweets.ndjson.gz archive/*.jsonl",
    )
    declared.add_argument(
        "files", nargs="*", metavar="FILE", help="NDJSON of X v2 tweets, gzip or not; - for stdin"
    )
    add_made_up(declared, tweets=5_000)
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


def _run(parsed: argparse.Namespace) -> int:
    from tweetlog_ops.run import run  # noqa: PLC0415 - slow to import: only what needs it waits

    plan = Plan(
        data_dir=parsed.data_dir,
        files=tuple(parsed.files),
        fresh=parsed.fresh,
        tweets=parsed.tweets,
        seed=parsed.seed,
        delivery=parsed.delivery,
        layout=parsed.layout,
        pubsub_port=parsed.pubsub_port,
        bigquery_port=parsed.bigquery_port,
        tracing=parsed.tracing,
    )
    return run(plan)


def _collector(text: str) -> str:
    try:
        return target(text)
    except ValueError as reason:
        raise argparse.ArgumentTypeError(str(reason)) from None

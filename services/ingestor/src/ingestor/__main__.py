"""EDGE: the command `python -m ingestor`."""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Protocol

import orjson

from ingestor.cursor import Cursor, CursorUnusable
from ingestor.files import InputMissing, found, is_regular
from ingestor.play import Order, Summary, play
from ingestor.settings import Settings
from ingestor.x.rules_file import RulesInvalid
from ingestor.x.state import StateUnusable
from tweetlog import logs, tracing
from tweetlog.errors import PublishFailed, SettingsError
from tweetlog.settings import described, read
from tweetlog.topic import Topic

if TYPE_CHECKING:
    from ingestor.x import command
    from ingestor.x.run import Summary as XSummary

log = logging.getLogger("ingestor")

FAILED, MISUSED, INTERRUPTED = 1, 2, 130
# One try; while the broker is away it is tried again and again, and a stop has not long to wait.
_TRY_SECONDS = 10.0

_EXAMPLES = f"""\
examples:
  python -m ingestor x --tweets 1000
  python -m ingestor rules --dry-run
  python -m ingestor file tweets.jsonl.gz
  python -m ingestor file --cursor played.json 'archive/**/*.jsonl'
  zcat tweets.jsonl.gz | python -m ingestor file --rate 100 -

settings, from the environment:
{described(Settings)}
  PUBSUB_EMULATOR_HOST               a local Pub/Sub instead of Google's

exit codes: 0 done, 1 an input could not be read to its end, events were not confirmed, or X
refused; 2 wrong usage, settings or rules, 130 interrupted
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        settings = read(Settings, os.environ)
    except SettingsError as reason:
        return _misused(reason.mistakes)
    logs.configure("ingestor", project=settings.project, level=settings.log_level)
    if options.source == "file":
        return _file(options, settings)
    return _x(options, settings)


def _file(options: argparse.Namespace, settings: Settings) -> int:
    try:
        order = _order(options)
        cursor = _cursor(options, order, settings)
    except InputMissing as reason:
        return _misused(reason.mistakes)
    except CursorUnusable as reason:
        return _misused([str(reason)])
    return _published(settings, partial(_play, order, cursor))


def _x(options: argparse.Namespace, settings: Settings) -> int:
    # tweepy takes as long to load as gRPC does.
    from ingestor.x import command  # noqa: PLC0415 - see above

    reads = options.source == "x"
    try:
        start = command.start(settings, reads=reads)
    except SettingsError as reason:
        return _misused(reason.mistakes)
    except StateUnusable as reason:
        return _misused([str(reason)])
    if not reads:
        return command.show_rules(settings, start, dry_run=options.dry_run)
    return _published(settings, partial(_read, settings, start, tweets=options.tweets))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ingestor",
        description="Publish each tweet as received.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sources = parser.add_subparsers(dest="source", required=True, metavar="file|x|rules")
    file = sources.add_parser(
        "file",
        help="play files of tweets: X v2 payloads, twarc2 pages, flattened tweets; gzip or not",
        description="Play files of tweets: one JSON document a line, plain or gzip. "
        "What is not a tweet goes to the dead letters, with its file, line and reason.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    file.add_argument("files", nargs="+", metavar="FILE", help="a file, folder, pattern or -")
    file.add_argument(
        "--cursor", type=Path, metavar="FILE", help="keep how far it is; go on from there"
    )
    file.add_argument("--rate", type=_rate, metavar="N", help="tweets a second at most")
    file.add_argument("--limit", type=_limit, metavar="N", help="stop after so many tweets")
    x = sources.add_parser(
        "x",
        help="read X's filtered stream; holes are recorded and filled, Posts counted and capped",
        description="Read X's filtered stream until a stop. See docs/x.md.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    x.add_argument("--tweets", type=_limit, metavar="N", help="stop after so many new tweets")
    rules = sources.add_parser(
        "rules",
        help="put the rules on X in order, as `x` does when it starts",
        description="Make our rules on X those of TWEETLOG_X_RULES_FILE; those of others stay.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    rules.add_argument(
        "--dry-run", action="store_true", help="print what would be done and X's limits, only"
    )
    return parser


def _rate(text: str) -> float:
    return _above_zero(float, text)


def _limit(text: str) -> int:
    return int(_above_zero(int, text))


def _above_zero(number: Callable[[str], float], text: str) -> float:
    try:
        value = number(text)
    except ValueError:
        value = 0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return value


def _order(options: argparse.Namespace) -> Order:
    inputs = found(options.files)
    passing = [name for name in inputs if options.cursor and not is_regular(name)]
    if passing:
        raise InputMissing(
            [f"{name}: a pipe cannot be read again: leave --cursor out" for name in passing]
        )
    return Order(tuple(inputs), rate=options.rate, limit=options.limit)


def _cursor(options: argparse.Namespace, order: Order, settings: Settings) -> Cursor | None:
    if options.cursor is None:
        return None
    return Cursor(options.cursor, order.inputs, settings.topic(settings.raw_topic))


class _Work(Protocol):
    """Publishes until it is done or told to stop; returns the exit code."""

    def __call__(self, raw: Topic, dead: Topic, stop: threading.Event) -> int: ...


def _published(settings: Settings, work: _Work) -> int:
    """Do the work with the topics, and with signals that ask for a stop."""
    stop, signals = threading.Event(), list[int]()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, partial(_stop, stop, signals))
    # gRPC takes a second to load, for which neither --help nor a wrong call should wait.
    from google.auth.exceptions import DefaultCredentialsError  # noqa: PLC0415 - see above

    from tweetlog.publisher import BatchTopic, publisher_client  # noqa: PLC0415 - as above

    try:
        client = publisher_client()
        tracer = tracing.opened(settings.tracing, service="ingestor", project=settings.project)
    except DefaultCredentialsError as reason:
        return _misused([f"{reason} Or set PUBSUB_EMULATOR_HOST, for a local Pub/Sub."])
    raw, dead = (
        BatchTopic(client, settings.topic(name), timeout=_TRY_SECONDS)
        for name in (settings.raw_topic, settings.dead_topic)
    )
    try:
        code = work(tracer.topic(raw, settings.raw_topic) if tracer else raw, dead, stop)
    finally:
        if tracer:
            tracer.close()
    return INTERRUPTED if signal.SIGINT in signals else code


def _play(
    order: Order, cursor: Cursor | None, raw: Topic, dead: Topic, stop: threading.Event
) -> int:
    try:
        summary, failures = play(order, raw, dead, stop=stop, cursor=cursor)
    except PublishFailed as reason:
        log.error("%s: %s", _left(cursor), reason)  # noqa: TRY400 - the line says it all
        return FAILED
    except CursorUnusable as reason:
        log.error("%s", reason)  # noqa: TRY400 - the line says it all
        return FAILED
    _print(summary)
    return FAILED if failures else 0


def _read(
    settings: Settings,
    start: "command.Start",
    raw: Topic,
    dead: Topic,
    stop: threading.Event,
    *,
    tweets: int | None,
) -> int:
    from ingestor.x import command  # noqa: PLC0415 - loaded already

    try:
        summary = command.read(settings, start, raw, dead, stop=stop, tweets=tweets)
    except RulesInvalid as reason:
        return _misused(reason.mistakes)
    except StateUnusable as reason:
        log.error("%s", reason)  # noqa: TRY400 - the line says it all
        return FAILED
    _print(summary)
    return 0


def _print(summary: "Summary | XSummary") -> None:
    sys.stdout.write(orjson.dumps(asdict(summary)).decode() + "\n")
    sys.stdout.flush()


def _stop(stop: threading.Event, signals: list[int], number: int, _frame: FrameType | None) -> None:
    """Ask for a stop; the next signal ends the process at once."""
    signals.append(number)
    signal.signal(number, signal.SIG_DFL)
    stop.set()


def _left(cursor: Cursor | None) -> str:
    again = "again with the same --cursor" if cursor else "the files again"
    return f"stopped with tweets that were not confirmed; play {again} and none is missing"


def _misused(mistakes: Sequence[str]) -> int:
    for mistake in mistakes:
        sys.stderr.write(f"ingestor: {mistake}\n")
    return MISUSED


if __name__ == "__main__":
    sys.exit(main())

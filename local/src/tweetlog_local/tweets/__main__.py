"""EDGE: the command `python -m tweetlog_local.tweets`."""

import argparse
import gzip
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import orjson

from tweetlog_local.tweets.moments import START
from tweetlog_local.tweets.sequence import MAX_TWEETS, expected, lines

_EXAMPLES = """\
examples:
  python -m tweetlog_local.tweets --tweets 20000 --seed 7 --out tweets.jsonl.gz
  python -m tweetlog_local.tweets --tweets 1000 | python -m ingestor file -

The same arguments give the same bytes. A summary goes to standard error as JSON: lines, distinct
tweets, duplicates, tweets observed again, poison (lines that are no tweets), hostile texts.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the tweets and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        with _output(options.out) as out:
            for line in lines(options.tweets, options.seed, start=options.start, days=options.days):
                out.write(line)
    except BrokenPipeError:
        # Whoever reads has seen enough; what Python would still flush has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as reason:
        sys.stderr.write(f"tweets: {options.out}: {reason.strerror}\n")
        return 1
    sys.stderr.write(orjson.dumps(asdict(expected(options.tweets))).decode() + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tweetlog_local.tweets",
        description="Write made-up tweets in X's v2 format, one JSON document a line.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--tweets", type=_tweets, default=1000, metavar="N", help="distinct tweets (1000)"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="any whole number (1)")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="where to; gzip if it ends in .gz (standard output)",
    )
    parser.add_argument(
        "--start", type=_start, default=START, metavar="DATE", help=f"first day ({START:%Y-%m-%d})"
    )
    parser.add_argument(
        "--days", type=_days, default=7.0, metavar="D", help="days they are spread over (7)"
    )
    return parser


def _tweets(text: str) -> int:
    if not text.isdecimal() or int(text) > MAX_TWEETS:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number up to {MAX_TWEETS:,}")
    return int(text)


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = 0
    if not 0 < days <= 3650:  # noqa: PLR2004 - ten years
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days from 0 to 3650")
    return days


def _start(text: str) -> datetime:
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date like 2026-01-05") from None
    return start if start.tzinfo else start.replace(tzinfo=UTC)


@contextmanager
def _output(file: Path | None) -> Iterator[BinaryIO]:
    if file is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    elif file.name.endswith(".gz"):
        # No name and no time inside: the same tweets are the same bytes.
        with file.open("wb") as packed, gzip.GzipFile("", "wb", 6, packed, mtime=0) as out:
            yield out  # type: ignore[misc]
    else:
        with file.open("wb") as out:
            yield out


if __name__ == "__main__":
    sys.exit(main())

"""How fast the local X API gives tweets to a client that only counts them.

So many, and no less, is what a collector that is measured against it is offered. Every figure is
the median of a few rounds; client and server share the machine, so the processor time that the
server takes for a tweet says more than the rate does.
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from tweetlog_local.x_api import Running, running

STREAM = "/2/tweets/search/stream"
# What a collector asks for, and words that most of the made-up tweets have.
FIELDS = {
    "tweet.fields": "attachments,author_id,conversation_id,created_at,entities,geo,"
    "in_reply_to_user_id,lang,note_tweet,public_metrics,referenced_tweets",
    "user.fields": "created_at,description,name,public_metrics,username,verified",
    "expansions": "author_id,attachments.media_keys,entities.mentions.username,geo.place_id",
}
WORDS = (
    "the OR a OR of OR de OR el OR o OR na OR la OR is OR has OR der OR war OR il OR к OR в OR на",
    "の OR は OR を OR في OR من OR 이 OR ที่ OR में OR به OR ה OR کے OR 的 OR 。 OR 、 OR 🚆",
    "ve OR da OR di OR le OR les OR và OR sa OR ng OR i OR w OR het OR en OR och OR και OR το",
)
CASES = {
    "plain": ("--prepared", "5000"),
    "gzip": ("--prepared", "5000"),
    "TLS and gzip": ("--prepared", "5000", "--tls"),
    "TLS and gzip, made anew": ("--tls",),
}
WARM_SECONDS = 2.0


@contextmanager
def stream(up: Running, coding: str) -> Iterator[requests.Response]:
    """Open the stream."""
    headers = {"Authorization": f"Bearer {up.token}", "Accept-Encoding": coding}
    with requests.get(
        up.url + STREAM, headers=headers, params=FIELDS, stream=True, timeout=60, verify=trust(up)
    ) as response:
        response.raise_for_status()
        yield response


def trust(up: Running) -> str | bool:
    """Return what to trust."""
    return str(up.ca_file) if up.ca_file else True


def add_rules(up: Running) -> None:
    """Ask for most tweets."""
    headers = {"Authorization": f"Bearer {up.token}"}
    rules = {"add": [{"value": words, "tag": str(n)} for n, words in enumerate(WORDS)]}
    requests.post(
        up.url + STREAM + "/rules", headers=headers, json=rules, timeout=60, verify=trust(up)
    ).raise_for_status()


def processor_seconds(pid: int) -> float:
    """Return what a process has used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def measured(case: str, seconds: float) -> tuple[float, float, float]:
    """Return tweets a second, bytes a tweet, and microseconds of the server's processor a tweet."""
    arguments = ("--rate", "0", "--rule-delay", "0", "--latency", "0", "--begin", "connect")
    with running(*arguments, *CASES[case]) as up:
        add_rules(up)
        with stream(up, "identity" if case == "plain" else "gzip") as response:
            chunks = response.iter_content(65_536)
            warm = time.monotonic() + WARM_SECONDS
            while time.monotonic() < warm:
                next(chunks)
            start, used = time.monotonic(), processor_seconds(up.pid)
            tweets = size = 0
            while time.monotonic() - start < seconds:
                chunk = next(chunks)
                tweets += chunk.count(b"\r\n")
                size += len(chunk)
            lasted = time.monotonic() - start
            used = processor_seconds(up.pid) - used
    return tweets / lasted, size / tweets, used / tweets * 1e6


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example: python bench/x_api.py --rounds 1 --seconds 2",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="each round (5)")
    parser.add_argument("--rounds", type=int, default=5, help="the median counts (5)")
    options = parser.parse_args()
    print(f"medians of {options.rounds} rounds of {options.seconds:g} s")
    for case in CASES:
        rounds = [measured(case, options.seconds) for _ in range(options.rounds)]
        rate, size, used = (statistics.median(column) for column in zip(*rounds, strict=True))
        rates = [one[0] for one in rounds]
        print(
            f"  {case:24} {rate:>8,.0f} tweets/s ({min(rates):,.0f} to {max(rates):,.0f})  "
            f"{size:,.0f} bytes  {used:.0f} us of the server's processor a tweet"
        )


if __name__ == "__main__":
    main()

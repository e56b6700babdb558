"""Replay: how fast it goes through the pull lane, and the proof that it harms nothing.

`rate` replays what was loaded, with nothing else going on: events a second from the first publish
to an empty lane, and processor time an event (start-up taken off by a replay of one event).

`proof` loads tweets, lets others come in live, and replays with a newer enricher meanwhile, killed
with -9 again and again. At the end the table has to equal one that the newer enricher built from
nothing, and another replay has to change no row. Meanwhile it looks how long a live tweet takes
from the file to the table: at the 99th percentile, before the replay and during it.
"""

import argparse
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from tweetlog_ops import difference

# Where the tests have it: a checkout of our own code in which something is different.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from newer_enricher import a_newer_enricher

_TWEETLOG = (sys.executable, "-m", "tweetlog_ops")
_DONE = re.compile(r"([\d,]+) events by .* in ([\d.,]+) s")
_CHANGED = re.compile(r"^ +(\d+) +(\d+) +(\d+)", re.MULTILINE)
_FIRST_LIVE = 19 * 10**17


def tweetlog(*arguments: str, path: Path | None = None) -> str:
    """Run the command to its end; return what it said.

    Args:
        arguments: its arguments.
        path: a checkout whose enricher is the one that runs.
    """
    environment = dict(os.environ)
    if path:
        parts = (path / "services" / "enricher" / "src", path / "shared" / "src")
        environment["PYTHONPATH"] = os.pathsep.join(map(str, parts))
    done = subprocess.run(
        [*_TWEETLOG, *arguments], capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode:
        sys.exit(done.stderr + done.stdout)
    return done.stdout


def replayed(out: str) -> tuple[int, float]:
    """Return how many events a replay sent, and the seconds until its lane was empty."""
    found = _DONE.search(out)
    if not found:
        sys.exit(out)
    return int(found[1].replace(",", "")), float(found[2].replace(",", ""))


def changed(out: str) -> int:
    """Return how many rows a replay changed."""
    found = _CHANGED.search(out)
    if not found:
        sys.exit(out)
    return int(found[2])


def made_up(folder: Path, tweets: int) -> Path:
    """Return a file of made-up tweets."""
    file = folder / "tweets.ndjson"
    command = [sys.executable, "-m", "tweetlog_local.tweets", "--out", str(file)]
    subprocess.run([*command, "--tweets", str(tweets), "--seed", "7"], check=True)
    return file


def rate(asked: argparse.Namespace) -> None:
    """Print how fast events go through the pull lane."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = ("--data-dir", str(folder / "data"))
        print(f"loading {asked.tweets:,} tweets")
        tweetlog("run", *data, "--delivery", "pull", str(made_up(folder, asked.tweets)))
        ids = folder / "one.txt"
        found = tweetlog("query", *data, "--format", "csv", "SELECT MIN(tweet_id) FROM tweets")
        ids.write_text(found.splitlines()[1] + "\n")
        starting = _cpu(lambda: tweetlog("replay", *data, "--ids", str(ids)))
        for _ in range(asked.runs):
            said: list[str] = []
            whole = ("replay", *data, "--rate", "0")
            spent = _cpu(lambda said=said, whole=whole: said.append(tweetlog(*whole)))
            events, seconds = replayed(said[0])
            each = 1000 * (spent - starting) / events
            print(
                f"{events:,} events in {seconds:.1f} s: {events / seconds:,.0f}/s; {each:.2f} ms "
                f"of processor time an event, {1000 / each:,.0f} events/s of a core"
            )


def _cpu(work: Any) -> float:
    """Return the processor time of what `work` starts and waits for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


@dataclass
class Live:
    """Live tweets: fed to a run at a pace, and looked for in the table.

    Attributes:
        sent: when each was written, by id.
        seen: when each was first found in the table.
    """

    folder: Path
    process: "subprocess.Popen[str]"
    pace: float
    sent: dict[str, float] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begin to feed and to look."""
        self._threads = [threading.Thread(target=one) for one in (self._feed, self._look)]
        for one in self._threads:
            one.start()

    def end(self) -> None:
        """Stop feeding, and return when all that was fed was found."""
        self._stop.set()
        for one in self._threads:
            one.join()

    def percentile(self, since: float, until: float, share: float) -> tuple[float, int]:
        """Return how long tweets took that were written in this time, and how many they were."""
        took = sorted(
            self.seen[one] - at
            for one, at in self.sent.items()
            if since <= at < until and one in self.seen
        )
        return (took[min(len(took) - 1, int(share * len(took)))] if took else 0.0), len(took)

    def _feed(self) -> None:
        stdin = self.process.stdin
        number, due = _FIRST_LIVE, time.monotonic()
        while not self._stop.is_set():
            tweet = {"id": str(number), "text": f"live tweet {number} #now", "lang": "en"}
            line = json.dumps({"data": tweet}) + "\n"
            self.sent[tweet["id"]] = time.monotonic()
            self.lines.append(line)
            if stdin:
                stdin.write(line)
                stdin.flush()
            # An id a millisecond and more, as X's are.
            number += 1 << 23
            due += self.pace
            self._stop.wait(max(0.0, due - time.monotonic()))

    def _look(self) -> None:
        client = self._client()
        while not self._stop.is_set() or len(self.seen) < len(self.sent):
            waiting = [one for one in list(self.sent) if one not in self.seen][:5_000]
            config = bigquery.QueryJobConfig(
                query_parameters=[bigquery.ArrayQueryParameter("ids", "STRING", waiting)]
            )
            sql = "SELECT tweet_id FROM tweetlog.tweets WHERE tweet_id IN UNNEST(@ids)"
            found = [row["tweet_id"] for row in client.query_and_wait(sql, job_config=config)]
            now = time.monotonic()
            self.seen |= dict.fromkeys(found, now)
            time.sleep(0.1)

    def _client(self) -> bigquery.Client:
        announced = json.loads((self.folder / "run.json").read_text())
        return bigquery.Client(
            "tweetlog-local",
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call] # theirs
            client_options=ClientOptions(api_endpoint=f"http://{announced['bigquery']}"),
        )


@contextmanager
def live_run(folder: Path, delivery: str, pace: float) -> Iterator[Live]:
    """Have a run that takes live tweets, on the data of an earlier one."""
    command = [*_TWEETLOG, "run", "--data-dir", str(folder), "--delivery", delivery, "-"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while not _is_up(folder) and process.poll() is None:
            time.sleep(0.2)
        try:
            yield Live(folder, process, pace)
        finally:
            out, err = process.communicate()
    if process.returncode:
        sys.exit(err + out)


def _is_up(folder: Path) -> bool:
    try:
        return "ingestor" in json.loads((folder / "run.json").read_text())["processes"]
    except (FileNotFoundError, ValueError):
        return False


def proof(asked: argparse.Namespace) -> None:
    """Print what a replay did to a table, and to what was live meanwhile."""
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        folder = Path(name)
        newer = a_newer_enricher(folder / "newer")
        file, data = made_up(folder, asked.tweets), folder / "data"
        place = ("--data-dir", str(data))
        print(f"loading {asked.tweets:,} tweets", flush=True)
        tweetlog("run", *place, "--delivery", "pull", str(file))
        way = ("--enricher", str(newer), "--rate", str(asked.rate))
        with live_run(data, asked.delivery, 1 / asked.live) as live:
            live.start()
            _settle(live)
            began = time.monotonic()
            time.sleep(asked.before)
            before = time.monotonic()
            _killed_again_and_again(place, way, asked, data / "replay.json")
            during = time.monotonic()
            live.end()
        _print_latency(live, began, before, during)
        fast = ("--enricher", str(newer), "--rate", "0")
        out = tweetlog("replay", *place, *fast)
        print(f"then what came live: {changed(out):,} rows changed")
        second = changed(tweetlog("replay", *place, *fast))
        print(f"once more: {second} rows changed")
        added = folder / "live.ndjson"
        added.write_text("".join(live.lines))
        anew = ("--data-dir", str(folder / "anew"))
        print("building the table from nothing with the newer enricher")
        tweetlog("run", *anew, "--delivery", "pull", str(file), str(added), path=newer)
        here, there = _content(place), _content(anew)
        print(f"replayed:           {here}\nbuilt from nothing: {there}")
        print("equal" if here == there else "DIFFERENT")
    sys.exit(here != there or second != 0)


def _settle(live: Live) -> None:
    """Wait until live tweets arrive: the start of everything is over."""
    while len(live.seen) < 10:  # noqa: PLR2004 - a few
        time.sleep(0.2)


def _killed_again_and_again(
    place: Sequence[str], way: Sequence[str], asked: argparse.Namespace, record: Path
) -> None:
    """Replay to the end, killed on the way."""
    random = Random(1)  # noqa: S311 - the same moments every time
    moments = sorted(random.randrange(asked.tweets // 20, asked.tweets) for _ in range(asked.kills))
    resume: tuple[str, ...] = ()
    kills = 0
    for moment in moments:
        with subprocess.Popen(
            [*_TWEETLOG, "replay", *place, *way, *resume],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as replay:
            while _published(record) < moment and replay.poll() is None:
                time.sleep(0.02)
            if replay.poll() not in (None, 0):
                sys.exit((replay.stderr and replay.stderr.read()) or "it ended")
            if replay.poll() is None:
                replay.send_signal(signal.SIGKILL)
                kills += 1
        resume = ("--resume",)
    out = tweetlog("replay", *place, *way, *resume)
    print(f"replay, killed {kills} times and resumed: {changed(out):,} rows changed")


def _published(record: Path) -> int:
    try:
        return int(json.loads(record.read_text())["done"]["published"])
    except FileNotFoundError:
        return 0


def _print_latency(live: Live, began: float, before: float, during: float) -> None:
    p99 = {}
    for name, since, until in (("before", began, before), ("during", before, during)):
        half, _ = live.percentile(since, until, 0.5)
        p99[name], count = live.percentile(since, until, 0.99)
        print(f"live, {name} the replay: {count:,} tweets, p50 {half:.2f} s, p99 {p99[name]:.2f} s")
    if p99["before"]:
        print(f"p99 during / before: {p99['during'] / p99['before']:.2f}")


def _content(place: Sequence[str]) -> str:
    """Return the number of tweets and the hash over all columns but times."""
    document = tweetlog("query", *place, "--format", "json", "SELECT * FROM tweets LIMIT 1")
    columns = list(json.loads(document)[0])
    sql = difference.content_hash("tweets", columns)
    (row,) = json.loads(tweetlog("query", *place, "--format", "json", sql))
    return f"{row['tweets']:,} tweets, content {int(row['content']) % (1 << 64):016x}"


def main() -> None:
    """Do what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example: python bench/replay.py proof --tweets 200000 --kills 5",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    modes = parser.add_subparsers(required=True)
    fast = modes.add_parser("rate", help="how fast it goes")
    fast.add_argument("--tweets", type=int, default=20_000)
    fast.add_argument("--runs", type=int, default=3)
    fast.set_defaults(mode=rate)
    whole = modes.add_parser("proof", help="that it harms nothing")
    whole.add_argument("--tweets", type=int, default=200_000)
    whole.add_argument("--kills", type=int, default=5)
    whole.add_argument("--rate", type=int, default=500, help="events a second of the replay")
    whole.add_argument("--live", type=float, default=20, help="live tweets a second")
    whole.add_argument("--before", type=float, default=60, help="seconds of live tweets alone")
    whole.add_argument("--delivery", choices=("push", "pull"), default="push", help="the live lane")
    whole.add_argument("--folder", help="where its data is to be (default: the system's choice)")
    whole.set_defaults(mode=proof)
    asked = parser.parse_args()
    asked.mode(asked)


if __name__ == "__main__":
    main()

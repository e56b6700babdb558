"""Runs `tweetlog` as a user does, in a folder of its own, and asks it afterwards."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

# A fault has its back-off of 10 s and more to wait out, on a machine that others use too.
PATIENCE = 280.0


# Those of the live lane and of the tables that Pub/Sub itself writes.
SUBSCRIPTIONS = (
    "tweets-raw-enricher",
    "tweets-raw-store",
    "tweets-enriched-loader",
    "tweets-dead-store",
)


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


def tweetlog(*arguments: str, stdin: str | None = None) -> Done:
    """Run the command to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "tweetlog_ops", *arguments],
        input=stdin,
        stdin=None if stdin is not None else subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env=os.environ | {"PYTHONWARNINGS": "error::DeprecationWarning:tweetlog_ops"},
    )
    return Done(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A data folder and what was asked of it."""

    folder: Path

    def run(self, *arguments: str, stdin: str | None = None) -> Done:
        return tweetlog("run", "--data-dir", str(self.folder), *arguments, stdin=stdin)

    def command(self, name: str, *arguments: str) -> Done:
        return tweetlog(name, "--data-dir", str(self.folder), *arguments)

    def replay(self, *arguments: str) -> Done:
        return self.command("replay", *arguments)

    def diff(self, a: str, b: str) -> dict[str, Any]:
        done = self.command("diff", a, b, "--format", "json")
        assert done.code == 0, done.err
        found: dict[str, Any] = json.loads(done.out)
        return found

    def verify(self) -> Done:
        return tweetlog("verify", "--data-dir", str(self.folder))

    def rows(self, sql: str) -> list[dict[str, Any]]:
        done = tweetlog("query", "--data-dir", str(self.folder), "--format", "json", sql)
        assert done.code == 0, done.err
        rows: list[dict[str, Any]] = json.loads(done.out)
        return rows

    def value(self, sql: str) -> Any:
        (row,) = self.rows(sql)
        (value,) = row.values()
        return value

    @contextmanager
    def under_way(
        self, *arguments: str, command: str = "run", stdin: int = subprocess.DEVNULL
    ) -> Iterator["UnderWay"]:
        """Start a run, or another command, and have it while it goes; it ends with the block."""
        whole = [sys.executable, "-m", "tweetlog_ops", command, "--data-dir", str(self.folder)]
        process = subprocess.Popen(
            [*whole, *arguments],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="surrogateescape",
        )
        try:
            yield UnderWay(self.folder, process)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A run that is going on."""

    folder: Path
    process: "subprocess.Popen[str]"

    def ended(self) -> Done:
        out, err = self.process.communicate(timeout=PATIENCE)
        return Done(self.process.returncode, out, err)

    def interrupted(self) -> Done:
        self.process.send_signal(signal.SIGINT)
        return self.ended()

    def await_published(self, topic: str, count: int) -> None:
        """Wait until the topic has taken so many messages."""
        name = f"projects/tweetlog-local/topics/{topic}"
        self._await(lambda: self._stats()["topics"].get(name, {}).get("published", 0) >= count)

    @property
    def pipeline(self) -> Pipeline:
        """What can be asked of it."""
        return Pipeline(self.folder)

    def await_rows(self, count: int) -> None:
        """Wait until the table of tweets has so many rows, and no message waits."""
        self.await_value("SELECT COUNT(*) FROM tweets", count)
        self.await_idle()

    def await_value(self, sql: str, value: Any) -> None:
        """Wait until the warehouse's answer is this."""
        self._await(lambda: bool(self.pipeline.value(sql) == value), every=1.0)

    def await_idle(self) -> None:
        """Wait until no message waits in the live lane."""
        names = [f"projects/tweetlog-local/subscriptions/{one}" for one in SUBSCRIPTIONS]

        def idle() -> bool:
            found = self._stats().get("subscriptions", {})
            return all(found.get(name, {}).get("backlog", 1) == 0 for name in names)

        self._await(idle)

    def await_replayed(self, count: int) -> None:
        """Wait until the replay that this is has recorded so many events as published."""
        record = self.folder / "replay.json"
        self._await(
            lambda: record.exists() and json.loads(record.read_text())["done"]["published"] >= count
        )

    def await_found(self) -> None:
        """Wait until the command has said in the data folder that it is there."""
        self._await((self.folder / "lanes" / f"{self.process.pid}.json").exists)

    def await_said(self, words: str) -> None:
        """Wait until a line of its standard error has these words."""
        assert self.process.stderr is not None
        self._await(lambda: words in cast("IO[str]", self.process.stderr).readline(), every=0)

    def killed(self) -> None:
        """Kill the command itself with -9."""
        self.process.kill()
        self.process.wait()

    def faults(self, *rules: Mapping[str, Any]) -> None:
        """Have the embedded Pub/Sub fail by these rules; by none, make everything work again."""
        url = f"http://{self._announced()['control']}/faults"
        method, body = ("POST", json.dumps(rules).encode()) if rules else ("DELETE", None)
        urllib.request.urlopen(urllib.request.Request(url, body, method=method)).close()

    @contextmanager
    def fed(self, lines: Iterator[str], *, seconds: float) -> Iterator[None]:
        """Write a line to its standard input every so often, until the block ends."""
        stop = threading.Event()
        assert self.process.stdin is not None
        stdin = self.process.stdin

        def feed() -> None:
            for line in lines:
                stdin.write(line)
                stdin.flush()
                if stop.wait(seconds):
                    break
            stop.wait()
            stdin.close()

        feeding = threading.Thread(target=feed, daemon=True)
        feeding.start()
        try:
            yield
        finally:
            stop.set()
            feeding.join(timeout=60)
            self.process.stdin = None

    def kill(self, name: str) -> None:
        """Kill one of the run's processes with -9."""
        os.kill(self._announced()["processes"][name], signal.SIGKILL)

    def await_revived(self, name: str, dead: int) -> None:
        """Wait until the process is another one."""
        self._await(lambda: self._announced()["processes"][name] != dead)

    def pid(self, name: str) -> int:
        pid: int = self._announced()["processes"][name]
        return pid

    def _stats(self) -> dict[str, Any]:
        try:
            with urllib.request.urlopen(f"http://{self._announced()['control']}/stats") as answer:
                stats: dict[str, Any] = json.load(answer)
                return stats
        except (OSError, KeyError):
            return {"topics": {}}

    def _announced(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.folder / "run.json").read_text())
        except FileNotFoundError:
            return {"processes": {}}
        return found

    def _await(self, condition: Callable[[], bool], *, every: float = 0.05) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None, "the run ended before its time"
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(every)

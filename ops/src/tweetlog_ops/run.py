"""`tweetlog run`: the whole pipeline on one machine, fed, watched and proven."""

import glob
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Self

from tweetlog_ops import data_dir as folders
from tweetlog_ops import local_cloud, manifests, project, statements, topology
from tweetlog_ops.checking import proven
from tweetlog_ops.data_dir import DataDir, Running
from tweetlog_ops.errors import CommandError
from tweetlog_ops.local_cloud import HOST, PROJECT
from tweetlog_ops.processes import Process, Program
from tweetlog_ops.progress import Counts, Display, counted, since
from tweetlog_ops.verify import Verdict, report
from tweetlog_ops.warehouse import Warehouse

_LOOK_SECONDS = 0.25
# The shell's own convention: 128 + SIGINT.
_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run.

    Attributes:
        files: what to play; none for made-up tweets.
        tweets: how many made-up tweets.
        seed: which made-up tweets.
        delivery: `push` or `pull`.
        pubsub_port: where the embedded Pub/Sub listens; 0 for any free port.
        bigquery_port: where the embedded BigQuery listens; 0 for any free port.
    """

    data_dir: Path
    files: tuple[str, ...]
    fresh: bool
    tweets: int
    seed: int
    delivery: str
    pubsub_port: int
    bigquery_port: int


def run(plan: Plan) -> int:
    """Run the pipeline until every tweet is in the table; return the exit code."""
    _check_files(plan.files)
    declared = manifests.read(project.platform_manifests())
    folder = folders.opened(plan.data_dir, fresh=plan.fresh)
    with folders.locked(folder), _interruptible() as interrupted:
        local_cloud.clear_leftovers(folder)
        with _Pipeline(folder, plan, declared, interrupted) as pipeline:
            return pipeline.play()


class _Pipeline:
    """The processes of one run, in the order in which they depend on each other."""

    def __init__(
        self,
        folder: DataDir,
        plan: Plan,
        declared: manifests.Topology,
        interrupted: threading.Event,
    ) -> None:
        self._folder = folder
        self._plan = plan
        self._declared = declared
        self._interrupted = interrupted
        self._display = Display()
        self._servers = local_cloud.servers(pubsub=plan.pubsub_port, bigquery=plan.bigquery_port)
        self._processes: dict[str, Process] = {}
        self._stack = ExitStack()
        self._warehouse = Warehouse(PROJECT, endpoint=f"http://{HOST}:{self._servers.bigquery}")

    def __enter__(self) -> Self:
        self._stack.callback(self._forget)
        with ExitStack() as undo:
            undo.callback(self._stack.close)
            self._start()
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def play(self) -> int:
        """Feed the pipeline, watch it until nothing waits, and prove the result."""
        started = time.monotonic()
        start = self._counts()
        feed = self._feed()
        while not self._interrupted.wait(_LOOK_SECONDS):
            self._revive()
            now = since(self._counts(), start)
            self._display.show(now)
            if feed.exit_code() not in (None, 0, 1) and not self._feed_again(feed):
                return self._refused(feed)
            if feed.exit_code() is not None and self._drained():
                self._display.close(now, time.monotonic() - started)
                return self._prove(feed, now)
        self._display.say(f"stopped; `{_command()} run` with the same arguments goes on from here")
        return _INTERRUPTED

    def _start(self) -> None:
        self._launch(local_cloud.bigquery(self._folder, self._servers))
        self._warehouse.apply(statements.read(project.warehouse_sql(), dataset=statements.DATASET))
        self._launch(local_cloud.pubsub(self._folder, self._servers))
        ports = {name: local_cloud.free_port() for name in local_cloud.CONSUMERS}
        pushes = {name: f"http://{HOST}:{port}/" for name, port in ports.items()}
        os.environ["PUBSUB_EMULATOR_HOST"] = f"{HOST}:{self._servers.pubsub}"
        topology.apply(
            self._declared,
            project=PROJECT,
            services=pushes if self._plan.delivery == "push" else {},
        )
        for name in local_cloud.CONSUMERS:
            self._spawn(
                local_cloud.consumer(
                    name, self._servers, delivery=self._plan.delivery, port=ports[name]
                )
            )
        for name in local_cloud.CONSUMERS:
            self._processes[name].ready()
        self._announce()

    def _launch(self, program: Program) -> None:
        self._spawn(program).ready()

    def _spawn(self, program: Program) -> Process:
        stdin = sys.stdin.buffer if "-" in program.arguments[-1:] else None
        process = Process(program, self._folder.logs, stdin=stdin)
        self._processes[program.name] = process
        self._stack.callback(process.stop)
        return process

    def _feed(self) -> Process:
        files = self._plan.files or (str(self._generated()),)
        feed = self._spawn(local_cloud.ingestor(self._servers, self._folder.cursor, files))
        self._announce()
        return feed

    def _generated(self) -> Path:
        name = f"tweets-{self._plan.tweets}-seed-{self._plan.seed}.ndjson"
        file = self._folder.generated / name
        if not file.exists():
            self._display.say(f"making up {self._plan.tweets:,} tweets (seed {self._plan.seed})")
            generate(file, tweets=self._plan.tweets, seed=self._plan.seed)
        return file

    def _revive(self) -> None:
        for name, process in self._processes.items():
            if name != "ingestor" and process.revive():
                self._display.say(f"{name} died; started again")
                self._announce()

    def _feed_again(self, feed: Process) -> bool:
        """Start a killed ingestor again; it goes on at its cursor. Not after a wrong call."""
        code = feed.exit_code()
        if code is None or code >= 0 or "-" in self._plan.files:
            return False
        feed.revive()
        self._display.say("ingestor died; started again at its cursor")
        self._announce()
        return True

    def _counts(self) -> Counts:
        return counted(local_cloud.stats(f"{HOST}:{self._servers.control}"), PROJECT)

    def _drained(self) -> bool:
        stats = local_cloud.stats(f"{HOST}:{self._servers.control}")
        return bool(stats) and counted(stats, PROJECT).waiting == 0

    def _prove(self, feed: Process, counts: Counts) -> int:
        verdict = proven(self._warehouse)
        if counts.read and not verdict.total("logged"):
            raise CommandError("events were published, but raw_events is empty: nothing is proven")
        sys.stdout.write("\n" + report(verdict) + "\n" + _where_to_look(self._plan))
        complaint = feed.complaint() if feed.exit_code() else ""
        if complaint:
            sys.stderr.write(complaint + "\n")
        return _exit_code(verdict, feed)

    def _refused(self, feed: Process) -> int:
        raise CommandError(
            feed.complaint() or f"ingestor stopped with exit code {feed.exit_code()}",
            exit_code=2 if feed.exit_code() == 2 else 1,  # noqa: PLR2004 - its code for a wrong call
        )

    def _announce(self) -> None:
        run = Running(
            pid=os.getpid(),
            pubsub=f"{HOST}:{self._servers.pubsub}",
            control=f"{HOST}:{self._servers.control}",
            bigquery=f"{HOST}:{self._servers.bigquery}",
            processes={name: process.pid for name, process in self._processes.items()},
        )
        folders.announce(self._folder, run)

    def _forget(self) -> None:
        self._folder.running.unlink(missing_ok=True)


def generate(file: Path, *, tweets: int, seed: int) -> None:
    """Write made-up tweets to a file, whole or not at all."""
    from tweetlog_local.tweets import lines  # noqa: PLC0415 - only a run without files needs it

    draft = file.with_suffix(".draft")
    with draft.open("wb") as out:
        out.writelines(lines(tweets, seed))
    draft.replace(file)


def _check_files(files: tuple[str, ...]) -> None:
    for file in files:
        if file == "-" or glob.has_magic(file):
            continue
        if not Path(file).exists():
            raise CommandError(f"{file}: no such file", exit_code=2)


def _exit_code(verdict: Verdict, feed: Process) -> int:
    return 0 if verdict.clean and feed.exit_code() == 0 else 1


def _where_to_look(plan: Plan) -> str:
    folder = "" if str(plan.data_dir) == ".tweetlog" else f" --data-dir {plan.data_dir}"
    queries = (
        "SELECT language, tweets FROM v_languages ORDER BY tweets DESC LIMIT 10",
        "SELECT hashtag, SUM(tweets) AS n FROM v_hashtags GROUP BY 1 ORDER BY n DESC LIMIT 10",
        "SELECT stage, reason FROM v_dead_letters LIMIT 10",
    )
    lines = [f'  {_command()} query{folder} "{sql}"' for sql in queries]
    return "\n".join(["look next:", *lines, f"  {_command()} verify{folder}", ""])


def _command() -> str:
    """Return how this command was called, as one can type it again."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return "python -m tweetlog_ops"
    try:
        return str(called.resolve().relative_to(Path.cwd()))
    except ValueError:
        return called.name


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Turn Ctrl-C and SIGTERM into an event, so that everything stops in its order."""
    interrupted = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        interrupted.set()

    before = {one: signal.signal(one, stop) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupted
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)

"""The processes of one run, started in the order in which they depend on each other."""

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tweetlog_local.tweets import lines
from tweetlog_ops import data_dir as folders
from tweetlog_ops import local_cloud, topology
from tweetlog_ops import shadow as shadows
from tweetlog_ops.applying import to_apply
from tweetlog_ops.data_dir import DataDir, Running
from tweetlog_ops.feeds import INGESTOR, X_API, Feed, FileFeed, LabFeed, StreamFeed
from tweetlog_ops.keeping import Kept, kept
from tweetlog_ops.lane import REPLAY, SHADOW
from tweetlog_ops.local_cloud import HOST, PROJECT
from tweetlog_ops.manifests import Topology
from tweetlog_ops.plan import Plan
from tweetlog_ops.processes import Process, Program
from tweetlog_ops.progress import Counts, Display, counted, since
from tweetlog_ops.serving import CURRENT
from tweetlog_ops.warehouse import Warehouse
from tweetlog_ops.x_source import announcement

_LOOK_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Played:
    """How a run ended in which nothing waits any more.

    Attributes:
        complaint: what the ingestor could not read, or nothing.
        restarts: how often each process died and was started again.
    """

    counts: Counts
    seconds: float
    complaint: str
    restarts: Mapping[str, int]


class Pipeline:
    """The local cloud and the three services, while they run.

    Args:
        folder: the data folder, locked by the caller.
        plan: what to run.
        declared: the topology to create.
        interrupted: is set when the run is to stop.
    """

    def __init__(
        self, folder: DataDir, plan: Plan, declared: Topology, interrupted: threading.Event
    ) -> None:
        self._folder = folder
        self._plan = plan
        self._declared = declared
        self._interrupted = interrupted
        self._ports = local_cloud.servers(pubsub=plan.pubsub_port, bigquery=plan.bigquery_port)
        self.x = local_cloud.x_ports()
        self._processes: dict[str, Process] = {}
        self._shadow: shadows.Shadow | None = None
        self._stack = ExitStack()
        self.display = Display()
        self.control = f"{HOST}:{self._ports.control}"
        self.bigquery = f"{HOST}:{self._ports.bigquery}"
        self.warehouse = Warehouse(PROJECT, endpoint=f"http://{self.bigquery}")

    def __enter__(self) -> Self:
        self._stack.callback(self._forget)
        with ExitStack() as undo:
            undo.callback(self._stack.close)
            self._start()
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def play(self, observe: Callable[[Counts], None] | None = None) -> Played | None:
        """Feed the pipeline and watch it until nothing waits; None if it was interrupted.

        Args:
            observe: is told at each look how far the run has come.

        Raises:
            CommandError: if the ingestor refuses its files, or a process dies for ever.
        """
        started = time.monotonic()
        start = self._counts()
        feed = self._feed()
        feed.start()
        while not self._interrupted.wait(_LOOK_SECONDS):
            self._revive()
            self._take_over_lane()
            now = since(self._counts(), start)
            self.display.show(now)
            if observe:
                observe(now)
            if feed.is_over() and self._drained() and self._parted():
                seconds = time.monotonic() - started
                now = since(self._counts(), start)
                self.display.close(now, seconds)
                return Played(now, seconds, feed.complaint(), self._restarts())
        return None

    def processes(self) -> Mapping[str, Process]:
        """Return the processes by name."""
        return self._processes

    def _start(self) -> None:
        self._launch(local_cloud.bigquery(self._folder, self._ports))
        self._apply_warehouse()
        self._launch(local_cloud.pubsub(self._folder, self._ports))
        consumers = local_cloud.CONSUMERS
        listening = dict(zip(consumers, local_cloud.free_ports(len(consumers)), strict=True))
        self._create_topology({name: f"http://{HOST}:{port}/" for name, port in listening.items()})
        self._start_lane()
        kept = self._kept()
        for name, port in listening.items():
            self.spawn(local_cloud.consumer(name, self._ports, self._plan, kept, port=port))
        for name in listening:
            self._processes[name].ready()
        self.announce()

    def _kept(self) -> Kept:
        """Return how the live lane keeps tweets."""
        labels = self.warehouse.labels(CURRENT)
        beside = self._shadow.beside if self._shadow else None
        return kept(labels, layout=self._plan.layout, beside=beside)

    def _start_lane(self) -> None:
        """Start the replay lane if there is a shadow, which it keeps as fresh as the live table."""
        self._shadow = shadows.found(PROJECT)
        if self._shadow:
            programs = local_cloud.lane_programs(
                REPLAY,
                self._running(),
                Kept(self._shadow.into, "upsert"),
                enricher=folders.shadow_enricher(self._folder),
                shadow=True,
            )
            for process in [self.spawn(program) for program in programs]:
                process.ready()

    def _apply_warehouse(self) -> None:
        missing = to_apply(self.warehouse, layout=self._plan.layout)
        self.warehouse.apply(missing)

    def _create_topology(self, endpoints: Mapping[str, str]) -> None:
        # The client knows a local server by this name in the environment, and no other way.
        os.environ["PUBSUB_EMULATOR_HOST"] = f"{HOST}:{self._ports.pubsub}"
        services = endpoints if self._plan.delivery == "push" else {}
        topology.apply(self._declared, project=PROJECT, services=services)

    def _launch(self, program: Program) -> None:
        self.spawn(program).ready()

    def spawn(self, program: Program) -> Process:
        """Start a program, to be stopped with the run."""
        stdin = sys.stdin.buffer if "-" in program.arguments else None
        process = Process(program, self._folder.logs, stdin=stdin)
        self._processes[program.name] = process
        self._stack.callback(process.stop)
        return process

    def _feed(self) -> Feed:
        plan, folder, ports = self._plan, self._folder, self._ports
        if plan.x is None:
            files = plan.files or (str(self._generated()),)
            program = local_cloud.ingestor(ports, folder.cursor, files, tracing=plan.tracing)
            return FileFeed(program, self, from_stdin="-" in files)
        self.display.say(announcement(plan.x))
        listener = local_cloud.listener(ports, self.x, folder, plan, plan.x)
        if plan.x.real:
            return StreamFeed(listener, self.x.health, self)
        x_api = local_cloud.x_api(folder, self.x, plan, plan.x)
        return LabFeed(x_api, listener, self.x, self)

    def _generated(self) -> Path:
        name = f"tweets-{self._plan.tweets}-seed-{self._plan.seed}.ndjson"
        file = self._folder.generated / name
        if not file.exists():
            self.display.say(f"making up {self._plan.tweets:,} tweets (seed {self._plan.seed})")
            _generate(file, tweets=self._plan.tweets, seed=self._plan.seed)
        return file

    def _revive(self) -> None:
        for name, process in self._processes.items():
            if name not in (INGESTOR, X_API) and process.revive():
                self.display.say(f"{name} died; started again")
                self.announce()

    def _restarts(self) -> dict[str, int]:
        return {name: process.restarts for name, process in self._processes.items()}

    def _counts(self) -> Counts:
        return counted(local_cloud.stats(self.control), PROJECT)

    def _drained(self) -> bool:
        stats = local_cloud.stats(self.control)
        return bool(stats) and counted(stats, PROJECT).waiting == 0

    def _take_over_lane(self) -> None:
        """Start the replay lane once a command that has begun a shadow beside us has left it."""
        if self._shadow is not None or local_cloud.has_guests(self._folder):
            return
        if _path(SHADOW) in local_cloud.stats(self.control).get("subscriptions", {}):
            self._start_lane()
            self.announce()

    def _parted(self) -> bool:
        """Whether no other command uses our servers, and none can begin to.

        A command says that it is there before it looks for a run; so after ours cannot be found
        any more, whoever found it has said so.
        """
        if local_cloud.has_guests(self._folder):
            return False
        self._forget()
        if not local_cloud.has_guests(self._folder):
            return True
        self.announce()
        return False

    def say(self, text: str) -> None:
        """Tell the person who watches."""
        self.display.say(text)

    def announce(self) -> None:
        """Let others know of the processes as they are now."""
        folders.announce(self._folder, self._running())

    def _running(self) -> Running:
        return Running(
            pid=os.getpid(),
            pubsub=f"{HOST}:{self._ports.pubsub}",
            control=self.control,
            bigquery=self.bigquery,
            bigquery_grpc=f"{HOST}:{self._ports.bigquery_grpc}",
            processes={name: process.pid for name, process in self._processes.items()},
        )

    def _forget(self) -> None:
        self._folder.running.unlink(missing_ok=True)


def _path(subscription: str) -> str:
    return f"projects/{PROJECT}/subscriptions/{subscription}"


def _generate(file: Path, *, tweets: int, seed: int) -> None:
    """Write made-up tweets to a file, whole or not at all."""
    draft = file.with_suffix(".draft")
    with draft.open("wb") as out:
        out.writelines(lines(tweets, seed))
    draft.replace(file)

"""Where a command publishes and asks, and the services that take from there.

In the cloud they run. On one machine a command finds the servers of a `tweetlog run` that is under
way, or starts them for as long as it takes; so it does with the services of a lane.
"""

import argparse
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from tweetlog_ops import data_dir as folders
from tweetlog_ops import local_cloud, manifests, project, topology
from tweetlog_ops import shadow as shadows
from tweetlog_ops.applying import to_apply
from tweetlog_ops.data_dir import DataDir, Running
from tweetlog_ops.errors import CommandError
from tweetlog_ops.keeping import Kept, kept, layout_of
from tweetlog_ops.lane import LIVE, REPLAY, SHADOW, STORES, Lane
from tweetlog_ops.local_cloud import HOST, PROJECT
from tweetlog_ops.processes import Process, Program
from tweetlog_ops.serving import CURRENT
from tweetlog_ops.waiting import PATIENCE_SECONDS, Owed, Waiting
from tweetlog_ops.warehouse import Warehouse

_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Site:
    """A project: its topics and its warehouse.

    Attributes:
        project: the project's name.
        warehouse: its warehouse.
        local: what runs on this machine; None in the cloud.
    """

    project: str
    warehouse: Warehouse
    local: "LocalServices | None" = None

    def start(self, lane: Lane, *, table: str | None = None, enricher: Path | None = None) -> None:
        """Have the services of a lane take from it; in the cloud they do.

        Args:
            lane: the lane.
            table: where its loader is to write tweets; by default where the live lane does.
            enricher: another enricher than ours, for a lane that is started here; see
                `local_cloud.enricher_of`.

        Raises:
            CommandError: if a shadow has the replay lane write elsewhere.
        """
        shadow = self.check_lane(table) if lane is REPLAY else None
        if self.local:
            self.local.start(lane, self.kept(table), enricher, shadow=bool(shadow))

    def start_live(self) -> None:
        """Have everything take that takes what is live: the live lane, and that of a shadow."""
        self.start(LIVE)
        shadow = shadows.found(self.project)
        if shadow:
            self.start(REPLAY, table=shadow.into, enricher=self.noted_enricher())

    def live_subscriptions(self) -> tuple[str, ...]:
        """Return the subscriptions by which what is live gets into tables."""
        shadow = (SHADOW, *REPLAY.subscriptions) if shadows.found(self.project) else ()
        return (*LIVE.subscriptions, *shadow, *STORES)

    def lane_of(self, table: str) -> Lane | None:
        """Return the lane whose loader upserts into a table of tweets; None if none does."""
        shadow = shadows.found(self.project)
        if shadow and table == shadow.into:
            return REPLAY
        return LIVE if self.kept() == Kept(table, "upsert") else None

    def check_lane(self, table: str | None) -> shadows.Shadow | None:
        """Return the shadow that there is.

        Raises:
            CommandError: if it has the replay lane write elsewhere than to `table`.
        """
        shadow = shadows.found(self.project)
        if shadow and shadow.into != table:
            raise CommandError(
                f"the replay lane writes to {shadow.into}, a shadow, and to nothing else; add "
                f"--into {shadow.into} to a replay, or end it by `tweetlog retire`",
                exit_code=2,
            )
        return shadow

    def kept(self, table: str | None = None) -> Kept:
        """Return how a lane keeps tweets: in this table, or where the live lane does."""
        if table:
            return Kept(table, "upsert")
        shadow = shadows.found(self.project)
        labels = self.warehouse.labels(CURRENT)
        return kept(labels, layout=self.layout(), beside=shadow.beside if shadow else None)

    def layout(self) -> str:
        """Return how tweets are kept where nothing was promoted."""
        return layout_of(self.warehouse.names())

    def note_enricher(self, enricher: Path | None) -> None:
        """Keep which enricher the shadow's lane has, for every run that goes on with it."""
        if self.local is None:
            return
        if enricher is None:
            self.local.folder.shadow.unlink(missing_ok=True)
        else:
            self.local.folder.shadow.write_text(str(enricher.absolute()))

    def noted_enricher(self) -> Path | None:
        """Return which enricher the shadow's lane has; None for ours."""
        return folders.shadow_enricher(self.local.folder) if self.local else None

    def tend(self) -> None:
        """Start again what died of what was started for this command.

        Raises:
            CommandError: if it dies again and again, or the run that was found has ended.
        """
        if self.local:
            self.local.tend()

    def backlog(self, *subscriptions: str) -> int | None:
        """Return how many messages wait in these; None in the cloud."""
        return self.local.backlog(subscriptions) if self.local else None

    def drain(
        self,
        *subscriptions: str,
        look: Callable[[int], object] | None = None,
        stopped: Callable[[], bool] = lambda: False,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        """Wait until all was taken that waits in these; in the cloud return at once.

        One after the other, and of each what is there when its turn comes: what follows from it
        waits in the next one by then, and what comes live is not waited for.

        Args:
            subscriptions: their names, in the order in which events go through them.
            look: is called now and then with how many messages wait; by default what was started
                is tended.
            stopped: ends it early.
            patience: seconds to wait for the next message to be taken.

        Raises:
            CommandError: if none is taken for so long.
        """
        if self.local is None:
            return
        tending = look is None
        for name in subscriptions:
            waiting = Waiting(name, since=time.time(), patience=patience)
            while not stopped() and (left := waiting.left(self.local.owed(name))):
                if tending:
                    self.tend()
                elif look:
                    look(left)
                time.sleep(_LOOK_SECONDS)


@dataclass(slots=True)
class LocalServices:
    """The embedded servers, and the services that were started for a command.

    Attributes:
        folder: the data folder.
        run: where the servers are.
        ours: whether they were started for this command, and not found.
        stack: stops what was started, in the reverse order.
    """

    folder: DataDir
    run: Running
    ours: bool
    stack: ExitStack
    started: dict[str, Process] = field(default_factory=dict)

    def start(self, lane: Lane, kept: Kept, enricher: Path | None, *, shadow: bool) -> None:
        """Start a lane's loader and enricher, unless they run."""
        if lane is LIVE and not self.ours:
            return  # the run that was found has its own
        takes_live = shadow and lane is REPLAY
        programs = local_cloud.lane_programs(
            lane, self.run, kept, enricher=enricher, shadow=takes_live
        )
        fresh = [one for one in programs if one.name not in self.started]
        for process in [self.spawn(program) for program in fresh]:
            process.ready()

    def spawn(self, program: Program) -> Process:
        """Start a program, and write down that we did, for the case that we are killed."""
        process = self.started[program.name] = Process(program, self.folder.logs)
        self.stack.callback(process.stop)
        self._note()
        return process

    def tend(self) -> None:
        """Start again what died."""
        if not self.ours and folders.running(self.folder) is None:
            raise CommandError("the run that this command was using has ended; repeat the command")
        revived = [process.revive() for process in self.started.values()]
        if any(revived):
            self._note()

    def backlog(self, subscriptions: Sequence[str]) -> int:
        """Return how many messages wait in these."""
        found = local_cloud.stats(self.run.control).get("subscriptions", {})
        names = [f"projects/{PROJECT}/subscriptions/{name}" for name in subscriptions]
        if not all(name in found for name in names):
            return 1  # the server is being started again: it is not known to hold nothing
        return sum(int(found[name]["backlog"]) for name in names)

    def owed(self, subscription: str) -> Owed | None:
        """Return what waits in a subscription; None while the server does not say."""
        asked = time.time()
        found = local_cloud.stats(self.run.control).get("subscriptions", {})
        one = found.get(f"projects/{PROJECT}/subscriptions/{subscription}")
        if one is None:
            return None
        age = one["oldest_unacked_seconds"]
        return Owed(int(one["backlog"]), int(one["acked"]), None if age is None else asked - age)

    def _note(self) -> None:
        pids = {name: process.pid for name, process in self.started.items()}
        local_cloud.note_lanes(self.folder, pids)


@contextmanager
def opened(parsed: argparse.Namespace) -> Iterator[Site]:
    """Reach the site that was asked for: in the cloud by project, else in the data folder."""
    if parsed.project:
        yield Site(parsed.project, Warehouse(parsed.project, parsed.dataset))
        return
    folder = folders.existing(parsed.data_dir)
    signal.signal(signal.SIGTERM, _end)
    with ExitStack() as stack:
        local = _local(folder, stack)
        # The client knows a local server by this name in the environment, and no other way.
        os.environ["PUBSUB_EMULATOR_HOST"] = local.run.pubsub
        warehouse = Warehouse(PROJECT, endpoint=f"http://{local.run.bigquery}")
        if local.ours:
            layout = layout_of(warehouse.names())
            warehouse.apply(to_apply(warehouse, layout=layout))
            _serve_topics(local)
        yield Site(PROJECT, warehouse, local)


def _end(number: int, _frame: FrameType | None) -> None:
    """Turn SIGTERM into an end that stops what was started."""
    raise SystemExit(128 + number)


def _local(folder: DataDir, stack: ExitStack) -> LocalServices:
    """Return the servers that are found, or start the embedded BigQuery."""
    stack.callback(local_cloud.forget_lanes, folder)
    # Before looking: a run does not end while a command is there that may have found it.
    local_cloud.note_lanes(folder, {})
    found = stack.enter_context(folders.joined(folder))
    if found is not None:
        local_cloud.clear_lanes(folder)
        return LocalServices(folder, found, ours=False, stack=stack)
    local_cloud.clear_leftovers(folder)
    ports = local_cloud.servers()
    run = Running(
        pid=os.getpid(),
        pubsub=f"{HOST}:{ports.pubsub}",
        control=f"{HOST}:{ports.control}",
        bigquery=f"{HOST}:{ports.bigquery}",
        bigquery_grpc=f"{HOST}:{ports.bigquery_grpc}",
    )
    local = LocalServices(folder, run, ours=True, stack=stack)
    local.spawn(local_cloud.bigquery(folder, ports)).ready()
    return local


def _serve_topics(local: LocalServices) -> None:
    """Start the embedded Pub/Sub, every subscription for pulling, and say where all of it is."""
    local.spawn(local_cloud.pubsub(local.folder, local_cloud.ports_of(local.run))).ready()
    declared = manifests.read(project.platform_manifests())
    topology.apply(declared, project=PROJECT, services={})
    local.stack.callback(local.folder.running.unlink, missing_ok=True)
    folders.announce(local.folder, local.run)

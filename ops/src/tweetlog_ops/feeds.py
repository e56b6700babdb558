"""What feeds a run: an ingestor that plays files, or one that listens to a stream."""

from collections.abc import Mapping
from typing import Protocol

from tweetlog_ops import lab
from tweetlog_ops.errors import CommandError
from tweetlog_ops.local_cloud import XPorts
from tweetlog_ops.processes import Process, Program

INGESTOR, X_API = "ingestor", "x_api"

_WRONG_CALL = 2
# After the last tweet so many keep-alives are to arrive: what came before them has been read.
_KEEP_ALIVES = 3
_STOP_SECONDS = 60.0


class Stage(Protocol):
    """What a feed may do with the run it is part of."""

    def spawn(self, program: Program) -> Process:
        """Start a program, to be stopped with the run."""

    def say(self, text: str) -> None:
        """Tell the person who watches."""

    def announce(self) -> None:
        """Let others know of the processes as they are now."""


class Feed(Protocol):
    """What brings events into a run."""

    def start(self) -> None:
        """Begin."""

    def is_over(self) -> bool:
        """Look after it; return whether nothing more comes.

        Raises:
            CommandError: if it cannot go on.
        """

    def complaint(self) -> str:
        """Return what could not be read in the end; empty if everything was."""


class FileFeed:
    """Plays files to their end; an ingestor that is killed goes on at its cursor."""

    def __init__(self, program: Program, stage: Stage, *, from_stdin: bool) -> None:
        self._program = program
        self._stage = stage
        self._from_stdin = from_stdin
        self._process: Process | None = None

    def start(self) -> None:
        """Begin."""
        self._process = self._stage.spawn(self._program)
        self._stage.announce()

    def is_over(self) -> bool:
        """Look after it; return whether nothing more comes."""
        process = _started(self._process)
        code = process.exit_code()
        if code is None or code in (0, 1):
            return code is not None
        if code > 0 or self._from_stdin:
            _give_up(process, code)
        process.revive()
        self._stage.say("ingestor died; started again at its cursor")
        self._stage.announce()
        return False

    def complaint(self) -> str:
        """Return what could not be read in the end."""
        process = _started(self._process)
        return process.complaint() if process.exit_code() else ""


class StreamFeed:
    """Listens to X itself until the ingestor has enough.

    Args:
        health: where the ingestor says how it is.
    """

    def __init__(self, program: Program, health: int, stage: Stage) -> None:
        self._program = program
        self._stage = stage
        self._process: Process | None = None
        self._health = health
        self._trouble = ""

    def start(self) -> None:
        """Begin."""
        self._process = self._stage.spawn(self._program)
        self._stage.announce()

    def is_over(self) -> bool:
        """Look after it; return whether nothing more comes. Tell once what a person has to mend."""
        trouble = lab.trouble(self._health)
        if trouble and trouble != self._trouble:
            self._stage.say(f"the ingestor waits: {trouble}")
        self._trouble = trouble
        return ended(_started(self._process), self._stage)

    def complaint(self) -> str:
        """Return nothing: what X did not give is in the gaps."""
        return ""


class LabFeed:
    """Listens to the local X API until every tweet that happens there has come.

    Args:
        ports: where the local X API and the ingestor's health are.
    """

    def __init__(self, x_api: Program, ingestor: Program, ports: XPorts, stage: Stage) -> None:
        self._programs = (x_api, ingestor)
        self._ports = ports
        self._stage = stage
        self._x_api: Process | None = None
        self._ingestor: Process | None = None
        self._heard: float | None = None

    def start(self) -> None:
        """Begin."""
        x_api, ingestor = self._programs
        self._x_api = self._stage.spawn(x_api)
        self._x_api.ready()
        self._ingestor = self._stage.spawn(ingestor)
        self._stage.announce()

    def is_over(self) -> bool:
        """Look after it; return whether nothing more comes."""
        x_api, ingestor = _started(self._x_api), _started(self._ingestor)
        if x_api.exit_code() is not None:
            raise CommandError(f"the local X API died: {x_api.complaint()} (log: {x_api.log})")
        if ended(ingestor, self._stage):
            return True
        if not self._everything_came():
            return False
        # What it holds is published, and its state written, before it ends.
        return ingestor.stop(grace=_STOP_SECONDS) == 0

    def complaint(self) -> str:
        """Return nothing: what did not come is told by the proof."""
        return ""

    def _everything_came(self) -> bool:
        """Whether the last tweet has happened, and all before it was read and all holes filled."""
        if not lab.stats(self._ports.x_control).get("finished"):
            self._heard = None
            return False
        metrics = lab.metrics(self._ports.health)
        if not _is_calm(metrics):
            self._heard = None
            return False
        keep_alives = metrics.get("tweetlog_ingestor_keep_alives_total", 0.0)
        if self._heard is None:
            self._heard = keep_alives
        return keep_alives >= self._heard + _KEEP_ALIVES


def ended(process: Process, stage: Stage) -> bool:
    """Whether an ingestor that listens has ended by itself; one that died is started again.

    Raises:
        CommandError: if it refuses its settings.
    """
    code = process.exit_code()
    if code in (None, 0):
        return code == 0
    if code == _WRONG_CALL:
        _give_up(process, _WRONG_CALL)
    process.revive()
    stage.say("ingestor died; started again: what it missed is a hole")
    stage.announce()
    return False


def _is_calm(metrics: Mapping[str, float]) -> bool:
    """Whether the ingestor listens, and has nothing left to repair or to publish."""
    waiting = ("pending_gaps", "queue_bytes", "spill_bytes")
    return metrics.get("tweetlog_ingestor_open") == 1 and not any(
        metrics.get(f"tweetlog_ingestor_{name}", 1.0) for name in waiting
    )


def _give_up(process: Process, code: int) -> None:
    said = process.complaint() or f"ingestor stopped with exit code {code}"
    raise CommandError(said, exit_code=_WRONG_CALL if code == _WRONG_CALL else 1)


def _started(process: Process | None) -> Process:
    if process is None:
        raise RuntimeError("the feed was not started")
    return process

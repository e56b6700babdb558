"""The folder in which a local run keeps everything: logs of events, the warehouse, the cursor."""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tweetlog_ops.errors import CommandError

# Raised when what is in the folder can no longer be read by the code that is older, or newer.
FORMAT = "1"
#: How long who looked a moment ago may still hold the folder, or a run that starts or ends.
PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Running:
    """A local run as others find it: the addresses of its servers, and its processes."""

    pid: int
    pubsub: str
    control: str
    bigquery: str
    bigquery_grpc: str = ""
    processes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DataDir:
    """A data folder."""

    path: Path

    @property
    def pubsub(self) -> Path:
        """The embedded Pub/Sub's own folder."""
        return self.path / "pubsub"

    @property
    def bigquery(self) -> Path:
        """The embedded BigQuery's own folder."""
        return self.path / "bigquery"

    @property
    def logs(self) -> Path:
        """One log file a process."""
        return self.path / "logs"

    @property
    def generated(self) -> Path:
        """Files of made-up tweets."""
        return self.path / "generated"

    @property
    def cursor(self) -> Path:
        """How far the ingestor has read."""
        return self.path / "cursor.json"

    @property
    def x_api(self) -> Path:
        """The local X API's certificate."""
        return self.path / "x_api"

    @property
    def listening(self) -> Path:
        """What the ingestor has read of a stream, and paid for."""
        return self.path / "listening"

    @property
    def lanes(self) -> Path:
        """What commands started for a while: a file a command, by its process id."""
        return self.path / "lanes"

    @property
    def shadow(self) -> Path:
        """Which enricher the shadow's lane has, if it is not ours."""
        return self.path / "shadow-enricher"

    @property
    def running(self) -> Path:
        """The run that is under way, if one is."""
        return self.path / "run.json"

    @property
    def wanted(self) -> Path:
        """There while somebody waits for the folder: a report that keeps it lets it go."""
        return self.path / "wanted"

    @property
    def version(self) -> Path:
        """The format of what is in the folder."""
        return self.path / "FORMAT"


def opened(path: Path, *, fresh: bool = False) -> DataDir:
    """Return the data folder at `path`, made if it is not there.

    Args:
        path: the folder.
        fresh: remove what an earlier run left in it first.

    Raises:
        CommandError: if it is not a data folder, or one of another format.
    """
    folder = DataDir(path)
    if path.exists() and not path.is_dir():
        raise CommandError(f"{path}: not a folder; give another --data-dir", exit_code=2)
    if path.is_dir() and any(path.iterdir()) and not folder.version.is_file():
        raise CommandError(
            f"{path}: not a data folder of tweetlog, and not empty; give another --data-dir",
            exit_code=2,
        )
    if fresh:
        _remove(folder)
    if folder.version.is_file():
        _check_format(folder)
    _make(folder)
    return folder


def existing(path: Path) -> DataDir:
    """Return the data folder at `path`.

    Raises:
        CommandError: if there is none yet, or one of another format.
    """
    folder = DataDir(path)
    if not folder.version.is_file():
        raise CommandError(f"{path}: no data here yet; `tweetlog run` makes some", exit_code=2)
    _check_format(folder)
    return folder


def running(folder: DataDir) -> Running | None:
    """Return the run that is under way in the folder, or None."""
    try:
        found = Running(**json.loads(folder.running.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    with _lock_file(folder) as file:
        return None if _try_lock(file) else found


def shadow_enricher(folder: DataDir) -> Path | None:
    """Return which enricher the shadow's lane has; None for ours."""
    try:
        return Path(folder.shadow.read_text())
    except FileNotFoundError:
        return None


def announce(folder: DataDir, run: Running) -> None:
    """Say where the run that is under way can be found."""
    draft = folder.running.with_suffix(".draft")
    draft.write_text(json.dumps(asdict(run)))
    draft.replace(folder.running)


@contextmanager
def locked(folder: DataDir, *, patience: float = 0.0) -> Iterator[None]:
    """Hold the folder for this process alone.

    Args:
        folder: the folder.
        patience: how many seconds to wait for a holder that is no run, such as a report that has
            looked a moment ago.

    Raises:
        CommandError: if another run holds it.
    """
    deadline = time.monotonic() + patience
    with _lock_file(folder) as file:
        try:
            while not _try_lock(file):
                if folder.running.exists() or time.monotonic() > deadline:
                    raise CommandError(_held(folder), exit_code=2)
                folder.wanted.touch()
                time.sleep(_LOOK_SECONDS)
        finally:
            folder.wanted.unlink(missing_ok=True)
        yield


@contextmanager
def joined(folder: DataDir, *, patience: float = PATIENCE_SECONDS) -> Iterator[Running | None]:
    """Find the run that is under way, or hold the folder, whichever comes first.

    Args:
        folder: the folder.
        patience: how many seconds to wait for a run that is starting, or ending.

    Raises:
        CommandError: if the folder stays locked, and no run says where it is.
    """
    deadline = time.monotonic() + patience
    while True:
        found = running(folder)
        if found is not None:
            yield found
            return
        with _lock_file(folder) as file:
            if _try_lock(file):
                folder.wanted.unlink(missing_ok=True)
                yield None
                return
        if time.monotonic() > deadline:
            raise CommandError(_held(folder), exit_code=2)
        folder.wanted.touch()
        time.sleep(_LOOK_SECONDS)


def _held(folder: DataDir) -> str:
    return f"{folder.path}: another tweetlog is using it; wait for it or give another --data-dir"


@contextmanager
def _lock_file(folder: DataDir) -> Iterator[int]:
    file = os.open(folder.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        yield file
    finally:
        os.close(file)


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _check_format(folder: DataDir) -> None:
    found = folder.version.read_text().strip()
    if found != FORMAT:
        raise CommandError(
            f"{folder.path}: data of format {found}, this tweetlog reads {FORMAT}; give another "
            "--data-dir, or start over with --fresh",
            exit_code=2,
        )


def _make(folder: DataDir) -> None:
    for part in (folder.pubsub, folder.bigquery, folder.logs, folder.generated):
        try:
            part.mkdir(parents=True, exist_ok=True)
        except OSError as reason:
            raise CommandError(f"{part}: {reason.strerror}", exit_code=2) from None
    folder.version.write_text(FORMAT + "\n")


def _remove(folder: DataDir) -> None:
    if not folder.path.is_dir() or not folder.version.is_file():
        return
    with locked(folder, patience=PATIENCE_SECONDS):
        for child in folder.path.iterdir():
            if child.is_dir():
                shutil.rmtree(child)
            elif child.name != "lock":
                child.unlink()

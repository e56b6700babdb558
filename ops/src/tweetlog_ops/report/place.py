"""Where the report's warehouse is: in the cloud, or in a data folder whose run comes and goes."""

import threading
import time
from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from tweetlog_ops import data_dir as folders
from tweetlog_ops.errors import CommandError
from tweetlog_ops.warehouse import Warehouse

# How long a server of our own is kept after the last question, so that the next one is answered at
# once; and how often it is asked whether somebody else waits for the folder, who gets it.
_KEPT_SECONDS = 120.0
_LOOK_SECONDS = 0.2


class Place(Protocol):
    """Where the warehouse is.

    Attributes:
        name: what the page calls it.
        cloud: whether questions cost money there.
    """

    name: str
    cloud: bool

    def reached(self) -> AbstractContextManager[Warehouse]:
        """Reach the warehouse for some questions.

        Raises:
            CommandError: if there is none, or it cannot be reached.
        """

    def live(self) -> bool | None:
        """Whether a run is under way; None where that cannot be known."""

    def trace(self) -> Hashable:
        """Return what differs once something was written; None where that cannot be known."""

    def close(self) -> None:
        """Leave the place as it was found."""


class Cloud:
    """A dataset of BigQuery, with the viewer's own credentials."""

    cloud = True

    def __init__(self, project: str, dataset: str) -> None:
        self.name = f"{project}.{dataset}"
        self._warehouse = Warehouse(project, dataset)

    @contextmanager
    def reached(self) -> Iterator[Warehouse]:
        """Reach the warehouse."""
        yield self._warehouse

    def live(self) -> None:
        """Return None: whether tweets flow is seen in the table alone."""

    def trace(self) -> None:
        """Return None: the tables have to be asked."""

    def close(self) -> None:
        """Do nothing: there is nothing to leave."""


class Folder:
    """A data folder: the warehouse of the run that is under way, else our own for a while."""

    cloud = False

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path
        self._lock = threading.RLock()
        self._own = ExitStack()
        self._warehouse: Warehouse | None = None
        self._using = 0
        self._used_at = 0.0

    def live(self) -> bool:
        """Whether a run is under way in the folder."""
        folder = folders.DataDir(self._path)
        return folder.version.is_file() and folders.running(folder) is not None

    def trace(self) -> Hashable:
        """Return the sizes and times of the warehouse's files."""
        folder = folders.DataDir(self._path).bigquery
        return tuple(_written(file) for file in sorted(folder.glob("*")) if file.is_file())

    @contextmanager
    def reached(self) -> Iterator[Warehouse]:
        """Reach the warehouse."""
        from tweetlog_ops import local_cloud  # noqa: PLC0415 - only what is local needs the local cloud

        folder = folders.existing(self._path)
        run = None if self._warehouse else folders.running(folder)
        if run is not None:
            yield Warehouse(local_cloud.PROJECT, endpoint=f"http://{run.bigquery}")
            return
        with self._lock:
            if self._warehouse is None:
                self._warehouse = self._own.enter_context(local_cloud.warehouse(folder))
                watch = threading.Thread(target=self._watch, args=(self._warehouse,), daemon=True)
                watch.start()
            warehouse = self._warehouse
            self._using += 1
        kept = False
        try:
            yield warehouse
            kept = True
        finally:
            with self._lock:
                self._using -= 1
                self._used_at = time.monotonic()
                # One that cannot answer is not kept: a run may be waiting to make the tables.
                if not kept and not self._using:
                    self._stop()

    def close(self) -> None:
        """Stop our own server, if one runs."""
        with self._lock:
            self._stop()

    def _watch(self, warehouse: Warehouse) -> None:
        """Stop our server when it is no longer asked, or the folder is wanted."""
        while True:
            time.sleep(_LOOK_SECONDS)
            with self._lock:
                if self._warehouse is not warehouse:
                    return
                if not self._using and (self._idle() or self._wanted()):
                    self._stop()
                    return

    def _idle(self) -> bool:
        return time.monotonic() - self._used_at > _KEPT_SECONDS

    def _wanted(self) -> bool:
        return folders.DataDir(self._path).wanted.exists()

    def _stop(self) -> None:
        self._warehouse = None
        self._own.close()
        self._own = ExitStack()


def _written(file: Path) -> Hashable:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return file.name, found.st_size, found.st_mtime_ns


def place(project: str | None, dataset: str, data_dir: Path) -> Cloud | Folder:
    """Return where the warehouse is that was asked for."""
    return Cloud(project, dataset) if project else Folder(data_dir)


def empty(reason: CommandError) -> bool:
    """Whether a place could not be reached because nothing was ever put there."""
    return "no data here yet" in str(reason)

"""Where the report's warehouse is: in the cloud, or in a data folder whose run comes and goes."""

import threading
from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from tweetlog_ops import data_dir as folders
from tweetlog_ops.errors import CommandError
from tweetlog_ops.warehouse import Warehouse

# How long a server of our own is kept after the last question. While it runs the folder is taken,
# and `tweetlog run` waits for it.
_KEPT_SECONDS = 3.0


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
        self._release: threading.Timer | None = None
        self._using = 0

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
            warehouse = self._warehouse
            self._using += 1
        kept = False
        try:
            yield warehouse
            kept = True
        finally:
            with self._lock:
                self._using -= 1
                # One that cannot answer is not kept: a run may be waiting to make the tables.
                self._release_soon() if kept else self._release_now()

    def close(self) -> None:
        """Stop our own server, if one runs."""
        with self._lock:
            if self._release is not None:
                self._release.cancel()
            self._stop()

    def _release_soon(self) -> None:
        if self._release is not None:
            self._release.cancel()
        self._release = threading.Timer(_KEPT_SECONDS, self._release_now)
        self._release.daemon = True
        self._release.start()

    def _release_now(self) -> None:
        with self._lock:
            if not self._using:
                self._stop()

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

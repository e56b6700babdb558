"""EDGE: how far files were played, kept in a file, so that a restart goes on from there.

What is written was confirmed by the broker before; a crash at any moment costs at most the
publishing of a few events again, which changes nothing.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from ingestor.capture import Mark
from tweetlog import durable
from tweetlog.errors import TweetlogError

_VERSION = 1
# Two files that agree in size and in this much of both ends are taken for the same.
_COMPARED_BYTES = 65_536
_WRITE_SECONDS = 0.2


class CursorUnusable(TweetlogError):  # noqa: N818 - named for what is true of the cursor
    """Raised for a cursor that cannot be read or written."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes a file the same file: its path, its size, the digest of its two ends."""

    path: str
    size: int
    digest: str


def identity(path: str) -> Identity:
    """Return a file's identity."""
    with Path(path).open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        ends = file.read(_COMPARED_BYTES)
        file.seek(max(0, size - _COMPARED_BYTES))
        ends += file.read(_COMPARED_BYTES)
    return Identity(path, size, hashlib.sha256(ends).hexdigest())


class Cursor:
    """The line of each file up to which everything was confirmed.

    Args:
        file: where it is kept.
        inputs: the files that are played.
        target: where their events go; a cursor of another target does not count here.
        clock: seconds, for how often it is written.

    Raises:
        CursorUnusable: if the file holds something else, or cannot be written.
    """

    def __init__(
        self,
        file: Path,
        inputs: Iterable[str],
        target: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file = file
        self._target = target
        self._clock = clock
        self._identities = {name: identity(name) for name in inputs}
        before = _entries(file, target)
        self._lines = {
            name: before[one]["line"] for name, one in self._identities.items() if one in before
        }
        self._complete = {
            name for name, one in self._identities.items() if before.get(one, {}).get("complete")
        }
        self._write()

    @property
    def lines(self) -> dict[str, int]:
        """The confirmed lines of each input that was begun before."""
        return dict(self._lines)

    @property
    def complete(self) -> frozenset[str]:
        """The inputs that were played to their end before."""
        return frozenset(self._complete)

    def confirmed(self, mark: Mark) -> None:
        """Move on to `mark`; it is on disk at most 0.2 s of confirmations later."""
        self._lines[mark.place] = mark.line
        if mark.complete:
            self._complete.add(mark.place)
        if self._clock() - self._written >= _WRITE_SECONDS:
            self._write()

    def close(self) -> None:
        """Write it; or remove it when every input was played, so that it can be played again."""
        if self._complete >= self._identities.keys():
            self._file.unlink(missing_ok=True)
        else:
            self._write()

    def _write(self) -> None:
        entries = [
            {**asdict(one), "line": self._lines[name], "complete": name in self._complete}
            for name, one in self._identities.items()
            if name in self._lines
        ]
        document = {"version": _VERSION, "target": self._target, "files": entries}
        _replace(self._file, orjson.dumps(document))
        self._written = self._clock()


def _entries(file: Path, target: str) -> dict[Identity, dict[str, Any]]:
    try:
        document = orjson.loads(file.read_bytes())
        if document["version"] != _VERSION:
            raise ValueError(f"it is of version {document['version']}")
        if document["target"] != target:
            return {}
        return {_identity(entry): entry for entry in document["files"]}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as reason:
        raise CursorUnusable(
            f"{file}: not a cursor of this program ({type(reason).__name__}: {reason}); "
            "give another file, or delete it to play from the start"
        ) from None


def _identity(entry: dict[str, Any]) -> Identity:
    if not isinstance(entry["line"], int):
        raise TypeError("a line is a number")
    return Identity(entry["path"], entry["size"], entry["digest"])


def _replace(file: Path, content: bytes) -> None:
    try:
        durable.write(file, content)
    except OSError as reason:
        raise CursorUnusable(f"{file}: cannot be written: {reason.strerror}") from None

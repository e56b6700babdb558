"""EDGE: tweets that wait on disk because they cannot be published as fast as they come.

Segments of a few megabytes, each record with its length and checksum: written in order, read in
order, removed when everything in one was published. What a crash tears off is not read.
"""

import logging
import os
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

log = logging.getLogger(__name__)

_SEGMENT_BYTES = 8_000_000
_SUFFIX = ".spill"
_HEAD_BYTES = 100
# Records that are not forced to disk yet; a crash of the machine costs them, and a hole says so.
_SYNC_BYTES = 1_000_000
_SYNC_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Record:
    """What waits: a line as it came and when that was, in seconds since 1970."""

    received: float
    line: bytes


@dataclass(slots=True)
class _Segment:
    """A file: how many of its lines were taken, and of these how many are done."""

    number: int
    file: Path
    size: int = 0
    taken: int = 0
    done: int = 0
    read: bool = False


class Spill:
    """A first-in, first-out queue of lines on disk. Not safe for threads.

    Args:
        folder: where; what a run before left there is read first.
        limit: bytes at most.
        segment: bytes after which a new file begins.

    Raises:
        OSError: if the folder cannot be used.
    """

    def __init__(self, folder: Path, limit: int, *, segment: int = _SEGMENT_BYTES) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._limit = limit
        self._segment = segment
        self._segments = deque(
            _Segment(int(file.stem), file, file.stat().st_size)
            for file in sorted(folder.glob(f"*{_SUFFIX}"))
        )
        self._number = self._segments[-1].number if self._segments else 0
        self._writing: tuple[_Segment, BinaryIO] | None = None
        self._reading: tuple[_Segment, Iterator[Record]] | None = None
        self._unsynced_bytes = 0
        #: When the first line came that a crash of the machine would cost; None: none would.
        self.unsynced_since: float | None = None
        self.bytes = sum(one.size for one in self._segments)

    @property
    def waiting(self) -> bool:
        """Whether there is something that was not taken yet."""
        return any(not one.read for one in self._segments)

    @property
    def full(self) -> bool:
        """Whether more than half of the room is taken: not the moment to begin anew."""
        return self.bytes > self._limit // 2

    @property
    def roomy(self) -> bool:
        """Whether anything to speak of fits into it at all."""
        return self._limit >= self._segment

    def put(self, record: Record) -> bool:
        """Append a line; return whether there was room.

        Raises:
            OSError: if it cannot be written.
        """
        encoded = _encoded(record)
        if self.bytes + len(encoded) > self._limit:
            return False
        segment, file = self._open()
        file.write(encoded)
        segment.size += len(encoded)
        self.bytes += len(encoded)
        self._unsynced_bytes += len(encoded)
        if self.unsynced_since is None:
            self.unsynced_since = record.received
        waited = record.received - self.unsynced_since
        if self._unsynced_bytes >= _SYNC_BYTES or waited > _SYNC_SECONDS:
            self.sync()
        return True

    def sync(self) -> None:
        """Force what was written to disk.

        Raises:
            OSError: if that fails.
        """
        if self._writing is not None and self.unsynced_since is not None:
            _, file = self._writing
            file.flush()
            os.fsync(file.fileno())
        self._unsynced_bytes, self.unsynced_since = 0, None

    def take(self, most: int) -> list[tuple[Record, int]]:
        """Return the next lines, each with the number of its segment, and go on behind them.

        What is being written is finished first, so that a line is read only from a whole file.

        Raises:
            OSError: if they cannot be read.
        """
        taken: list[tuple[Record, int]] = []
        while len(taken) < most and (found := self._next()) is not None:
            segment, records = found
            record = next(records, None)
            if record is None:
                segment.read, self._reading = True, None
                self._remove(segment)
            else:
                segment.taken += 1
                taken.append((record, segment.number))
        return taken

    def done(self, number: int) -> None:
        """Note that a line of a segment needs no disk any more."""
        for segment in self._segments:
            if segment.number == number:
                segment.done += 1
                return self._remove(segment)
        return None

    def close(self) -> None:
        """Force everything to disk and let go of it.

        Raises:
            OSError: if that fails.
        """
        if self._writing is not None:
            self.sync()
            self._writing[1].close()
            self._writing = None

    def _open(self) -> tuple[_Segment, BinaryIO]:
        if self._writing is not None and self._writing[0].size >= self._segment:
            self.close()
        if self._writing is None:
            self._number += 1
            segment = _Segment(self._number, self._folder / f"{self._number:010}{_SUFFIX}")
            self._writing = segment, segment.file.open("xb")
            self._segments.append(segment)
        return self._writing

    def _next(self) -> tuple[_Segment, Iterator[Record]] | None:
        if self._reading is None:
            segment = next((one for one in self._segments if not one.read), None)
            if segment is None:
                return None
            if self._writing is not None and self._writing[0] is segment:
                self.close()
            self._reading = segment, _records(segment.file)
        return self._reading

    def _remove(self, segment: _Segment) -> None:
        if segment.read and segment.done == segment.taken:
            self._segments.remove(segment)
            self.bytes -= segment.size
            segment.file.unlink(missing_ok=True)


def _encoded(record: Record) -> bytes:
    line = record.line
    return b"%d %d %.6f\n%b\n" % (len(line), zlib.crc32(line), record.received, line)


def _records(file: Path) -> Iterator[Record]:
    """Yield the whole records of a file; what a crash has torn off ends it."""
    with file.open("rb") as opened:
        while head := opened.readline(_HEAD_BYTES):
            record = _record(head, opened)
            if record is None:
                left = file.stat().st_size - opened.tell()
                log.warning("%s: torn after a crash; its last bytes are left out: %d", file, left)
                return
            yield record


def _record(head: bytes, opened: BinaryIO) -> Record | None:
    try:
        size, checksum, received = head.split()
        line = opened.read(int(size) + 1)
        whole = len(line) == int(size) + 1 and zlib.crc32(line[:-1]) == int(checksum)
        return Record(float(received), line[:-1]) if whole else None
    except ValueError:
        return None

"""EDGE: files of tweets as a source: found, opened, unpacked and read line by line."""

import glob
import gzip
import io
import logging
import os
import queue
import stat
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ingestor.capture import Mark, Origin, Pause, Step, Unusable
from ingestor.line import captured
from ingestor.reading import MAX_LINE_BYTES, Line, Reader, lines
from tweetlog.errors import InvalidEvent, TweetlogError

log = logging.getLogger(__name__)

STDIN = "-"
#: What counts as a file of tweets in a folder.
SUFFIXES = (".jsonl", ".ndjson", ".json", ".jsonl.gz", ".ndjson.gz", ".json.gz")

_GZIP = b"\x1f\x8b"
_BUFFER = 1 << 20
# Lines that wait between a pipe's reader and the publisher; each has at most 10 MB.
_AHEAD = 8
_PAUSE_SECONDS = 0.05
# So many lines are passed over between two looks at whether to stop.
_PASSED_OVER = 10_000
_UNREADABLE = (EOFError, OSError, zlib.error)


class InputMissing(TweetlogError):  # noqa: N818 - named for what is true of the arguments
    """Raised before anything is read, with every input that cannot be."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)


def found(names: Iterable[str]) -> list[str]:
    """Return the inputs that the arguments name: files, folders, patterns, `-`.

    Each input once, in the order named; a folder's and a pattern's files by name. A file is
    named by its absolute path, so that it is the same one from wherever it is played.

    Raises:
        InputMissing: if one names nothing, or something that cannot be read.
    """
    inputs: list[str] = []
    mistakes: list[str] = []
    for name in names:
        try:
            some = [STDIN] if name == STDIN else _files(name)
            mistakes += _mistakes(name, some)
            inputs += some
        except OSError as reason:
            mistakes.append(f"{name}: {reason.strerror}")
    if mistakes:
        raise InputMissing(mistakes)
    return list(dict.fromkeys(inputs))


def _files(name: str) -> list[str]:
    path = Path(name)
    if path.is_dir():
        some = [str(one) for one in path.iterdir() if one.name.lower().endswith(SUFFIXES)]
    elif path.exists():
        some = [name]
    else:
        some = [one for one in glob.glob(name, recursive=True) if not Path(one).is_dir()]  # noqa: PTH207 - Path.glob takes no absolute pattern
    return sorted(os.path.abspath(one) for one in some)  # noqa: PTH100 - resolve() would rename links


def _mistakes(name: str, inputs: Sequence[str]) -> Iterator[str]:
    if not inputs:
        yield f"{name}: {_nothing(name)}"
    for one in inputs:
        if one != STDIN and not Path(one).exists():
            yield f"{one}: a link to nothing"
        elif one != STDIN and not os.access(one, os.R_OK):
            yield f"{one}: not readable by this user; see its permissions"


def _nothing(name: str) -> str:
    if Path(name).is_dir():
        return f"a folder without files of tweets ({', '.join(SUFFIXES)})"
    if glob.has_magic(name):
        return "no file matches this pattern"
    return "no such file"


def is_regular(name: str) -> bool:
    """Whether an input can be read again from its start: a file, not a pipe."""
    return name != STDIN and stat.S_ISREG(os.stat(name).st_mode)  # noqa: PTH116 - as above


class FileSource:
    """Files of tweets, one after the other.

    Args:
        inputs: as `found` returns them.
        start: lines of an input that were confirmed before; they are passed over.
        confirm: takes note of what is durable: a cursor's method.

    Attributes:
        failures: a line for each input that could not be read to its end. What was read of it
            is handed over like everything else.
        opened: how many inputs were opened.
    """

    def __init__(
        self,
        inputs: Sequence[str],
        *,
        start: Mapping[str, int] | None = None,
        confirm: Callable[[Mark], None] = lambda _: None,
    ) -> None:
        self._inputs = inputs
        self._start = start or {}
        self._confirm = confirm
        self.failures: list[str] = []
        self.opened = 0

    def steps(self) -> Iterator[Step]:
        """Yield what the files hold, a mark after each line."""
        for name in self._inputs:
            yield from self._of(name)

    def confirmed(self, mark: Mark) -> None:
        """Take note that everything before `mark` is durable."""
        self._confirm(mark)

    def _of(self, name: str) -> Iterator[Step]:
        number = 0
        try:
            self.opened += 1
            for line in _read(name):
                number = line.number if line else number
                if line and number > self._start.get(name, 0):
                    yield from of_line(name, line)
                elif not line or number % _PASSED_OVER == 0:
                    yield Pause()
        except _UNREADABLE as reason:
            self.failures.append(_failure(name, number, reason))
            log.error("%s", self.failures[-1])  # noqa: TRY400 - the line says it all
        else:
            if number == 0:
                log.warning("%s: empty: 0 tweets", name)
            yield Mark(name, number, complete=True)


def of_line(name: str, line: Line) -> Iterator[Step]:
    """Yield what one line of an input holds, and the mark behind it; nothing for a blank line."""
    origin: Origin = {"file": name, "line": line.number}
    if line.too_long:
        yield Unusable(line.data, _too_long(line), origin)
    elif line.data:
        yield from captured(line.data, origin)
    else:
        return
    yield Mark(name, line.number)


def _too_long(line: Line) -> InvalidEvent:
    return InvalidEvent(
        f"a line of {line.size:,} bytes; at most {MAX_LINE_BYTES:,} fit into a message",
        reason_class="too_long",
    )


def _failure(name: str, number: int, reason: Exception) -> str:
    what = "ends in the middle of its gzip data" if isinstance(reason, EOFError) else str(reason)
    return (
        f"{name}: not readable after line {number:,}: {what}; "
        "what stands before was published; repair the file and play it again"
    )


class _Unpacking(io.RawIOBase):
    """Unpacks piece by piece, so that what stands before a fault is read before it is raised."""

    def __init__(self, packed: gzip.GzipFile) -> None:
        self._packed = packed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        data = self._packed.read1(len(buffer))
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def _opened(name: str) -> Iterator[Reader]:
    """Open an input, unpacked if it is gzip by its first bytes, whatever its name."""
    # Not sys.stdin: a thread that waits inside of its buffer would not let the process end.
    source: int | str = 0 if name == STDIN else name
    with (
        io.FileIO(source, closefd=name != STDIN) as raw,
        io.BufferedReader(raw, _BUFFER) as file,
    ):
        if file.peek(2)[:2] == _GZIP:
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield io.BufferedReader(_Unpacking(unpacked), _BUFFER)
        else:
            yield file


def _read(name: str) -> Iterator[Line | None]:
    return _waiting(name) if not is_regular(name) else _lines(name)


def _lines(name: str) -> Iterator[Line]:
    with _opened(name) as reader:
        yield from lines(reader)


def _waiting(name: str) -> Iterator[Line | None]:
    """Yield lines as they arrive, and None whenever none did for a moment."""
    ahead: queue.Queue[Line | Exception | None] = queue.Queue(_AHEAD)
    # It alone opens and closes the pipe: closing waits for whoever reads.
    threading.Thread(target=_fill, args=(ahead, name), name="pipe", daemon=True).start()
    while True:
        try:
            line = ahead.get(timeout=_PAUSE_SECONDS)
        except queue.Empty:
            yield None
            continue
        if line is None:
            return
        if isinstance(line, Exception):
            raise line
        yield line


def _fill(ahead: "queue.Queue[Line | Exception | None]", name: str) -> None:
    try:
        for line in _lines(name):
            ahead.put(line)
    except _UNREADABLE as reason:
        ahead.put(reason)
    else:
        ahead.put(None)

"""Lines out of a stream of bytes, in bounded memory however long a line is.

Only a line feed ends a line: U+2028 and its kin are text, whatever `str.splitlines` thinks.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

#: A payload has to fit into a Pub/Sub message of 10 MB (Pub/Sub quotas).
MAX_LINE_BYTES = 10_000_000

_BOM = b"\xef\xbb\xbf"
_CHUNK = 1 << 20


class Reader(Protocol):
    """What can be read line by line: a file, a pipe, a decompressor."""

    def readline(self, size: int, /) -> bytes:
        """Return the next line with its end, or its next `size` bytes; nothing at the end."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end and the white space around it.

    Attributes:
        number: counted from 1.
        data: the bytes; of a line that is too long only as many as a line may have.
        size: how many bytes the line has.
    """

    number: int
    data: bytes = field(repr=False)
    size: int

    @property
    def too_long(self) -> bool:
        """Whether `data` is not all of it."""
        return self.size > len(self.data)


def lines(reader: Reader, *, limit: int = MAX_LINE_BYTES) -> Iterator[Line]:
    """Yield each line, blank ones included."""
    number = 0
    # Two more than the limit: an end of line does not count.
    while data := reader.readline(limit + 2):
        number += 1
        rest = _skip(reader) if len(data) == limit + 2 and not data.endswith(b"\n") else 0
        content = data.removeprefix(_BOM) if number == 1 else data
        content = content if rest else content.strip(b" \t\r\n")
        yield Line(number, content[:limit], len(content) + rest)


def _skip(reader: Reader) -> int:
    """Read to the end of the line and return how many bytes that was."""
    skipped = 0
    while data := reader.readline(_CHUNK):
        skipped += len(data.rstrip(b"\r\n"))
        if data.endswith(b"\n"):
            break
    return skipped

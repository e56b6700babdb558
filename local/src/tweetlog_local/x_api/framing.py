"""How bytes go over the wire: plain or gzip, in chunks that are exactly what is asked for."""

import zlib
from collections.abc import Iterator
from typing import Protocol

#: The end of a chunked body.
END = b"0\r\n\r\n"
_GZIP = 31
# Fast: tweets are hardly smaller at higher levels, and a stream compresses each one by itself.
_LEVEL = 1


def chunk(data: bytes) -> bytes:
    """Return data as one chunk; nothing for none, which would be the body's end."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    """Yield data in pieces of so many bytes."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


class Coding(Protocol):
    """A content coding."""

    def data(self, data: bytes, *, flush: bool = True) -> bytes:
        """Return data as it goes out; all that went in so far, where `flush` is set."""

    def end(self) -> bytes:
        """Return what ends it."""


class Identity:
    """Bytes as they are."""

    def data(self, data: bytes, *, flush: bool = True) -> bytes:  # noqa: ARG002 - nothing is held
        """Return data as it is."""
        return data

    def end(self) -> bytes:
        """Return nothing."""
        return b""


class Gzip:
    """Gzip as a stream does it: flushed so that a tweet arrives without the next one."""

    def __init__(self) -> None:
        self._packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)

    def data(self, data: bytes, *, flush: bool = True) -> bytes:
        """Return data packed; without `flush` perhaps later."""
        packed = self._packer.compress(data)
        return packed + self._packer.flush(zlib.Z_SYNC_FLUSH) if flush else packed

    def end(self) -> bytes:
        """Return the rest."""
        return self._packer.flush(zlib.Z_FINISH)

"""The lines of a stream of bytes, however it comes in pieces."""

from collections.abc import Generator, Iterable


def whole(pieces: Iterable[bytes]) -> Generator[bytes, None, bytes]:
    r"""Yield the lines, without the `\r\n` at their ends; return what stands behind the last end.

    `requests` takes a piece that ends between `\r` and `\n` for two ends of lines: on X's streams
    a keep-alive that X never sent, and that would tell that it has nothing more to send.
    """
    rest = bytearray()
    for piece in pieces:
        rest += piece
        if b"\n" in piece:
            *ended, rest = rest.split(b"\n")
            yield from (bytes(line.removesuffix(b"\r")) for line in ended)
    return bytes(rest)

import io

from hypothesis import given
from hypothesis import strategies as st

from ingestor.reading import Line, lines


def read(data: bytes, limit: int = 100) -> list[Line]:
    return list(lines(io.BytesIO(data), limit=limit))


def test_lines_are_numbered_from_one_and_lose_their_ends() -> None:
    assert read(b"a\nb\r\n\n c \t") == [
        Line(1, b"a", 1),
        Line(2, b"b", 1),
        Line(3, b"", 0),
        Line(4, b"c", 1),
    ]


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    assert [line.data for line in read(b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n")] == [
        b"a",
        b"\xef\xbb\xbfb",
    ]


def test_only_a_line_feed_ends_a_line() -> None:
    text = "a\u2028b\u2029c\u0085d\x0be\x0cf\rg".encode()

    assert [line.data for line in read(text + b"\n")] == [text]


def test_a_line_at_the_limit_is_whole_whatever_its_end() -> None:
    for end in (b"\n", b"\r\n", b""):
        assert read(b"x" * 10 + end, limit=10) == [Line(1, b"x" * 10, 10)]


def test_a_line_beyond_the_limit_is_cut_and_the_next_one_is_read() -> None:
    first, second = read(b"x" * 25 + b"\nnext\n", limit=10)

    assert first.too_long
    assert first.data == b"x" * 10
    assert first.size == 25
    assert second == Line(2, b"next", 4)


def test_a_first_line_with_a_mark_at_the_limit_does_not_spill_into_the_next() -> None:
    for size in range(8, 16):
        numbers = [line.number for line in read(b"\xef\xbb\xbf" + b"x" * size + b"\ny", limit=10)]

        assert numbers == [1, 2]


class Endless:
    """A line without an end, up to a point; it notes how much was asked for at once."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.most = 0

    def readline(self, size: int, /) -> bytes:
        self.most = max(self.most, size)
        taken = min(size, self.left)
        self.left -= taken
        return b"x" * taken


def test_a_huge_line_is_never_held_as_a_whole() -> None:
    reader = Endless(50_000_000)

    (line,) = lines(reader, limit=1_000)

    assert line.size == 50_000_000
    assert len(line.data) == 1_000
    assert reader.most <= 1 << 20


@given(st.lists(st.binary(max_size=30).filter(lambda b: b"\n" not in b)), st.integers(1, 20))
def test_no_line_is_lost_or_made_up(contents: list[bytes], limit: int) -> None:
    found = read(b"".join(content + b"\n" for content in contents), limit=limit)

    assert [line.number for line in found] == list(range(1, len(contents) + 1))
    assert all(len(line.data) <= limit for line in found)
    for line, content in zip(found[1:], contents[1:], strict=True):
        if not line.too_long:
            assert line.data == content.strip(b" \t\r\n")

"""Every tweet that exists, whether or not somebody listened when it happened.

Bodies lie in a file, so that a long run takes disk and no memory.
"""

import os
import tempfile
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

from tweetlog_local.x_api.making import Draft
from tweetlog_local.x_api.rulebook import Rule


@dataclass(slots=True)
class Post:
    """A tweet that exists.

    Attributes:
        at: where its body lies in the file, and how long it is.
        due: when the streams get it, in seconds since 1970.
        matched: the rules in effect at its moment that it matches.
        draft: what it was made from, where that is made use of again; else it is in the file.
        delivered: how often it was written to a stream.
        found: how often the search or a lookup gave it.
    """

    id: int
    ms: int
    author_id: str
    at: tuple[int, int]
    matched: tuple[Rule, ...]
    delivered: int = 0
    found: int = 0
    due: float = 0.0
    draft: Draft | None = field(default=None, repr=False)


class Timeline:
    """The tweets in the order of their ids."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - open as long as this is
        self._end = 0
        self._ids: list[int] = []
        self._posts: list[Post] = []

    def __len__(self) -> int:
        return len(self._posts)

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    def add(self, id: int, ms: int, draft: Draft, matched: tuple[Rule, ...]) -> Post:
        """Let a tweet exist.

        Raises:
            ValueError: if there is one of this id.
        """
        at = bisect_left(self._ids, id)
        if at < len(self._ids) and self._ids[at] == id:
            raise ValueError(f"there is a tweet {id} already")
        post = Post(id, ms, draft.author_id, (self._end, 0), matched)
        if draft.reused:
            post.draft = draft
        else:
            line = draft.stamped(draft.line, id, ms)
            self._file.write(line)
            post.at = (self._end, len(line))
            self._end += len(line)
        self._ids.insert(at, id)
        self._posts.insert(at, post)
        return post

    def line(self, post: Post) -> bytes:
        """Return a tweet's payload."""
        if post.draft is not None:
            return post.draft.stamped(post.draft.line, post.id, post.ms)
        start, length = post.at
        return os.pread(self._file.fileno(), length, start)

    def get(self, id: int) -> Post | None:
        """Return a tweet, or None if there is none of this id."""
        at = bisect_left(self._ids, id)
        found = at < len(self._ids) and self._ids[at] == id
        return self._posts[at] if found else None

    def between(self, first: int = 0, end: int | None = None) -> Iterator[Post]:
        """Yield the tweets with ids from `first` and below `end`, older ones first."""
        for at in range(bisect_left(self._ids, first), self._place(end)):
            yield self._posts[at]

    def newest_first(self, first: int = 0, end: int | None = None) -> Iterator[Post]:
        """Yield the same, newer ones first."""
        start = bisect_left(self._ids, first)
        for at in range(self._place(end) - 1, start - 1, -1):
            yield self._posts[at]

    def _place(self, end: int | None) -> int:
        return len(self._ids) if end is None else bisect_left(self._ids, end)

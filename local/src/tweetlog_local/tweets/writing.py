"""A text as it is written, piece by piece, with X's entities.

They say where each hashtag, mention, link and cashtag stands, in code points, its sign included.
"""

from typing import Any

Entity = dict[str, Any]


class Writing:
    """A text in the making and its entities."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self.entities: dict[str, list[Entity]] = {}

    @property
    def text(self) -> str:
        """What was written so far."""
        return "".join(self._pieces)

    def __len__(self) -> int:
        return self._length

    def say(self, words: str) -> "Writing":
        """Write plain words."""
        self._pieces.append(words)
        self._length += len(words)
        return self

    def hashtag(self, tag: str, *, sign: str = "#", cut: str = "") -> "Writing":
        """Write a hashtag; `cut` follows it directly and is no longer part of it."""
        return self._entity("hashtags", sign + tag, tag=tag).say(cut)

    def cashtag(self, tag: str) -> "Writing":
        """Write a cashtag."""
        return self._entity("cashtags", "$" + tag, tag=tag)

    def mention(self, username: str, id: str) -> "Writing":
        """Write a mention."""
        return self._entity("mentions", "@" + username, username=username, id=id)

    def link(self, url: str, **more: object) -> "Writing":
        """Write a short link; `more` is where it leads."""
        return self._entity("urls", url, url=url, **more)

    def _entity(self, kind: str, written: str, **what: object) -> "Writing":
        end = self._length + len(written)
        self.entities.setdefault(kind, []).append({"start": self._length, "end": end, **what})
        return self.say(written)


def moved(entities: dict[str, list[Entity]], *, by: int, end: int) -> dict[str, list[Entity]]:
    """Return the entities of a text that now starts `by` further on and is cut at `end`."""
    kinds: dict[str, list[Entity]] = {}
    for kind, some in entities.items():
        left = [
            {**one, "start": one["start"] + by, "end": one["end"] + by}
            for one in some
            if one["end"] + by <= end
        ]
        if left:
            kinds[kind] = left
    return kinds

"""What X itself found in a text: hashtags, mentions, cashtags and URLs with their positions."""

from collections.abc import Iterator, Sequence
from typing import Any

from enricher.post import Json, Post, objects


def given(post: Post, kind: str, name: str) -> list[Json] | None:
    """Return X's entities of one kind, each with the text `name` and positions in the text.

    Of a retweet that X cut, X lists a tag at the cut if, and only if, it is whole: X alone can
    tell. (Of 12 real ones 5 were whole and listed, 7 were cut and not.)

    Returns:
        None where X gave no entities, so that the text has to be read for them.
    """
    found = post.content.get("entities")
    if not isinstance(found, dict):
        return None
    if kind not in found:
        return []
    length = len(post.text)
    return [one for one in objects(found, kind) if _is_placed(one, name, length)]


def _is_placed(entity: Json, name: str, length: int) -> bool:
    start, end = entity.get("start"), entity.get("end")
    if type(start) is not int or type(end) is not int:
        return False
    return 0 <= start < end <= length and isinstance(entity.get(name), str)


def matched(post: Post, pattern: Any, signs: Sequence[str]) -> Iterator[Any]:
    """Yield the matches of a pattern in the text, but for one at the cut of a retweet.

    Args:
        post: whose text is read.
        pattern: a compiled pattern of the `regex` module.
        signs: what the text must contain one of for anything to match: almost no text does,
            and looking is much cheaper than matching.
    """
    if not any(map(post.text.__contains__, signs)):
        return
    # Without it the module lets other threads run during a match, and waits for its turn after it.
    for match in pattern.finditer(post.text, concurrent=False):
        if not post.is_cut(match.end()):
            yield match

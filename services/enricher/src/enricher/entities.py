"""What X itself found in a text: hashtags, mentions, cashtags and URLs with their positions."""

from collections.abc import Iterator, Sequence
from typing import Any

from enricher.post import Json, Post, objects, whole


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
    return [one for one in objects(found, kind) if _is_placed(post, one, name)]


def _is_placed(post: Post, entity: Json, name: str) -> bool:
    start, end = whole(entity, "start"), whole(entity, "end")
    if not isinstance(entity.get(name), str) or start is None or end is None:
        return False
    return 0 <= start < end <= len(post.text)


def matched(post: Post, pattern: Any, signs: Sequence[str]) -> Iterator[Any]:
    """Yield the matches of a pattern in the text, but for one at the cut of a retweet.

    Args:
        post: whose text is read.
        pattern: a compiled pattern of the `regex` module.
        signs: what the text must contain one of for anything to match: almost no text does,
            and looking is much cheaper than matching.
    """
    if not any(sign in post.text for sign in signs):
        return
    for match in pattern.finditer(post.text):
        if not post.is_cut(match.end()):
            yield match

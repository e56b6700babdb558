"""Pages of a listing: names in order, and a token that says where the next page begins."""

from collections.abc import Iterable

from tweetlog_local.pubsub.api import Proto
from tweetlog_local.pubsub.errors import invalid

DEFAULT_SIZE = 100
MAX_SIZE = 1000


def page(listed: Iterable[str], request: Proto) -> tuple[list[str], str]:
    """The names that a List request asks for, and the token for what follows (or "")."""
    if request.page_size < 0:
        raise invalid("page_size must not be negative")
    size = min(request.page_size or DEFAULT_SIZE, MAX_SIZE)
    rest = sorted(name for name in listed if name > request.page_token)
    return rest[:size], rest[size - 1] if len(rest) > size else ""

"""Looking into JSON that somebody else wrote: the shape hoped for, or nothing of it.

X renames members and adds kinds, and an archive may hold anything, so that no look into a
payload may fail: it only finds less.
"""

from collections.abc import Iterator, Mapping
from typing import Any

_NOTHING: Mapping[str, Any] = {}


def members(value: Any, *path: str) -> Mapping[str, Any]:
    """Return the object at `path` inside `value`, or an empty one."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else _NOTHING


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list, skipping what is none."""
    if isinstance(value, list):
        for one in value:
            if isinstance(one, dict):
                yield one


def words(*values: Any) -> Iterator[str]:
    """Yield the strings among `values`, and those in lists among them."""
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from (one for one in value if isinstance(one, str))

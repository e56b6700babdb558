"""Snowflake ids: a tweet's id tells the millisecond in which it was made."""

# Ids count milliseconds from here in their upper bits (X developer docs, "X IDs").
EPOCH_MS = 1_288_834_974_657
_LOW_BITS = 22
_LOW_MASK = (1 << _LOW_BITS) - 1


def id_at(ms: int, low: int = 0) -> int:
    """Return the id of a moment; `low` is what tells ids of the same millisecond apart."""
    return (ms - EPOCH_MS) << _LOW_BITS | low & _LOW_MASK


def ms_of(id: int) -> int:
    """Return the moment of an id in milliseconds since 1970."""
    return (id >> _LOW_BITS) + EPOCH_MS

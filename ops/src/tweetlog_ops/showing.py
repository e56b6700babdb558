"""A dead letter as lines for a person; it is hostile, so no control is shown as it is."""

from collections.abc import Iterator, Mapping
from typing import Any

from tweetlog_ops.answers import plain, safe
from tweetlog_ops.letters import Letter

_ENOUGH = 20_000


def shown(row: Mapping[str, Any], one: Letter) -> str:
    """Return the letter's fate and reason, its envelope, and its bytes as text.

    Args:
        row: its row in `v_dead_letters`.
        one: the letter.
    """
    return "\n".join([*_fate(row, one), "", *_envelope(one), "", *_bytes(one)]) + "\n"


def _fate(row: Mapping[str, Any], one: Letter) -> Iterator[str]:
    yield f"{safe(one.id)}: {one.status}"
    yield from _lines(
        {
            "stage": one.stage,
            "reason class": row["reason_class"],
            "reason": row["reason"],
            "first seen": plain(row["publish_time"]),
            "last seen": plain(row["last_seen"]),
            "times": row["times"],
            "redriven": plain(row["redriven_at"]),
            "discarded": plain(row["discarded_at"]),
            "why": row["why"],
            "origin": ", ".join(f"{k} {v}" for k, v in one.origin.items()),
            "trace": row["trace"],
        }
    )


def _envelope(one: Letter) -> Iterator[str]:
    if not one.attributes:
        yield "no envelope: the bytes never became an event"
    yield from (f"{safe(name)}: {safe(value)}" for name, value in sorted(one.attributes.items()))


def _bytes(one: Letter) -> Iterator[str]:
    if one.removed:
        yield "its content was removed, since what it is about was deleted"
        return
    whole = "" if one.complete else ", only the beginning of what was rejected"
    yield f"{len(one.data):,} bytes{whole}:"
    yield safe(one.data[:_ENOUGH].decode(errors="backslashreplace"))
    if len(one.data) > _ENOUGH:
        yield f"... the first {_ENOUGH:,}; --bytes writes all of them"


def _lines(values: Mapping[str, object]) -> Iterator[str]:
    return (f"  {name}: {safe(str(value))}" for name, value in values.items() if value)

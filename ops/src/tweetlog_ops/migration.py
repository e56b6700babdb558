"""What has to be done so that a warehouse is what its SQL says: tables, columns, views."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tweetlog_ops.statements import Statement, columns


@dataclass(frozen=True, slots=True)
class Step:
    """One change: what it is in words, and the SQL that makes it."""

    words: str
    sql: str


def steps(
    wanted: Sequence[Statement], existing: Mapping[str, Sequence[str]], *, dataset: str
) -> tuple[Step, ...]:
    """Return the changes that are missing, in order; nothing is ever dropped.

    Args:
        wanted: the statements of the warehouse's SQL files.
        existing: the columns of each table and view that is there.
        dataset: where they are.
    """
    return tuple(step for one in wanted for step in _steps(one, existing, dataset))


def _steps(one: Statement, existing: Mapping[str, Sequence[str]], dataset: str) -> Iterator[Step]:
    if one.name not in existing:
        yield Step(f"make {one.kind} {one.name}", one.sql)
    elif one.kind == "view":
        yield Step(f"renew view {one.name}", one.sql)
    else:
        for name, definition in columns(one.sql).items():
            if name not in existing[one.name]:
                alter = f"ALTER TABLE {dataset}.{one.name} ADD COLUMN IF NOT EXISTS"
                yield Step(f"add column {one.name}.{name}", f"{alter} `{name}` {definition}")

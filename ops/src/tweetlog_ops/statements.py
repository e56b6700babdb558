"""The warehouse's SQL files as statements, in the order in which they are applied."""

import re
from dataclasses import dataclass
from pathlib import Path

from tweetlog_ops.errors import CommandError

# What the files call the dataset.
DATASET = "tweetlog"
# Not behind a quote: event types begin with the same word.
_QUALIFIED = re.compile(r"(?<!['\"])\btweetlog\.(?=[a-z_]+\b)")
# BigQuery escapes a quote within quotes by a backslash.
_QUOTED = re.compile(r"""(['"`])(?:\\.|(?!\1)[^\\])*+(?:\1|\Z)""", re.DOTALL)
_CREATED = re.compile(
    r"CREATE\s+(?:OR\s+REPLACE\s+)?(TABLE|VIEW)\s+(?:IF\s+NOT\s+EXISTS\s+)?\S+?\.(\w+)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of the warehouse's definition, and the table or view that it makes."""

    kind: str
    name: str
    sql: str


def read(folder: Path, *, dataset: str) -> tuple[Statement, ...]:
    """Return the statements of `tables.sql` and `views/*.sql` for this dataset, in order.

    Raises:
        CommandError: if a file is missing or holds a statement that makes nothing.
    """
    tables = folder / "tables.sql"
    if not tables.is_file():
        raise CommandError(f"{tables}: missing; run inside a checkout of tweetlog")
    files = [tables, *sorted((folder / "views").glob("*.sql"))]
    return tuple(one for file in files for one in _statements(file, dataset))


def for_dataset(sql: str, dataset: str) -> str:
    """Return SQL that says `tweetlog.table` for a dataset of another name."""
    return _QUALIFIED.sub(f"{dataset}.", sql)


def split(sql: str) -> list[str]:
    """Split a script at its semicolons; quoted text and comments may hold others."""
    parts, start, at = [], 0, 0
    while at < len(sql):
        at = _past_token(sql, at)
        if at <= len(sql) and sql[at - 1] == ";":
            parts.append(sql[start : at - 1])
            start = at
    parts.append(sql[start:])
    return [part.strip() for part in parts if _without_comments(part).strip()]


def _statements(file: Path, dataset: str) -> list[Statement]:
    statements = []
    for sql in split(file.read_text()):
        made = _CREATED.search(_without_comments(sql))
        if made is None:
            raise CommandError(f"{file}: a statement makes neither a table nor a view: {sql[:60]}")
        statements.append(Statement(made[1].lower(), made[2], for_dataset(sql, dataset)))
    return statements


def _past_token(sql: str, at: int) -> int:
    """Return the position behind the comment, the quoted text or the character at `at`."""
    if sql.startswith("--", at):
        end = sql.find("\n", at)
        return len(sql) if end < 0 else end + 1
    quoted = _QUOTED.match(sql, at)
    if quoted:
        return quoted.end()
    return at + 1


def _without_comments(sql: str) -> str:
    return re.sub(r"--[^\n]*", "", sql)

"""The warehouse's SQL files as statements, in the order in which they are applied."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from tweetlog_ops import serving
from tweetlog_ops.errors import CommandError
from tweetlog_ops.serving import Serving

# What the files call the dataset.
DATASET = "tweetlog"
#: How tweets are kept: a row a tweet, or a row a version with a view that picks (docs/loading.md).
LAYOUTS = ("upsert", "append")
# As a label's value has to be (BigQuery: lower-case letters, digits, _; at most 63).
_CANDIDATE = re.compile(r"tweets_[a-z0-9_]{1,50}")
_OURS = frozenset({"tweets_latest", "tweets_versions", serving.CURRENT})
# Not behind a quote: event types begin with the same word.
_QUALIFIED = re.compile(r"(?<!['\"])\btweetlog\.(?=[a-z_]+\b)")
# BigQuery escapes a quote within quotes by a backslash.
_QUOTED = re.compile(r"""(['"`])(?:\\.|(?!\1)[^\\])*(?:\1|\Z)""", re.DOTALL)
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


def read(
    folder: Path, *, dataset: str, layout: str = "upsert", served: Serving | None = None
) -> tuple[Statement, ...]:
    """Return the statements of `tables.sql` and `views/*.sql` for this dataset, in order.

    Args:
        folder: the folder `warehouse/`.
        dataset: the dataset's name.
        layout: one of `LAYOUTS`; with `append`, `tables_append.sql` takes the place of `tweets`.
        served: which table the views read; that of the layout if None.

    Raises:
        CommandError: if a file is missing or holds a statement that makes nothing.
    """
    append = layout == "append"
    tables = _statements(folder / "tables.sql")
    if append:
        tables = [one for one in tables if one.name != "tweets"]
        tables += _statements(folder / "tables_append.sql")
    views = [one for file in sorted((folder / "views").glob("*.sql")) for one in _statements(file)]
    served = served or Serving(serving.BY_LAYOUT[layout])
    views = [_serving(one, served) for one in views]
    return tuple(replace(one, sql=for_dataset(one.sql, dataset)) for one in (*tables, *views))


def candidate(folder: Path, *, dataset: str, name: str) -> Statement:
    """Return the statement that makes another table of tweets, like `tweets` in all but its name.

    Args:
        folder: the folder `warehouse/`.
        dataset: the dataset's name.
        name: the table's name; see `check_name`.
    """
    (made,) = (one for one in _statements(folder / "tables.sql") if one.name == "tweets")
    return Statement("table", name, made.sql.replace("tweetlog.tweets ", f"{dataset}.{name} ", 1))


def replacing(sql: str) -> str:
    """Return the statement that makes a table, in the place of the one that is there."""
    return re.sub(r"CREATE TABLE IF NOT EXISTS", "CREATE OR REPLACE TABLE", sql, count=1)


def check_name(name: str) -> None:
    """Raise CommandError if `name` is not one for another table of tweets."""
    if not _CANDIDATE.fullmatch(name):
        line = f"{name}: not a name for a table of tweets; write tweets_v2 (letters, digits, _)"
        raise CommandError(line, exit_code=2)
    if name in _OURS:
        raise CommandError(f"{name}: a table of the warehouse itself; write tweets_v2", exit_code=2)


def _serving(one: Statement, served: Serving) -> Statement:
    return replace(one, sql=serving.view(one.sql, served)) if one.name == serving.CURRENT else one


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


def columns(sql: str) -> dict[str, str]:
    """Return the columns of a CREATE TABLE statement: each name with its type and options."""
    bare = _without_comments(sql)
    parts = _top_level(bare[bare.index("(") + 1 :])
    named = [part.split(None, 1) for part in parts if not part.upper().startswith("PRIMARY KEY")]
    return {name.strip("`"): definition.replace(" NOT NULL", "") for name, definition in named}


def _top_level(text: str) -> list[str]:
    """Split the inside of a parenthesis at its own commas, up to where it closes."""
    parts, start, at, depth = [], 0, 0, 0
    while depth >= 0 and at < len(text):
        if text[at] == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
        depth += (text[at] in "(<") - (text[at] in ")>")
        at = _past_token(text, at)
    parts.append(text[start : at - 1])
    return [part.strip() for part in parts]


def _statements(file: Path) -> list[Statement]:
    if not file.is_file():
        raise CommandError(f"{file}: missing; run inside a checkout of tweetlog")
    statements = []
    for sql in split(file.read_text()):
        made = _CREATED.search(_without_comments(sql))
        if made is None:
            raise CommandError(f"{file}: a statement makes neither a table nor a view: {sql[:60]}")
        statements.append(Statement(made[1].lower(), made[2], sql))
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

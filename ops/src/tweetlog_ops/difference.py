"""How two tables of tweets differ: by column, by sample, and in what reports show.

SQL over both tables joined by tweet, the same locally and in BigQuery; what a tombstone covers is
left out of both. The report is pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tweetlog_ops.answers import table
from tweetlog_ops.tombstones import uncovered

#: Columns that say when and by whom a row was written, and nothing about the tweet.
PROVENANCE = frozenset({"enriched_at", "loaded_at", "replay_id", "event_id", "enricher_version"})
_TIMES = frozenset({"enriched_at", "loaded_at", "replay_id"})
# Enough of a value to recognise it by.
_SHOWN = 100
_SHIFTS = 10


@dataclass(frozen=True, slots=True)
class Pair:
    """Two tables of tweets, and the columns that both have.

    Attributes:
        columns: what is compared, in the order of the first table.
        lone: columns that one of them has, with its name.
    """

    a: str
    b: str
    columns: tuple[str, ...]
    lone: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """What the queries found.

    Attributes:
        rows: how many rows: `both`, `lost` (in the first alone), `added` (in the second alone),
            `changed`.
        columns: a column each: name, rows `changed`, `filled` where there was nothing, `emptied`.
        samples: by column: tweet, value before, value after.
        versions: rows by enricher version in each table.
        languages: rows by language before and after.
        hashtags: tweets by hashtag before and after.
    """

    rows: Mapping[str, int]
    columns: Sequence[tuple[str, int, int, int]]
    samples: Mapping[str, Sequence[tuple[str, str, str]]]
    versions: Sequence[Mapping[str, Any]]
    languages: Sequence[Mapping[str, Any]]
    hashtags: Sequence[Mapping[str, Any]]


def pair(a: str, b: str, columns: Mapping[str, Sequence[str]]) -> Pair:
    """Return what there is to compare.

    Args:
        a: the first table.
        b: the second.
        columns: the columns of each.
    """
    common = [one for one in columns[a] if one in columns[b] and one not in PROVENANCE]
    lone = [
        (name, one)
        for name, other in ((a, b), (b, a))
        for one in columns[name]
        if one not in columns[other]
    ]
    return Pair(a, b, tuple(one for one in common if one != "tweet_id"), tuple(lone))


def counts(tables: Pair) -> str:
    """Return the query that counts rows, and for each column how many differ and how.

    Its columns are `both`, `lost`, `added`, `changed`, and `c0`, `f0`, `e0` and so on: changed,
    filled and emptied, by the place of the column.
    """
    places = range(len(tables.columns))
    any_of = " OR ".join(f"d{n}" for n in places) or "FALSE"
    each = "".join(
        f",\n  COUNTIF(paired AND d{n}) AS c{n}"
        f",\n  COUNTIF(paired AND d{n} AND a{n} IN ('null', '[]')) AS f{n}"
        f",\n  COUNTIF(paired AND d{n} AND b{n} IN ('null', '[]')) AS e{n}"
        for n in places
    )
    return f"""{_joined(tables)}
SELECT
  COUNTIF(paired) AS both,
  COUNTIF(b_id IS NULL) AS lost,
  COUNTIF(a_id IS NULL) AS added,
  COUNTIF(paired AND ({any_of})) AS changed{each}
FROM compared"""


def samples(tables: Pair, places: Sequence[int], number: int) -> str:
    """Return the query for a few changed rows of each column at `places`.

    Its columns are `column`, `tweet_id`, `before` and `after`.
    """
    parts = [
        f"(SELECT {n} AS place, a_id AS tweet_id, SUBSTR(a{n}, 1, {_SHOWN}) AS before, "
        f"SUBSTR(b{n}, 1, {_SHOWN}) AS after FROM compared WHERE paired AND d{n} "
        f"ORDER BY tweet_id LIMIT {number})"
        for n in places
    ]
    return f"{_joined(tables)}\n" + "\nUNION ALL\n".join(parts)


def versions(tables: Pair) -> str:
    """Return the query for how many rows each enricher version wrote in each table."""
    return f"""
SELECT enricher_version, SUM(a) AS before, SUM(b) AS after FROM (
  SELECT enricher_version, 1 AS a, 0 AS b FROM tweetlog.{tables.a}
  UNION ALL SELECT enricher_version, 0, 1 FROM tweetlog.{tables.b}
) GROUP BY enricher_version ORDER BY enricher_version"""


def languages(tables: Pair) -> str:
    """Return the query for the tweets that changed their language most often, from what to what."""
    return f"""
WITH a AS ({uncovered(tables.a)}
), b AS ({uncovered(tables.b)}
)
SELECT IFNULL(a.language, '(none)') AS before, IFNULL(b.language, '(none)') AS after,
  COUNT(*) AS tweets
FROM a JOIN b ON a.tweet_id = b.tweet_id
WHERE IFNULL(a.language, '(none)') != IFNULL(b.language, '(none)')
GROUP BY 1, 2 ORDER BY tweets DESC, before, after LIMIT {_SHIFTS}"""


def hashtags(tables: Pair) -> str:
    """Return the query for the hashtags whose number of tweets shifted most."""
    counted = """
  SELECT h.folded AS hashtag, COUNT(DISTINCT tweet_id) AS tweets
  FROM {side}, UNNEST(hashtags) AS h GROUP BY h.folded"""
    return f"""
WITH a AS ({uncovered(tables.a)}
), b AS ({uncovered(tables.b)}
), counted_a AS ({counted.format(side="a")}
), counted_b AS ({counted.format(side="b")}
)
SELECT hashtag, before, after FROM (
  SELECT
    IFNULL(counted_a.hashtag, counted_b.hashtag) AS hashtag,
    IFNULL(counted_a.tweets, 0) AS before,
    IFNULL(counted_b.tweets, 0) AS after
  FROM counted_a FULL OUTER JOIN counted_b ON counted_a.hashtag = counted_b.hashtag
)
WHERE before != after
ORDER BY ABS(after - before) DESC, hashtag LIMIT {_SHIFTS}"""


def content_hash(table: str, columns: Sequence[str]) -> str:
    """Return the query for the number of rows, and a hash over all columns but times, of a table.

    The hash does not depend on the order of the rows.
    """
    kept = ", ".join(f"TO_JSON_STRING(`{one}`)" for one in columns if one not in _TIMES)
    return f"""
SELECT COUNT(*) AS tweets,
  BIT_XOR(FARM_FINGERPRINT(TO_JSON_STRING([{kept}]))) AS content
FROM tweetlog.{table}"""


def difference(
    tables: Pair,
    counted: Mapping[str, Any],
    sampled: Sequence[Mapping[str, Any]],
    shifts: tuple[Sequence[Mapping[str, Any]], ...],
) -> Difference:
    """Return what the queries found.

    Args:
        tables: what was compared.
        counted: the row that `counts` gives.
        sampled: the rows that `samples` gives.
        shifts: the rows of `versions`, `languages` and `hashtags`.
    """
    found = [
        (name, int(counted[f"c{n}"]), int(counted[f"f{n}"]), int(counted[f"e{n}"]))
        for n, name in enumerate(tables.columns)
    ]
    by_column: dict[str, list[tuple[str, str, str]]] = {}
    for row in sampled:
        name = tables.columns[int(row["place"])]
        by_column.setdefault(name, []).append((row["tweet_id"], row["before"], row["after"]))
    rows = {name: int(counted[name]) for name in ("both", "lost", "added", "changed")}
    return Difference(rows, [one for one in found if one[1]], by_column, *shifts)


def report(tables: Pair, found: Difference) -> str:
    """Return the difference as lines for a person."""
    return "\n".join(_parts(tables, found))


def document(tables: Pair, found: Difference) -> dict[str, Any]:
    """Return the difference as JSON can hold it."""
    return {
        "a": tables.a,
        "b": tables.b,
        "rows": dict(found.rows),
        "columns": [
            {"column": name, "changed": changed, "filled": filled, "emptied": emptied}
            for name, changed, filled, emptied in found.columns
        ],
        "samples": {
            name: [{"tweet_id": i, "before": b, "after": a} for i, b, a in rows]
            for name, rows in found.samples.items()
        },
        "versions": [dict(one) for one in found.versions],
        "languages": [dict(one) for one in found.languages],
        "hashtags": [dict(one) for one in found.hashtags],
        "columns_of_one": [{"table": name, "column": one} for name, one in tables.lone],
    }


def _parts(tables: Pair, found: Difference) -> Iterator[str]:
    rows = found.rows
    yield table(
        ["rows in both", "changed", f"only in {tables.a}", f"only in {tables.b}"],
        ["INT64"] * 4,
        [[rows["both"], rows["changed"], rows["lost"], rows["added"]]],
    )
    yield from (f"only {name} has the column {one}\n" for name, one in tables.lone)
    yield _listed(f"rows by enricher version, {tables.a} and {tables.b}:", found.versions)
    if not found.columns:
        yield "no column differs in any row\n"
        return
    numbers = ["STRING", *["INT64"] * 3]
    yield (
        "rows that differ, by column; filled where there was nothing, emptied where there is:\n"
        + (table(["column", "changed", "filled", "emptied"], numbers, found.columns))
    )
    sampled = [(name, *one) for name, some in found.samples.items() for one in some]
    yield "samples:\n" + table(["column", "tweet_id", "before", "after"], ["STRING"] * 4, sampled)
    if found.languages:
        yield _listed("languages, the biggest shifts:", found.languages)
    if found.hashtags:
        yield _listed("hashtags, the biggest shifts:", found.hashtags)


def _listed(title: str, rows: Sequence[Mapping[str, Any]]) -> str:
    names = list(rows[0]) if rows else ["(none)"]
    kinds = ["INT64" if rows and isinstance(rows[0][one], int) else "STRING" for one in names]
    return f"{title}\n" + table(names, kinds, [[row[one] for one in names] for row in rows])


def _joined(tables: Pair) -> str:
    """Return the WITH clause that ends in `compared`: both rows of a tweet side by side."""
    columns = "".join(
        f",\n    TO_JSON_STRING(a.`{one}`) AS a{n}, TO_JSON_STRING(b.`{one}`) AS b{n}"
        for n, one in enumerate(tables.columns)
    )
    differ = "".join(f", a{n} != b{n} AS d{n}" for n in range(len(tables.columns)))
    return f"""
WITH a AS ({uncovered(tables.a)}
), b AS ({uncovered(tables.b)}
), joined AS (
  SELECT a.tweet_id AS a_id, b.tweet_id AS b_id{columns}
  FROM a FULL OUTER JOIN b ON a.tweet_id = b.tweet_id
), compared AS (
  SELECT *, a_id IS NOT NULL AND b_id IS NOT NULL AS paired{differ}
  FROM joined
)"""

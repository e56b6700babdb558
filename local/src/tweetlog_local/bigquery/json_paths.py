"""JSON paths, from BigQuery's to DuckDB's, where every key is quoted."""

import re

from tweetlog_local.bigquery.errors import InvalidQuery

STEP = re.compile(
    r"""\.(?P<plain>[^.\[\]"'\s]+)|\."(?P<quoted>(?:[^"\\]|\\.)*)"|\[(?P<index>\d+)\]"""
    r"""|\[(?P<open>['"])(?P<bracketed>(?:(?!(?P=open)).)*)(?P=open)\]"""
)


def duckdb_path(path: str) -> str:
    """Return the path as DuckDB reads it; wildcards and the like are errors, as in BigQuery."""
    if not path.startswith("$"):
        raise InvalidQuery(f"JSONPath must start with '$': {path}")
    steps, position = ["$"], 1
    while position < len(path):
        match = STEP.match(path, position)
        if match is None or match["plain"] == "*":
            raise InvalidQuery(f"Invalid token in JSONPath at: {path[position:]}")
        steps.append(_step(match))
        position = match.end()
    return "".join(steps)


def _step(match: "re.Match[str]") -> str:
    if match["index"] is not None:
        return f"[{match['index']}]"
    key = next(
        found for name in ("plain", "quoted", "bracketed") if (found := match[name]) is not None
    )
    if '"' in key:
        raise InvalidQuery(f"A quotation mark in a JSONPath is not supported: {key}")
    return f'."{key}"'

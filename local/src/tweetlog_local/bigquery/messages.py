"""DuckDB's errors, said as BigQuery would say them where there is a counterpart."""

import re

import duckdb

from tweetlog_local.bigquery.errors import InvalidQuery

PATTERNS = (
    # What a macro of ours raised.
    (re.compile(r"BigQuery: (.*?)(?:' (?:to|when casting).*)?$", re.DOTALL), r"\1"),
    (
        re.compile(r'.*Referenced column "(?P<name>[^"]+)" not found.*', re.DOTALL),
        r"Unrecognized name: \g<name>",
    ),
    (
        re.compile(r'.*Column "(?P<name>[^"]+)" referenced that exists in the SELECT.*', re.DOTALL),
        r"Unrecognized name: \g<name>",
    ),
    (
        re.compile(r'.*Referenced table "(?P<name>[^"]+)" not found.*', re.DOTALL),
        r"Unrecognized name: \g<name>",
    ),
    (
        re.compile(r".*NOT NULL constraint failed: (?:\S+\.)?(?P<name>\S+).*", re.DOTALL),
        r"Required field \g<name> cannot be null",
    ),
    (
        re.compile(r".*(?:Macro|Function with name) bq_(?P<name>\w+?)(?:__as)?\(\) .*", re.DOTALL),
        r"No matching signature for \g<name> with arguments of these types",
    ),
    (
        re.compile(r"^INTERNAL Error|^unordered_map::at"),
        (
            "A function of a column of an outer query, inside a query inside another, is not "
            "supported by the embedded BigQuery here: DuckDB cannot plan it; compute it in the "
            "outer query, or put the query into a WITH at the top"
        ),
    ),
    (re.compile(r".*[Dd]ivision by zero.*", re.DOTALL), "division by zero"),
)


def refusal(error: duckdb.Error) -> InvalidQuery:
    """Return the refusal of a statement that DuckDB could not run."""
    text = str(error).partition("\n\nLINE ")[0]
    for pattern, said in PATTERNS:
        match = pattern.search(text)
        if match is not None:
            return InvalidQuery(match.expand(said))
    return InvalidQuery(text.strip().partition("\n")[0])

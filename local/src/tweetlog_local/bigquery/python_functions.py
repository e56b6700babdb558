"""Functions that DuckDB lacks, in Python, over whole columns at a time."""

import hashlib
import unicodedata
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import duckdb
import pyarrow as pa

from tweetlog_local.bigquery.farm_fingerprint import fingerprint

Scalar = Callable[..., Any]


def fold(value: str) -> str:
    """Return `value` as CONTAINS_SUBSTR compares it."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).casefold())


def normalize_fold(value: str, form: str) -> str:
    """Return `value` normalized and without case."""
    return unicodedata.normalize(form, unicodedata.normalize(form, value).casefold())  # type: ignore[arg-type]


def normalize(value: str, form: str) -> str:
    """Return `value` in one of Unicode's normalization forms."""
    return unicodedata.normalize(form, value)  # type: ignore[arg-type]


def lossy_text(value: bytes) -> str:
    """Return bytes as text, U+FFFD for what is not UTF-8."""
    return value.decode("utf-8", errors="replace")


def net_host(url: str) -> str | None:
    """Return the host of a URL as it is written there; None without one."""
    text = url.strip()
    start = text.find("://")
    if start >= 0 and text[:start].replace("+", "").replace("-", "").replace(".", "").isalnum():
        text = text[start + 3 :]
    else:
        text = text.removeprefix("//")
    authority = urlsplit("//" + text).netloc
    host = authority.rpartition("@")[2]
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0] or None


def reverse(value: str) -> str:
    """Return the characters from last to first."""
    return value[::-1]


def sha512(value: bytes) -> bytes:
    """Return the digest."""
    return hashlib.sha512(value).digest()


# name -> (function, types of its arguments, type that it returns)
FUNCTIONS: dict[str, tuple[Scalar, list[str], str]] = {
    "py_fold": (fold, ["VARCHAR"], "VARCHAR"),
    "py_normalize": (normalize, ["VARCHAR", "VARCHAR"], "VARCHAR"),
    "py_normalize_fold": (normalize_fold, ["VARCHAR", "VARCHAR"], "VARCHAR"),
    "py_lower": (str.lower, ["VARCHAR"], "VARCHAR"),
    "py_upper": (str.upper, ["VARCHAR"], "VARCHAR"),
    "py_reverse": (reverse, ["VARCHAR"], "VARCHAR"),
    "py_lossy_text": (lossy_text, ["BLOB"], "VARCHAR"),
    "py_net_host": (net_host, ["VARCHAR"], "VARCHAR"),
    "py_sha512": (sha512, ["BLOB"], "BLOB"),
    "py_farm_fingerprint": (fingerprint, ["BLOB"], "BIGINT"),
}
ARROW = {"VARCHAR": pa.string(), "BLOB": pa.binary(), "BIGINT": pa.int64()}


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Make every function known to the database of `connection`."""
    for name, (function, takes, returns) in FUNCTIONS.items():
        over = _over_one if len(takes) == 1 else _over_two
        connection.create_function(
            name,
            over(function, ARROW[returns]),
            takes,
            returns,
            type="arrow",  # type: ignore[call-overload] # the constants have no public names
            null_handling="special",  # a function may answer NULL
        )


# DuckDB counts the parameters of what it is given, so that each number of them needs its own.


def _over_one(function: Scalar, returned: pa.DataType) -> Callable[[pa.Array], pa.Array]:
    def over(column: pa.Array) -> pa.Array:
        values = column.to_pylist()
        return pa.array([None if value is None else function(value) for value in values], returned)

    return over


def _over_two(function: Scalar, returned: pa.DataType) -> Callable[[pa.Array, pa.Array], pa.Array]:
    def over(first: pa.Array, second: pa.Array) -> pa.Array:
        pairs = zip(first.to_pylist(), second.to_pylist(), strict=True)
        return pa.array([None if None in pair else function(*pair) for pair in pairs], returned)

    return over

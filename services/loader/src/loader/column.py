"""Which column a field that has none yet would need: name and type, from a value of it."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

# BigQuery: letters, digits and underscores, 300 at most; these prefixes are its own.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,299}")
_RESERVED = (
    "_TABLE_",
    "_FILE_",
    "_PARTITION",
    "_ROW_TIMESTAMP",
    "__ROOT__",
    "_COLIDENTIFIER",
    "_CHANGE_",
)
_TYPES: Mapping[type, str] = MappingProxyType(
    {str: "STRING", bool: "BOOL", int: "INT64", float: "FLOAT64"}
)


def column_type(name: str, value: Any) -> str | None:
    """Return the BigQuery type of the column that is to hold such values.

    A list of texts is an array of them; what has a shape of its own is JSON. None where BigQuery
    takes no column of this name.
    """
    if not _NAME.fullmatch(name) or name.upper().startswith(_RESERVED):
        return None
    if isinstance(value, list) and value and all(type(one) is str for one in value):
        return "ARRAY<STRING>"
    return _TYPES.get(type(value), "JSON")

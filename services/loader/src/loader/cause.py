"""Why an append failed, by BigQuery's own codes; what to do about it follows from the cause.

Sources: google.rpc.Code; StorageError and "Handle errors" of the Storage Write API.
"""

import enum
import random
import re
from collections.abc import Sequence

# google.rpc.Code
OK = 0
INVALID_ARGUMENT = 3
NOT_FOUND = 5
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
FAILED_PRECONDITION = 9
UNIMPLEMENTED = 12
UNAVAILABLE = 14
UNAUTHENTICATED = 16

# google.cloud.bigquery.storage.v1.StorageError.StorageErrorCode
TABLE_NOT_FOUND = 1
SCHEMA_MISMATCH_EXTRA_FIELDS = 7
# Keys of customer-managed encryption: missing, invalid, denied.
_KEY_ERRORS = frozenset({15, 16, 17, 18, 19})

# Of a size, and not of a quota, which is said in similar words.
_TOO_LARGE = re.compile(
    r"too large|larger than max|\b(request|message|row|payload)( size)? exceeds", re.IGNORECASE
)
# gRPC's text when no access token can be had; its code says UNAVAILABLE.
_NO_TOKEN = re.compile(r"metadata from plugin failed")
_SETUP = frozenset(
    {
        NOT_FOUND,  # the table, also for a while after it was created
        PERMISSION_DENIED,
        UNAUTHENTICATED,
        FAILED_PRECONDITION,  # billing, an organisation's policy
        UNIMPLEMENTED,  # something else answers at this address
    }
)


class Cause(enum.Enum):
    """What stands in the way of a request."""

    TRANSIENT = "may succeed a moment later: send it again"
    SETUP = "a person has to mend it: keep the data, be not ready, try again slowly"
    SCHEMA = "the table has fewer columns than we took it to have: read its schema again"
    TOO_LARGE = "the request is too large: send it in halves"
    INVALID = "the request as a whole is refused: by a row in it, or by its connection"


def cause(code: int, message: str = "", storage_errors: Sequence[int] = ()) -> Cause:
    """Return why a request failed with this code.

    Args:
        code: of google.rpc.Code.
        message: BigQuery's text.
        storage_errors: the codes of the StorageErrors in the error's details.
    """
    if SCHEMA_MISMATCH_EXTRA_FIELDS in storage_errors:
        return Cause.SCHEMA
    if code in _SETUP or TABLE_NOT_FOUND in storage_errors or _KEY_ERRORS & set(storage_errors):
        return Cause.SETUP
    if _NO_TOKEN.search(message):
        return Cause.SETUP
    if code in (INVALID_ARGUMENT, RESOURCE_EXHAUSTED) and _TOO_LARGE.search(message):
        return Cause.TOO_LARGE
    return Cause.INVALID if code == INVALID_ARGUMENT else Cause.TRANSIENT


def full_jitter(attempt: int, *, base: float, cap: float) -> float:
    """Return the seconds to wait before the next attempt: anything up to a bound that doubles.

    Args:
        attempt: how many have failed in a row, from 1.
        base: the bound after the first failure, in seconds.
        cap: the bound's own bound.
    """
    return random.uniform(0, min(cap, base * 2 ** min(attempt - 1, 30)))  # noqa: S311 - not secret

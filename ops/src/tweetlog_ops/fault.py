"""A fault as a run under chaos puts it in force in one of its servers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong at random.

    Attributes:
        what: it in words.
        server: which embedded server is told: `pubsub`, `bigquery` or `x_api`.
        rule: what it is told.
    """

    what: str
    server: str
    rule: Mapping[str, Any]

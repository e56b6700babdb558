"""What became of a row: a value, since a batch has one for each of its rows."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Confirmed:
    """BigQuery has the row."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The row can never be written, however often it is tried.

    Attributes:
        reason: BigQuery's own words where it refused it.
        reason_class: a short stable name for the kind of reason.
    """

    reason: str
    reason_class: str = "refused_by_bigquery"


@dataclass(frozen=True, slots=True)
class Postponed:
    """The row may be written later; whether it was now is not known.

    Attributes:
        reason: what stands in the way.
        setup: a person has to mend it (a permission, a missing table).
    """

    reason: str
    setup: bool = False


Outcome = Confirmed | Refused | Postponed

CONFIRMED = Confirmed()

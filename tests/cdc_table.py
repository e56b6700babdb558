"""A table that follows BigQuery's rules of change data capture, in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Number = tuple[int, ...]


def number(text: str) -> Number:
    """Return a sequence number as BigQuery compares it: section by section, unsigned."""
    sections = text.split("/")
    assert 1 <= len(sections) <= 4, text
    assert all(1 <= len(section) <= 16 for section in sections), text
    return tuple(int(section, 16) for section in sections)


@dataclass
class CdcTable:
    """Rows by key; the change with the highest number wins, of equals the latest.

    `forget_deletes` is what BigQuery does two days after a delete.
    """

    key: str
    rows: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    numbers: dict[str, Number] = field(default_factory=dict)

    def change(self, values: Mapping[str, Any], change: str, sequence: str) -> None:
        key, mine = values[self.key], number(sequence)
        if mine < self.numbers.get(key, ()):
            return
        self.numbers[key] = mine
        if change == "DELETE":
            self.rows.pop(key, None)
        else:
            self.rows[key] = dict(values)

    def forget_deletes(self) -> None:
        self.numbers = {key: n for key, n in self.numbers.items() if key in self.rows}

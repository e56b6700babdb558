"""Names of datasets and tables, in the ways that they are written."""

import re
from dataclasses import dataclass

DATASET_NAME = re.compile(r"\w{1,1024}\Z", re.ASCII)
TABLE_NAME = re.compile(r"[\w\- ]{1,1024}\Z")


@dataclass(frozen=True, slots=True)
class TableName:
    """The full name of a table."""

    project: str
    dataset: str
    table: str

    def __str__(self) -> str:
        return f"{self.project}:{self.dataset}.{self.table}"

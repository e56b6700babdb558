"""The warehouse that a command was asked to look at."""

import argparse
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tweetlog_ops import data_dir
from tweetlog_ops.errors import CommandError
from tweetlog_ops.serving import CURRENT

if TYPE_CHECKING:
    from tweetlog_ops.warehouse import Warehouse


@contextmanager
def asked_warehouse(parsed: argparse.Namespace) -> Iterator["Warehouse"]:
    """Reach the warehouse that was asked for: in the cloud by project, else in the data folder."""
    folder = None if parsed.project else data_dir.existing(parsed.data_dir)
    from tweetlog_ops import local_cloud  # noqa: PLC0415 - slow to import: only what needs it waits
    from tweetlog_ops.warehouse import Warehouse  # noqa: PLC0415 - slow to import: only what needs it waits

    if folder is None:
        yield Warehouse(parsed.project, parsed.dataset)
    else:
        with local_cloud.warehouse(folder) as warehouse:
            yield warehouse


def check_applied(warehouse: "Warehouse") -> None:
    """Raise CommandError if the warehouse was not made yet, or by an older tweetlog."""
    if not warehouse.names() >= {"v_raw_events", CURRENT}:
        line = f"{warehouse.project}.{warehouse.dataset}: no warehouse there yet, or an old one; "
        raise CommandError(line + "`tweetlog warehouse apply` makes it")


def check_there(names: Collection[str], table: str) -> None:
    """Raise CommandError if there is no such table."""
    if table not in names:
        tables = ", ".join(sorted(one for one in names if one.startswith("tweets")))
        line = f"{table}: no such table; there are {tables}"
        raise CommandError(line, exit_code=2)

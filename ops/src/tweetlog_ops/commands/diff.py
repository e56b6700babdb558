"""`tweetlog diff`: how two tables of tweets differ."""

import argparse
import json
import sys
from typing import TYPE_CHECKING

from tweetlog_ops import difference
from tweetlog_ops.arguments import Commands, add_place, command, whole_number
from tweetlog_ops.asked import asked_warehouse, check_applied, check_there
from tweetlog_ops.statements import for_dataset

if TYPE_CHECKING:
    from tweetlog_ops.difference import Difference, Pair
    from tweetlog_ops.warehouse import Warehouse


def add(commands: Commands) -> None:
    """Declare the command."""
    declared = command(
        commands,
        "diff",
        _diff,
        help="show how two tables of tweets differ: by column, with samples and what shifted most",
        example="tweetlog diff tweets tweets_v2",
    )
    declared.add_argument("a", metavar="TABLE", help="a table of tweets")
    declared.add_argument("b", metavar="TABLE", help="another one")
    declared.add_argument(
        "--samples",
        type=whole_number,
        default=3,
        metavar="N",
        help="rows shown of each column that differs (default: %(default)s)",
    )
    declared.add_argument("--format", choices=("table", "json"), default="table")
    add_place(declared)


def _diff(parsed: argparse.Namespace) -> int:
    with asked_warehouse(parsed) as warehouse:
        check_applied(warehouse)
        names = warehouse.names()
        for one in (parsed.a, parsed.b):
            check_there(names, one)
        columns = {one: warehouse.columns(one) for one in (parsed.a, parsed.b)}
        tables = difference.pair(parsed.a, parsed.b, columns)
        found = _found(warehouse, tables, parsed.samples)
    if parsed.format == "json":
        document = difference.document(tables, found)
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(difference.report(tables, found))
    return 0


def _found(warehouse: "Warehouse", tables: "Pair", number: int) -> "Difference":
    def rows(sql: str) -> list[dict[str, object]]:
        return warehouse.query(for_dataset(sql, warehouse.dataset)).dicts()

    (counted,) = rows(difference.counts(tables))
    places = [n for n in range(len(tables.columns)) if counted[f"c{n}"]] if number else []
    sampled = rows(difference.samples(tables, places, number)) if places else []
    queries = (difference.versions, difference.languages, difference.hashtags)
    shifts = tuple(rows(query(tables)) for query in queries)
    return difference.difference(tables, counted, sampled, shifts)

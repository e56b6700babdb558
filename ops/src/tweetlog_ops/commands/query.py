"""`tweetlog query`: a question to the warehouse."""

import argparse
import sys

from tweetlog_ops import answers
from tweetlog_ops.arguments import Commands, add_place, command
from tweetlog_ops.asked import asked_warehouse


def add(commands: Commands) -> None:
    """Declare the command."""
    declared = command(
        commands,
        "query",
        _query,
        help="ask the warehouse in BigQuery's SQL",
        example='tweetlog query --format csv "SELECT * FROM v_languages"',
    )
    declared.add_argument("sql", metavar="SQL", help="the query; - reads it from stdin")
    declared.add_argument(
        "--format", choices=answers.FORMATS, default="table", help="(default: %(default)s)"
    )
    add_place(declared)


def _query(parsed: argparse.Namespace) -> int:
    sql = sys.stdin.read() if parsed.sql == "-" else parsed.sql
    with asked_warehouse(parsed) as warehouse:
        rows = warehouse.query(sql)
    text = answers.formatted(parsed.format, rows.columns, rows.types, rows.rows)
    sys.stdout.write(text)
    sys.stdout.flush()
    return 0

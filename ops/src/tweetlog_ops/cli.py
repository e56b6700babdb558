"""The command `tweetlog`: what an operator types.

What needs Google's clients is imported by the command that needs it: they take longer to import
than help or a wrong call should take to answer.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tweetlog_ops import answers, data_dir, project, statements, verify
from tweetlog_ops.errors import CommandError
from tweetlog_ops.migration import steps
from tweetlog_ops.plan import Plan

if TYPE_CHECKING:
    from tweetlog_ops.warehouse import Warehouse

_DATA_DIR = Path(".tweetlog")
_WRONG_CALL = 2
_MOST_TWEETS = 10_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 0 fine, 1 failed, 2 cannot be asked."""
    parsed = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = parsed.command
    try:
        return command(parsed)
    except CommandError as reason:
        sys.stderr.write(f"tweetlog: {reason}\n")
        return reason.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader went away (`| head`); that is its right.
        sys.stderr.close()
        return 0


def _run(parsed: argparse.Namespace) -> int:
    from tweetlog_ops.run import run  # noqa: PLC0415 - see the module's docstring

    plan = Plan(
        data_dir=parsed.data_dir,
        files=tuple(parsed.files),
        fresh=parsed.fresh,
        tweets=parsed.tweets,
        seed=parsed.seed,
        delivery=parsed.delivery,
        layout=parsed.layout,
        pubsub_port=parsed.pubsub_port,
        bigquery_port=parsed.bigquery_port,
    )
    return run(plan)


def _chaos(parsed: argparse.Namespace) -> int:
    from tweetlog_ops.chaos import chaos  # noqa: PLC0415 - see the module's docstring

    plan = Plan(
        data_dir=parsed.data_dir,
        files=(),
        fresh=parsed.fresh,
        tweets=parsed.tweets,
        seed=parsed.seed,
        delivery=parsed.delivery,
    )
    return chaos(plan, kills=parsed.kills)


def _query(parsed: argparse.Namespace) -> int:
    sql = sys.stdin.read() if parsed.sql == "-" else parsed.sql
    with _warehouse(parsed) as warehouse:
        rows = warehouse.query(sql)
    text = answers.formatted(parsed.format, rows.columns, rows.types, rows.rows)
    sys.stdout.write(text)
    sys.stdout.flush()
    return 0


def _verify(parsed: argparse.Namespace) -> int:
    from tweetlog_ops.checking import proven  # noqa: PLC0415 - see the module's docstring

    since, until = _window(parsed)
    with _warehouse(parsed) as warehouse:
        _check_applied(warehouse)
        verdict = proven(warehouse, since=since, until=until, grace=timedelta(seconds=parsed.grace))
    if parsed.format == "json":
        sys.stdout.write(json.dumps(verify.document(verdict), indent=2) + "\n")
    else:
        sys.stdout.write(verify.report(verdict))
    return 0 if verdict.clean else 1


def _apply(parsed: argparse.Namespace) -> int:
    wanted = statements.read(project.warehouse_sql(), dataset=parsed.dataset, layout=parsed.layout)
    if not parsed.project:
        data_dir.opened(parsed.data_dir)
    with _warehouse(parsed) as warehouse:
        changes = steps(wanted, warehouse.existing(), dataset=parsed.dataset)
        sys.stdout.writelines(f"{change.words}\n" for change in changes)
        sys.stdout.flush()
        if not parsed.dry_run:
            warehouse.apply(changes)
    sys.stdout.write("nothing was changed\n" if parsed.dry_run else "done\n")
    return 0


@contextmanager
def _warehouse(parsed: argparse.Namespace) -> Iterator["Warehouse"]:
    """Reach the warehouse that was asked for: in the cloud by project, else in the data folder."""
    folder = None if parsed.project else data_dir.existing(parsed.data_dir)
    from tweetlog_ops import local_cloud  # noqa: PLC0415 - see the module's docstring
    from tweetlog_ops.warehouse import Warehouse  # noqa: PLC0415 - see the module's docstring

    if folder is None:
        yield Warehouse(parsed.project, parsed.dataset)
    else:
        with local_cloud.warehouse(folder) as warehouse:
            yield warehouse


def _window(parsed: argparse.Namespace) -> tuple[datetime | None, datetime | None]:
    since, until = _moment("--from", parsed.since), _moment("--to", parsed.until)
    if since and until and since >= until:
        raise CommandError("--from is not before --to", exit_code=_WRONG_CALL)
    if since and since > datetime.now(UTC):
        raise CommandError("--from lies in the future", exit_code=_WRONG_CALL)
    return since, until


def _moment(flag: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return verify.moment(text)
    except ValueError as reason:
        line = f"{flag}: {reason}; write 2026-01-31 or 2026-01-31T12:00:00Z"
        raise CommandError(line, exit_code=_WRONG_CALL) from None


def _check_applied(warehouse: "Warehouse") -> None:
    if "v_raw_events" not in warehouse.names():
        line = f"{warehouse.project}.{warehouse.dataset}: no warehouse there yet; "
        raise CommandError(line + "`tweetlog warehouse apply` makes it")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tweetlog",
        description="Tweets, from the X API to BigQuery, as a replayable log of events.",
        epilog="example: tweetlog run --tweets 2000",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands)
    _add_chaos(commands)
    _add_query(commands)
    _add_verify(commands)
    _add_warehouse(commands)
    return parser


_Commands = argparse._SubParsersAction  # noqa: SLF001 - argparse gives the type no public name


def _command(
    commands: "_Commands[argparse.ArgumentParser]",
    name: str,
    action: Callable[[argparse.Namespace], int],
    *,
    help: str,
    example: str,
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=help, description=help, epilog=f"example: {example}"
    )
    command.set_defaults(command=action)
    command.add_argument(
        "--data-dir",
        type=Path,
        default=_DATA_DIR,
        metavar="DIR",
        help="where a local run keeps its data (default: %(default)s)",
    )
    return command


def _add_run(commands: "_Commands[argparse.ArgumentParser]") -> None:
    command = _command(
        commands,
        "run",
        _run,
        help="run the whole pipeline on this machine: play files, or made-up tweets",
        example="tweetlog run tweets.ndjson.gz archive/*.jsonl",
    )
    command.add_argument(
        "files", nargs="*", metavar="FILE", help="NDJSON of X v2 tweets, gzip or not; - for stdin"
    )
    _add_made_up(command, tweets=5_000)
    _add_layout(command)
    for server in ("pubsub", "bigquery"):
        command.add_argument(
            f"--{server}-port",
            type=_whole_number,
            default=0,
            metavar="PORT",
            help=f"where the embedded {server} listens (default: any free port)",
        )


def _add_chaos(commands: "_Commands[argparse.ArgumentParser]") -> None:
    command = _command(
        commands,
        "chaos",
        _chaos,
        help="run made-up tweets through the pipeline while everything fails at random",
        example="tweetlog chaos --data-dir chaos --fresh --tweets 200000 --kills 20 --seed 1",
    )
    command.add_argument(
        "--kills",
        type=_whole_number,
        default=10,
        metavar="K",
        help="how often a process is killed with -9 (default: %(default)s)",
    )
    _add_made_up(command, tweets=20_000)


def _add_made_up(command: argparse.ArgumentParser, *, tweets: int) -> None:
    command.add_argument("--fresh", action="store_true", help="start over: remove earlier data")
    command.add_argument(
        "--tweets",
        type=_whole_number,
        default=tweets,
        metavar="N",
        help="how many tweets to make up when no file is given (default: %(default)s)",
    )
    command.add_argument(
        "--seed", type=int, default=7, metavar="S", help="which tweets to make up (default: 7)"
    )
    command.add_argument(
        "--delivery",
        choices=("push", "pull"),
        default="push",
        help="how the services get their events (default: %(default)s)",
    )


def _add_query(commands: "_Commands[argparse.ArgumentParser]") -> None:
    command = _command(
        commands,
        "query",
        _query,
        help="ask the warehouse in BigQuery's SQL",
        example='tweetlog query --format csv "SELECT * FROM v_languages"',
    )
    command.add_argument("sql", metavar="SQL", help="the query; - reads it from stdin")
    command.add_argument(
        "--format", choices=answers.FORMATS, default="table", help="(default: %(default)s)"
    )
    _add_place(command)


def _add_verify(commands: "_Commands[argparse.ArgumentParser]") -> None:
    command = _command(
        commands,
        "verify",
        _verify,
        help="prove that every logged event is in the table once, or says why not",
        example="tweetlog verify --from 2026-01-31 --to 2026-02-01",
    )
    command.add_argument("--from", dest="since", metavar="TIME", help="published at or after this")
    command.add_argument("--to", dest="until", metavar="TIME", help="published before this")
    command.add_argument(
        "--grace",
        type=_whole_number,
        default=0,
        metavar="SECONDS",
        help="younger events may still be under way (default: 0)",
    )
    command.add_argument("--format", choices=("table", "json"), default="table")
    _add_place(command)


def _add_warehouse(commands: "_Commands[argparse.ArgumentParser]") -> None:
    warehouse = commands.add_parser(
        "warehouse", help="make the warehouse what its SQL files say", epilog="see: apply --help"
    )
    inner = warehouse.add_subparsers(required=True, metavar="COMMAND")
    command = _command(
        inner,
        "apply",
        _apply,
        help="show what is missing of tables, columns and views, and make it; may be repeated",
        example="tweetlog warehouse apply --project my-project --dry-run",
    )
    command.add_argument("--dry-run", action="store_true", help="show it only")
    _add_layout(command)
    _add_place(command)


def _add_layout(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--layout",
        choices=statements.LAYOUTS,
        default="upsert",
        help="how tweets are kept, see docs/loading.md (default: %(default)s)",
    )


def _add_place(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--project", metavar="PROJECT", help="in this Google Cloud project, instead of locally"
    )
    command.add_argument(
        "--dataset",
        default=statements.DATASET,
        metavar="DATASET",
        help="in this dataset of the project (default: %(default)s)",
    )


def _whole_number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > _MOST_TWEETS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number up to {_MOST_TWEETS:,}")
    return int(text)

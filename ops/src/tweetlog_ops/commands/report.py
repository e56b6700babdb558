"""`tweetlog report`: the page that shows what is in the warehouse."""

import argparse
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from tweetlog_ops.arguments import Commands, add_place, add_window, command, whole_number, window
from tweetlog_ops.errors import CommandError

if TYPE_CHECKING:
    from tweetlog_ops.report.reading import Reader

_WRONG_CALL = 2
# In the cloud each look for changes costs; the table there is 15 minutes behind at most.
_EVERY, _EVERY_IN_CLOUD = 2, 900


def add(commands: Commands) -> None:
    """Declare the command."""
    declared = command(
        commands,
        "report",
        _report,
        help="show what is in the warehouse on a page, live while tweets flow",
        example="tweetlog report --export report.html",
    )
    declared.add_argument(
        "--export", type=Path, metavar="FILE", help="write the page to one file that opens offline"
    )
    declared.add_argument(
        "--looker",
        action="store_true",
        help="print a link that opens a Looker Studio report over the views of --project",
    )
    declared.add_argument(
        "--billing-project",
        default="",
        metavar="PROJECT",
        help="with --looker: the project that pays for viewing",
    )
    declared.add_argument(
        "--template", default="", metavar="ID", help="with --looker: a report of yours to copy"
    )
    declared.add_argument(
        "--port",
        type=whole_number,
        default=8765,
        metavar="PORT",
        help="where the page is served; 0 for any free port (default: %(default)s)",
    )
    declared.add_argument(
        "--refresh",
        type=whole_number,
        metavar="SECONDS",
        help=f"look for changes so often (default: {_EVERY}; with --project {_EVERY_IN_CLOUD})",
    )
    add_window(declared)
    add_place(declared)


def _report(parsed: argparse.Namespace) -> int:
    if parsed.looker:
        return _looker(parsed)
    from tweetlog_ops.report import page  # noqa: PLC0415 - needs what only this command needs
    from tweetlog_ops.report.place import place  # noqa: PLC0415 - slow to import: only what needs it waits
    from tweetlog_ops.report.questions import Window  # noqa: PLC0415 - as above
    from tweetlog_ops.report.reading import Reader  # noqa: PLC0415 - as above

    page.file(page.LIBRARY_SCRIPT)
    every = parsed.refresh or (_EVERY_IN_CLOUD if parsed.project else _EVERY)
    where = place(parsed.project, parsed.dataset, parsed.data_dir)
    reader = Reader(where, Window(*window(parsed)), every=every)
    try:
        return _export(reader, parsed.export) if parsed.export else _serve(reader, parsed.port)
    finally:
        reader.stop()


def _looker(parsed: argparse.Namespace) -> int:
    from tweetlog_ops.report import looker  # noqa: PLC0415 - only this needs it

    if not parsed.project:
        raise CommandError("--looker needs --project: it reads BigQuery", exit_code=_WRONG_CALL)
    billing, template = parsed.billing_project, parsed.template
    link = looker.link(parsed.project, parsed.dataset, billing_project=billing, template=template)
    sys.stdout.write(link + "\n")
    return 0


def _export(reader: "Reader", file: Path) -> int:
    from tweetlog_ops.report import page  # noqa: PLC0415 - needs what only this command needs

    if not file.parent.is_dir():
        raise CommandError(f"{file.parent}: no such folder", exit_code=_WRONG_CALL)
    reader.look(proof=True)
    text = page.exported(reader.facts().data, reader.health().data)
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as reason:
        raise CommandError(f"{file}: {reason.strerror}", exit_code=_WRONG_CALL) from None
    sys.stdout.write(f"{file}: {len(text.encode()) / 1e6:.1f} MB, opens in any browser\n")
    return 0


def _serve(reader: "Reader", port: int) -> int:
    from tweetlog_ops.report.server import HOST, server  # noqa: PLC0415 - needs what only this command needs

    serving = server(reader, port=port)
    threading.Thread(target=reader.run, daemon=True).start()
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    sys.stdout.write(f"http://{HOST}:{serving.server_port}/\n")
    sys.stdout.flush()
    sys.stderr.write("serving the report; Ctrl-C ends it\n")
    _await_end()
    serving.shutdown()
    return 0


def _await_end() -> None:
    """Wait for Ctrl-C or SIGTERM."""
    ended = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        ended.set()

    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, end)
    ended.wait()

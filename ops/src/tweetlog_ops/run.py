"""`tweetlog run`: the whole pipeline on one machine, fed, watched and proven."""

import glob
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from tweetlog_ops import data_dir as folders
from tweetlog_ops import lab, local_cloud, manifests, project, x_proof
from tweetlog_ops.checking import proven
from tweetlog_ops.errors import CommandError
from tweetlog_ops.manifests import Topology
from tweetlog_ops.pipeline import Pipeline, Played
from tweetlog_ops.plan import Plan
from tweetlog_ops.verify import Verdict, report
from tweetlog_ops.x_proof import XVerdict

# The shell's own convention: 128 + SIGINT.
_INTERRUPTED = 130


def run(plan: Plan) -> int:
    """Run the pipeline until every tweet is in the table; return the exit code."""
    check_files(plan.files)
    declared = manifests.read(project.platform_manifests())
    with started(plan, declared) as pipeline:
        pipeline.display.say(f"watch it: {_report(plan)}")
        played = pipeline.play()
        if played is None:
            return interrupted(pipeline, "run")
        verdict = proof(pipeline, played)
        against_x = proof_against_x(pipeline) if plan.x and not plan.x.real else None
    parts = [report(verdict), *([x_proof.report(against_x)] if against_x else [])]
    sys.stdout.write("\n" + "\n".join([*parts, _where_to_look(plan)]))
    sys.stdout.flush()
    if played.complaint:
        sys.stderr.write(f"tweetlog: {played.complaint}\n")
    fine = verdict.clean and (against_x is None or against_x.clean)
    return 0 if fine and not played.complaint else 1


def proof_against_x(pipeline: Pipeline) -> XVerdict:
    """Return what of all that matched on the local X API is in the table, or in a known hole."""
    control = pipeline.x.x_control
    matched = [int(id) for id in lab.asked(control, "ids", matched="true")]
    table = [int(row[0]) for row in pipeline.warehouse.query(x_proof.TWEETS).rows]
    gaps = pipeline.warehouse.query(x_proof.GAPS)
    return x_proof.compared(
        int(lab.stats(control).get("existed", 0)),
        matched,
        table,
        [dict(zip(gaps.columns, row, strict=True)) for row in gaps.rows],
        searchable=lab.searchable(control, sorted(set(matched) - set(table))),
    )


@contextmanager
def started(plan: Plan, declared: Topology) -> Iterator[Pipeline]:
    """Start the pipeline in its folder, alone there; stop it in its order at the end."""
    folder = folders.opened(plan.data_dir, fresh=plan.fresh)
    with (
        folders.locked(folder, patience=folders.PATIENCE_SECONDS),
        _interruptible() as interruption,
    ):
        local_cloud.clear_leftovers(folder)
        with Pipeline(folder, plan, declared, interruption) as pipeline:
            yield pipeline


def proof(pipeline: Pipeline, played: Played) -> Verdict:
    """Return the verdict on everything in the log.

    Raises:
        CommandError: if there is nothing in it although events were published.
    """
    verdict = proven(pipeline.warehouse)
    if played.counts.read and not verdict.total("logged"):
        raise CommandError("events were published, but raw_events is empty: nothing is proven")
    return verdict


def interrupted(pipeline: Pipeline, command: str) -> int:
    """Say how to go on; return the exit code."""
    pipeline.display.say(
        f"stopped; `{called()} {command}` with the same arguments goes on from here"
    )
    return _INTERRUPTED


def check_files(files: tuple[str, ...]) -> None:
    """Raise CommandError if a file that is named, not matched by a pattern, is not there."""
    for file in files:
        if file != "-" and not glob.has_magic(file) and not Path(file).exists():
            raise CommandError(f"{file}: no such file", exit_code=2)


def called() -> str:
    """Return how this command was called, as one can type it again."""
    command = Path(sys.argv[0])
    if command.name == "__main__.py":
        return "python -m tweetlog_ops"
    try:
        return str(command.resolve().relative_to(Path.cwd()))
    except ValueError:
        return command.name


def _where_to_look(plan: Plan) -> str:
    folder = "" if str(plan.data_dir) == ".tweetlog" else f" --data-dir {plan.data_dir}"
    queries = (
        "SELECT language, tweets FROM v_languages ORDER BY tweets DESC LIMIT 10",
        "SELECT hashtag, SUM(tweets) AS n FROM v_hashtags GROUP BY 1 ORDER BY n DESC LIMIT 10",
        "SELECT stage, reason FROM v_dead_letters LIMIT 10",
    )
    lines = [f'  {called()} query{folder} "{sql}"' for sql in queries]
    return "\n".join(
        ["look next:", f"  {_report(plan)}", *lines, f"  {called()} verify{folder}", ""]
    )


def _report(plan: Plan) -> str:
    folder = "" if str(plan.data_dir) == ".tweetlog" else f" --data-dir {plan.data_dir}"
    return f"{called()} report{folder}"


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Turn Ctrl-C and SIGTERM into an event, so that everything stops in its order."""
    interruption = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        interruption.set()

    signals = (signal.SIGINT, signal.SIGTERM)
    before = {one: signal.signal(one, stop) for one in signals}
    try:
        yield interruption
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)

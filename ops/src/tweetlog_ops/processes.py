"""EDGE: real processes, started, watched, started again when they die, and stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tweetlog_ops.errors import CommandError

# As slow as a machine may be on which everything else starts as well.
_START_SECONDS = 120.0
_POLL_SECONDS = 0.05
# A process that dies so often in a row, each time this young, would die for ever.
_DEATHS, _YOUNG_SECONDS = 5, 10.0


@dataclass(frozen=True, slots=True)
class Program:
    """What to run: a Python module with its arguments and what it finds in the environment.

    Attributes:
        python: the interpreter; ours if not given.
        yields: whether it lets everything else on the machine go first.
    """

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    python: str = sys.executable
    yields: bool = False

    @property
    def command(self) -> tuple[str, ...]:
        """What is typed to run it."""
        first = ("nice", "-n", "10") if self.yields else ()
        return (*first, self.python, "-m", self.module, *self.arguments)


class Process:
    """A program that runs, its log in a file."""

    def __init__(self, program: Program, logs: Path, *, stdin: IO[bytes] | None = None) -> None:
        self.program = program
        self.log = logs / f"{program.name}.log"
        self.restarts = 0
        self._young_deaths = 0
        self._stdin = stdin
        self._process = self._spawn()

    @property
    def pid(self) -> int:
        """The process's id; another one after a restart."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """Return the exit code, negative for a signal, or None while it runs."""
        return self._process.poll()

    def ready(self) -> None:
        """Wait until the program says that it serves.

        Raises:
            CommandError: if it ends or says nothing in time.
        """
        deadline = time.monotonic() + _START_SECONDS
        while not self._said_ready():
            if self.exit_code() is not None:
                raise CommandError(self._died_at_start())
            if time.monotonic() > deadline:
                raise CommandError(f"{self.program.name} does not answer; see {self.log}")
            time.sleep(_POLL_SECONDS)

    def revive(self) -> bool:
        """Start the program again if it has died; return whether it had.

        Raises:
            CommandError: if it dies again and again.
        """
        code = self.exit_code()
        if code is None:
            return False
        young = time.monotonic() - self._started < _YOUNG_SECONDS
        self._young_deaths = self._young_deaths + 1 if young else 0
        if self._young_deaths >= _DEATHS:
            raise CommandError(f"{self.program.name} dies again and again: {self._last_line()}")
        self._process = self._spawn()
        self.restarts += 1
        return True

    def stop(self, *, grace: float = 20.0) -> int:
        """Ask the program to stop, insist after `grace` seconds; return its exit code."""
        if self.exit_code() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(grace)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def result(self) -> Mapping[str, object]:
        """Return the JSON object that the program printed last; empty if there is none."""
        lines = self._out.read_text(errors="replace").splitlines()
        return next((said for said in map(_said, reversed(lines)) if said), {})

    def complaint(self) -> str:
        """Return the last line that tells a person what is wrong; empty if there is none."""
        complaints = (_complaint(line) for line in reversed(self._log_lines()))
        return next((one for one in complaints if one), "")

    def _spawn(self) -> "subprocess.Popen[bytes]":
        # A session of its own: Ctrl-C reaches the supervisor alone, which stops the others in
        # their order.
        self._started = time.monotonic()
        self._out = self.log.with_suffix(".out")
        with self.log.open("ab") as log, self._out.open("wb") as out:
            self._log_start = self.log.stat().st_size
            return subprocess.Popen(  # noqa: S603 - our own modules
                self.program.command,
                env=_environment(self.program.environment),
                stdin=self._stdin or subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                start_new_session=True,
            )

    def _said_ready(self) -> bool:
        """Whether it wrote its line: a server on standard output, a service in its log."""
        lines = [*self._log_lines(), *self._out.read_text(errors="replace").splitlines()]
        return any(_is_ready(line) for line in lines)

    def _died_at_start(self) -> str:
        return (
            f"{self.program.name} stopped at start (exit {self.exit_code()}): "
            f"{self._last_line()} (log: {self.log})"
        )

    def _last_line(self) -> str:
        lines = self._log_lines()
        return self.complaint() or (lines[-1] if lines else "it said nothing")

    def _log_lines(self) -> list[str]:
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return [line for line in log.read().decode(errors="replace").splitlines() if line]


def end_leftovers(pids: Mapping[str, int], modules: Sequence[str]) -> None:
    """End the processes that a killed run left behind, if they still are what they were."""
    for pid in pids.values():
        command = _command(pid)
        if any(f"-m {module}" in command for module in modules):
            os.kill(pid, signal.SIGTERM)
            _await_end(pid)


def is_alive(pid: int) -> bool:
    """Return whether there is such a process."""
    return bool(_command(pid))


def _await_end(pid: int) -> None:
    deadline = time.monotonic() + 10
    while _command(pid) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _command(pid: int) -> str:
    """Return a process's command line; empty if there is no such process."""
    shown = subprocess.run(  # noqa: S603 - a number is all that varies
        ["ps", "-o", "args=", "-p", str(pid)],  # noqa: S607 - ps is where PATH says
        capture_output=True,
        text=True,
        check=False,
    )
    return shown.stdout.strip()


def _environment(own: Mapping[str, str]) -> dict[str, str]:
    """Return our environment with nothing of tweetlog in it but what is given."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("TWEETLOG_")}
    return {**inherited, "PYTHONUNBUFFERED": "1", **own}


def _is_ready(line: str) -> bool:
    said = _said(line)
    return said.get("ready") is True or said.get("message") == "ready"


def _complaint(line: str) -> str:
    """Return what a line says is wrong: a plain one itself, a logged error its message."""
    said = _said(line)
    if said:
        grave = said.get("severity") in ("ERROR", "CRITICAL")
        return str(said.get("message", "")).splitlines()[-1] if grave else ""
    # What is indented is a part of a traceback; its last line is not.
    return "" if line.startswith(" ") else line


def _said(line: str) -> dict[str, object]:
    """Return what a line of JSON says; nothing for any other line."""
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}

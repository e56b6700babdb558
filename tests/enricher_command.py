"""Starts `python -m enricher` as a process of its own and reads its log."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Running:
    """A running enricher.

    Attributes:
        process: the process.
        lines: what it has logged so far, each line parsed; a line that is no JSON as text.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.lines: list[Any] = []
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_until_ready(self) -> None:
        """Return once it has logged `ready`."""
        assert self._ready.wait(30), self.lines
        assert "ready" in self.messages(), self.lines

    def messages(self) -> list[str]:
        """Return the message of each line."""
        return [line["message"] if isinstance(line, dict) else line for line in list(self.lines)]

    def port(self) -> int:
        """Return the port it listens on."""
        where = next(one for one in self.messages() if one.startswith("listening on"))
        return int(where.rpartition(":")[2])

    def stopped(self, number: int) -> int:
        """Send a signal; return the exit code."""
        self.process.send_signal(number)
        return self.ended()

    def signal_group(self, number: int) -> None:
        """Send a signal to it and its children at once, as Ctrl-C in a terminal does."""
        os.killpg(self.process.pid, number)

    def ended(self) -> int:
        """Wait for the end; return the exit code."""
        code = self.process.wait(30)
        self._reader.join(5)
        return code

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(_parsed(line))
            if self.messages()[-1] == "ready":
                self._ready.set()
        self._ready.set()


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return line.rstrip("\n")


@contextmanager
def started(*arguments: str, **environ: str) -> Iterator[Running]:
    """Run the command with nothing but these `TWEETLOG_*` settings; kill it at the end."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("TWEETLOG_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "enricher", *arguments],
        env={**inherited, "HOST": "127.0.0.1", "PORT": "0", **environ},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    running = Running(process)
    try:
        yield running
    finally:
        if process.poll() is None:
            running.signal_group(signal.SIGKILL)
        running.ended()

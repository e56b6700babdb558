"""The local X API as a process of its own for as long as a `with` lasts."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STOP_TIMEOUT = 30  # seconds a stop may take before the process is killed


class StartError(RuntimeError):
    """The server did not come up; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that is up.

    Attributes:
        url: of the API, without a path.
        control_url: where `/_lab/` is.
        ca_file: what to trust; None without TLS.
    """

    url: str
    control_url: str
    ca_file: Path | None
    token: str
    pid: int


@contextmanager
def running(*arguments: str) -> Iterator[Running]:
    """Start a server on free ports with the command's arguments; stop it in the end."""
    command = [sys.executable, "-m", "tweetlog_local.x_api", "--with-parent"]
    command += ["--port", "0", "--control-port", "0", *arguments]
    process = subprocess.Popen(  # noqa: S603 - our own program
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield _ready(process)
    finally:
        _stop(process)


def _ready(process: "subprocess.Popen[str]") -> Running:
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    line = process.stdout.readline()
    if not line:
        _, said = process.communicate()
        raise StartError(said.strip() or f"the server ended with code {process.returncode}")
    ready = json.loads(line)
    return Running(
        url=ready["url"],
        control_url=f"http://{ready['host']}:{ready['control_port']}",
        ca_file=Path(ready["ca_file"]) if ready["ca_file"] else None,
        token=ready["bearer_token"],
        pid=process.pid,
    )


def _stop(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.communicate(timeout=STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()

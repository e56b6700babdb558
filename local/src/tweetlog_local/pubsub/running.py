"""The embedded Pub/Sub as a process of its own for as long as a `with` lasts."""

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
    """A server that is up."""

    host: str
    port: int
    control_port: int
    pid: int

    @property
    def address(self) -> str:
        """For PUBSUB_EMULATOR_HOST."""
        return f"{self.host}:{self.port}"

    @property
    def control_url(self) -> str:
        """Where `/stats` and `/faults` are."""
        return f"http://{self.host}:{self.control_port}"


@contextmanager
def running(
    data_dir: Path,
    *,
    port: int = 0,
    control_port: int = 0,
    bigquery_endpoint: str | None = None,
    max_push_in_flight: int = 64,
) -> Iterator[Running]:
    """Start a server over `data_dir` and stop it in the end; ports of 0 are free ones."""
    command = [sys.executable, "-m", "tweetlog_local.pubsub", "--with-parent"]
    command += ["--data-dir", str(data_dir), "--port", str(port)]
    command += ["--control-port", str(control_port)]
    command += ["--max-push-in-flight", str(max_push_in_flight)]
    if bigquery_endpoint is not None:
        command += ["--bigquery-endpoint", bigquery_endpoint]
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
    return Running(ready["host"], ready["port"], ready["control_port"], process.pid)


def _stop(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.communicate(timeout=STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()

"""The embedded BigQuery as a process of its own, for as long as a block runs."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tweetlog_local.bigquery.errors import StartError

STOP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Running:
    """A server that is up, and where."""

    host: str
    port: int
    grpc_port: int
    process: "subprocess.Popen[str]" = field(repr=False)

    @property
    def rest(self) -> str:
        """The value of BIGQUERY_EMULATOR_HOST and of `client_options.api_endpoint`."""
        return f"http://{self.host}:{self.port}"

    @property
    def grpc(self) -> str:
        """The target of a gRPC channel."""
        return f"{self.host}:{self.grpc_port}"

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait()


@contextmanager
def running(
    data_dir: Path, *, project: str = "tweetlog-local", arguments: Sequence[str] = ()
) -> Iterator[Running]:
    """Start a server over `data_dir` on free ports; stop it at the end of the block."""
    command = [sys.executable, "-m", "tweetlog_local.bigquery", "--data-dir", str(data_dir)]
    command += [
        "--with-parent",
        "--port",
        "0",
        "--grpc-port",
        "0",
        "--project",
        project,
        *arguments,
    ]
    process = subprocess.Popen(  # noqa: S603 (our own module, in our own interpreter)
        command, stdout=subprocess.PIPE, text=True
    )
    try:
        yield _ready(process)
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
        if process.stdout is not None:
            process.stdout.close()


def _ready(process: "subprocess.Popen[str]") -> Running:
    line = process.stdout.readline() if process.stdout is not None else ""
    if not line:
        raise StartError(f"the embedded BigQuery ended at once with status {process.wait()}")
    ready = json.loads(line)
    return Running(ready["host"], ready["port"], ready["grpc_port"], process)

"""Google's own emulator, if this machine has it: the second target of the contract."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from local.pubsub.endpoint import until

JAR = "platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar"
SDKS = ("/usr/lib/google-cloud-sdk", "/usr/share/google-cloud-sdk", "~/google-cloud-sdk")


class MissingError(Exception):
    """Google's emulator cannot be run here; the text says what is missing."""


def jar() -> Path:
    """Where the emulator is."""
    named = os.environ.get("PUBSUB_EMULATOR_JAR")
    if named and not Path(named).is_file():
        raise MissingError(f"PUBSUB_EMULATOR_JAR names {named}, which is not there")
    if named:
        return Path(named)
    for sdk in _sdks():
        found = sorted(sdk.glob(JAR))
        if found:
            return found[-1]
    raise MissingError(
        "Google's Pub/Sub emulator was not found: install the Cloud SDK component "
        "pubsub-emulator, or name the jar in PUBSUB_EMULATOR_JAR"
    )


def _sdks() -> Iterator[Path]:
    yield from (Path(sdk).expanduser() for sdk in SDKS)
    gcloud = shutil.which("gcloud")
    if gcloud:
        yield Path(gcloud).resolve().parents[1]


@contextmanager
def google_emulator(log: Path) -> Iterator[str]:
    """Run it; its address."""
    java = shutil.which("java")
    if java is None:
        raise MissingError("Google's Pub/Sub emulator needs java on the PATH")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [java, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-jar", str(jar())]
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, "--host=127.0.0.1", f"--port={port}"], stdout=output, stderr=output
        )
        try:
            until(lambda: _is_up(process, port), seconds=30)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def _is_up(process: "subprocess.Popen[bytes]", port: int) -> bool:
    assert process.poll() is None, "the emulator ended instead of starting"
    try:
        with urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False

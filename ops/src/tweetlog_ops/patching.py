"""EDGE: runs the operator's own command over what is redriven, and the ingestor's reading."""

import base64
import subprocess
import sys
from collections.abc import Sequence

import orjson

from tweetlog_ops.errors import CommandError
from tweetlog_ops.letters import Letter, for_patch

_SECONDS = 60.0


def patched(one: Letter, command: str) -> bytes:
    """Return what the command prints when it reads the letter's event.

    Raises:
        CommandError: if it fails, takes too long or prints nothing.
    """
    try:
        done = subprocess.run(  # noqa: S602 - the operator's own command line, as in a shell
            command,
            shell=True,
            input=for_patch(one),
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CommandError(f"{one.id}: the patch took longer than {_SECONDS:.0f} s") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise CommandError(f"{one.id}: the patch failed (exit {done.returncode}): {said[0]}")
    if not done.stdout.strip():
        raise CommandError(f"{one.id}: the patch printed nothing")
    return done.stdout


def reread(letters: Sequence[tuple[Letter, bytes]]) -> list[list[dict[str, str]]]:
    """Return for each letter of the ingestor what follows from its bytes: events, as JSON.

    Raises:
        CommandError: if the ingestor's code is not here, or fails.
    """
    lines = [
        orjson.dumps({"data_base64": base64.b64encode(data).decode(), "origin": dict(one.origin)})
        for one, data in letters
    ]
    done = subprocess.run(
        [sys.executable, "-m", "ingestor.reread"],
        input=b"".join(line + b"\n" for line in lines),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise CommandError(f"the ingestor, which is to read it again: {said[0]}")
    return [orjson.loads(line)["events"] for line in done.stdout.splitlines()]

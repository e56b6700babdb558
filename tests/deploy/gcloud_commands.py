"""Asks the installed gcloud whether it would take a command, without running it."""

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest


def refused(commands: Iterable[str], folder: Path) -> list[str]:
    """Return what gcloud's own parser says of each command that it does not take.

    Where the variable GCLOUD promises one that can, as the build does, its absence is a failure;
    elsewhere the test skips: it is neither on PyPI nor in Debian.
    """
    named = os.environ.get("GCLOUD")
    gcloud = shutil.which(named or "gcloud")
    if named and gcloud is None:
        pytest.fail(f"GCLOUD names {named}, which is not there")
    if gcloud is None:
        pytest.skip("gcloud is not on PATH, so nothing can say whether it takes the commands")
    asked = folder / "commands.json"
    asked.write_text(
        json.dumps([{"command_string": shlex.join(shlex.split(one))} for one in commands])
    )
    done = subprocess.run(
        [gcloud, "meta", "lint-gcloud-commands", f"--commands-file={asked}"],
        # Its own configuration: nothing of whoever runs the tests, nothing left behind.
        env=os.environ | {"CLOUDSDK_CONFIG": str(folder), "CLOUDSDK_CORE_DISABLE_PROMPTS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    complaint = f"this gcloud checks no commands: {done.stderr.strip()[-200:]}"
    if done.returncode and named:
        pytest.fail(complaint)
    if done.returncode:
        pytest.skip(complaint)
    return [
        f"{one['command_string']}: {' '.join(one['error_message'].split())}"
        for one in json.loads(done.stdout)
        if not one["success"]
    ]

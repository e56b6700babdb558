"""The system's Chromium, for what is looked at in a real browser."""

import os
import shutil

import pytest

#: No window, no sandbox (it runs as root in CI), nothing of its own over the network.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium() -> str:
    """Return the browser; where there is none, skip, and fail in continuous integration."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if not found and os.environ.get("CI"):
        pytest.fail("there is no chromium; .ci/run installs it")
    if not found:
        pytest.skip("there is no chromium (Debian: apt install chromium)")
    return found

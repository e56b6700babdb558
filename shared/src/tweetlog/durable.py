"""EDGE: small files that survive a crash at any moment: the whole of it, or the one before."""

import os
from pathlib import Path


def write(file: Path, content: bytes) -> None:
    """Write the whole file or nothing: a crash leaves the one before.

    Raises:
        OSError: if it cannot be written.
    """
    beside = file.with_name(file.name + ".new")
    with beside.open("wb") as new:
        new.write(content)
        new.flush()
        os.fsync(new.fileno())
    beside.replace(file)

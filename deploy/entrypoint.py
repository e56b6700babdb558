"""The first process of an image: runs the image's service.

A kernel delivers SIGTERM to process 1 only if it has a handler, and a service has none while it
still loads. So there is one from the first moment on; the service replaces it by its own.
"""

import os
import runpy
import signal
import sys
from types import FrameType

# What is not named after its folder.
_MODULES = {"ops": "tweetlog_ops"}
# The shell's convention: 128 + the signal's number.
_TERMINATED = 128 + signal.SIGTERM


def main() -> None:
    """Run the service that the image was built for, with the arguments of this process."""
    signal.signal(signal.SIGTERM, _end)
    service = os.environ["SERVICE"]
    runpy.run_module(_MODULES.get(service, service), run_name="__main__", alter_sys=True)


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(_TERMINATED)


if __name__ == "__main__":
    main()

"""`python -m enricher push` and `python -m enricher pull`."""

import argparse
import os
import signal
import sys
import threading

from enricher import pull, server
from enricher.detector import detect
from enricher.settings import Settings
from tweetlog import logs
from tweetlog.errors import SettingsError
from tweetlog.settings import described, read

_ENTRANCES = {
    "push": "serve the deliveries that Pub/Sub pushes (Cloud Run; scales to zero)",
    "pull": "pull from the subscription in batches (worker pools, high volume, replays)",
}
_EXAMPLE = """\
example, against a Pub/Sub on this machine:
  PUBSUB_EMULATOR_HOST=127.0.0.1:8085 TWEETLOG_PROJECT=demo HOST=127.0.0.1 python -m enricher push
"""


def main(arguments: list[str]) -> int:
    """Run one entrance; return 0 when it was stopped, 2 when it cannot start as configured."""
    entrance = _parser().parse_args(arguments).entrance
    try:
        settings = read(Settings, os.environ)
    except SettingsError as mistakes:
        print(mistakes, file=sys.stderr)  # noqa: T201 - for who started it, before any log
        return 2
    logs.configure("enricher", project=settings.project, level=settings.log_level)
    # Loads the models before the first event and, in push, before the fork: its worker shares them.
    detect(["a text to load the models with"])
    return _push(settings) if entrance == "push" else _pull(settings)


def _push(settings: Settings) -> int:
    try:
        listener = server.listen(settings)
    except OSError as reason:
        where = f"{settings.host}:{settings.port}"
        print(f"cannot listen on {where}: {reason.strerror}; set PORT", file=sys.stderr)  # noqa: T201 - as above
        return 2
    server.serve(settings, listener)
    return 0


def _pull(settings: Settings) -> int:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    pull.run(settings, stop)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m enricher",
        description="Adds language, hashtags and more to each tweet and publishes it again.",
        epilog=f"{_EXAMPLE}\nsettings (environment):\n{described(Settings)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    entrances = parser.add_subparsers(dest="entrance", metavar="push|pull", required=True)
    for name, help in _ENTRANCES.items():
        entrances.add_parser(name, help=help, description=help)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`python -m enricher push` and `python -m enricher pull`."""

import argparse
import os
import sys

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
    """Run one entrance; return 0 when it was stopped, 1 if it failed, 2 if it cannot start."""
    entrance = _parser().parse_args(arguments).entrance
    try:
        settings = read(Settings, os.environ)
    except SettingsError as mistakes:
        print(mistakes, file=sys.stderr)  # noqa: T201 - for who started it, before any log
        return 2
    logs.configure("enricher", project=settings.project, level=settings.log_level)
    return _push(settings) if entrance == "push" else _pull(settings)


def _push(settings: Settings) -> int:
    from enricher import server, warm  # noqa: PLC0415 - help and mistakes come at once

    try:
        listener = server.listen(settings)
    except OSError as reason:
        where = f"{settings.host}:{settings.port}"
        print(f"cannot listen on {where}: {reason.strerror}; set PORT", file=sys.stderr)  # noqa: T201 - as above
        return 2
    warm.warm_up()
    server.serve(settings, listener)
    return 0


def _pull(settings: Settings) -> int:
    from enricher import pull, warm  # noqa: PLC0415 - as above

    warm.warm_up()
    return pull.run(settings)


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

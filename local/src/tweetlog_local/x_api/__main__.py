"""EDGE. Starts the command."""

import sys

from tweetlog_local.x_api.command import main

if __name__ == "__main__":
    sys.exit(main())

"""Lets `python -m tweetlog_ops` be the command `tweetlog`."""

import sys

from tweetlog_ops.cli import main

sys.exit(main())

"""The part of X's API v2 that a collector of tweets uses, on one machine and faithful to the wire.

Tweets happen by a clock of their own, whether or not somebody listens, so that what was lost can
be counted; and it can be told to fail in every way that X does.
"""

from tweetlog_local.x_api.running import Running, StartError, running

__all__ = ["Running", "StartError", "running"]

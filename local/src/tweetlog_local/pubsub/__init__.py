"""Pub/Sub on one machine: a durable log that speaks `google.pubsub.v1` to the real clients.

`python -m tweetlog_local.pubsub --help` runs it; `running` starts it for a test.
"""

from tweetlog_local.pubsub.running import Running, StartError, running

__all__ = ["Running", "StartError", "running"]

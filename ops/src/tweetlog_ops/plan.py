"""What a local run is asked to do."""

from dataclasses import dataclass
from pathlib import Path

from tweetlog.tracing import OFF
from tweetlog_ops.x_source import XSource


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run.

    Attributes:
        files: what to play; none for made-up tweets.
        fresh: whether to remove what an earlier run left.
        tweets: how many made-up tweets; of X itself, how many to read, 0 for no end.
        seed: which made-up tweets.
        delivery: `push` or `pull`.
        layout: how tweets are kept: `upsert` or `append`.
        pubsub_port: where the embedded Pub/Sub listens; 0 for any free port.
        bigquery_port: where the embedded BigQuery listens; 0 for any free port.
        tracing: where the services send traces: `off`, or a collector's address.
        x: the stream to listen to; None to play files.
    """

    data_dir: Path
    files: tuple[str, ...]
    fresh: bool
    tweets: int
    seed: int
    delivery: str
    layout: str = "upsert"
    pubsub_port: int = 0
    bigquery_port: int = 0
    tracing: str = OFF
    x: XSource | None = None

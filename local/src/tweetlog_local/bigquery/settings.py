"""How the server is to run."""

from dataclasses import dataclass
from pathlib import Path

from tweetlog_local.bigquery.streaming_buffer import BUFFER_SECONDS

# BigQuery remembers a delete for two days.
DELETE_MEMORY_SECONDS = 2 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Settings:
    """How the server is to run; port 0 takes a free one."""

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 9050
    grpc_port: int = 9060
    project: str = "tweetlog-local"
    location: str = "US"
    delete_memory_seconds: float = DELETE_MEMORY_SECONDS
    buffer_seconds: float = BUFFER_SECONDS

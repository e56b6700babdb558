"""The embedded BigQuery with the warehouse's own tables, and loaders that write to it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery as rest

from loader.settings import Settings
from loader.wiring import Loader
from loader.writer import Limits
from tweetlog.settings import read
from tweetlog.topic import InMemoryTopic
from tweetlog_local import bigquery

ROOT = Path(__file__).parents[1]
PROJECT = "tweetlog-local"
LAYOUTS = ("upsert", "append")
READ = {"upsert": "tweets", "append": "tweets_latest"}
WRITTEN = {"upsert": "tweets", "append": "tweets_versions"}


@dataclass
class Warehouse:
    """The embedded BigQuery with the warehouse's tables."""

    server: bigquery.Running
    client: rest.Client

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in self.client.query_and_wait(sql)]

    def loader(self, layout: str, *, limits: Limits | None = None, **more: str) -> Loader:
        environ = {
            "TWEETLOG_PROJECT": PROJECT,
            "TWEETLOG_BIGQUERY_WRITE_ENDPOINT": self.server.grpc,
            "TWEETLOG_BIGQUERY_ENDPOINT": self.server.rest,
            "TWEETLOG_LAYOUT": layout,
            "TWEETLOG_TWEETS_TABLE": WRITTEN[layout],
            **more,
        }
        return Loader(read(Settings, environ), dead_letters=InMemoryTopic(), limits=limits)

    def live(self, layout: str, prefix: str) -> dict[str, tuple[Any, ...]]:
        """Return what reports show of the tweets whose ids begin with `prefix`."""
        found = self.query(
            "SELECT tweet_id, enricher_version, text, loaded_at, enriched_at, replay_id "  # noqa: S608 - our own names
            f"FROM tweetlog.{READ[layout]} AS t WHERE STARTS_WITH(tweet_id, '{prefix}') "
            "AND NOT EXISTS (SELECT 1 FROM tweetlog.deletions AS d WHERE d.tweet_id = t.tweet_id)"
        )
        return {row[0]: row[1:] for row in found}


@contextmanager
def an_embedded_warehouse(folder: Path, arguments: Sequence[str] = ()) -> Iterator[Warehouse]:
    """Run the server over a folder and make the tables of both layouts, if they are not there."""
    with bigquery.running(folder, project=PROJECT, arguments=arguments) as server:
        client = rest.Client(
            PROJECT,
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call] # theirs
            client_options=ClientOptions(api_endpoint=server.rest),
        )
        client.create_dataset("tweetlog", exists_ok=True)
        for name in ("tables.sql", "tables_append.sql"):
            client.query_and_wait((ROOT / "warehouse" / name).read_text())
        yield Warehouse(server, client)
        client.close()  # type: ignore[no-untyped-call] # theirs

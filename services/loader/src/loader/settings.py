"""What the loader takes from its environment."""

from dataclasses import dataclass

from loader.row import TWEETS
from tweetlog.settings import one_of, setting, text, whole_number
from tweetlog.tracing import tracing_setting

ON = "on"
OFF = "off"
UPSERT = "upsert"
APPEND = "append"


def text_or_nothing(value: str) -> str:
    """Take any text; empty means: not set."""
    return text(value) if value else ""


@dataclass(frozen=True, slots=True)
class Settings:
    """The loader's configuration; the replay lane is the same code with another subscription."""

    project: str = setting("TWEETLOG_PROJECT", help="the Google Cloud project")
    dataset: str = setting("TWEETLOG_DATASET", default="tweetlog", help="the BigQuery dataset")
    tweets_table: str = setting("TWEETLOG_TWEETS_TABLE", default=TWEETS, help="where tweets go")
    layout: str = setting(
        "TWEETLOG_LAYOUT",
        one_of(UPSERT, APPEND),
        default=UPSERT,
        help="upsert: one row a tweet; append: one row a version, see docs/loading.md",
    )
    dead_topic: str = setting(
        "TWEETLOG_DEAD_TOPIC", default="tweets-dead", help="where dead letters go"
    )
    subscription: str = setting(
        "TWEETLOG_SUBSCRIPTION",
        default="tweets-enriched-loader",
        help="pull: what to pull from",
    )
    pull_loops: int = setting(
        "TWEETLOG_PULL_LOOPS",
        whole_number(1, 64),
        default=3,
        help="pull: batches in hand at once",
    )
    pull_rows: int = setting(
        "TWEETLOG_PULL_ROWS",
        whole_number(1, 1_000),
        default=1_000,
        help="pull: events in one batch",
    )
    write_endpoint: str = setting(
        "TWEETLOG_BIGQUERY_WRITE_ENDPOINT",
        text_or_nothing,
        default="",
        help="host:port of a local Storage Write API; empty for Google's",
    )
    endpoint: str = setting(
        "TWEETLOG_BIGQUERY_ENDPOINT",
        text_or_nothing,
        default="",
        help="http://host:port of a local BigQuery, to add columns; empty for Google's",
    )
    add_columns: str = setting(
        "TWEETLOG_ADD_COLUMNS",
        one_of(ON, OFF),
        default=OFF,
        help="on: a field without a column gets one; off: it stays in the column extra",
    )
    linger_ms: int = setting(
        "TWEETLOG_LINGER_MS",
        whole_number(0, 100),
        default=50,
        help="push: milliseconds a row waits for others to share its append",
    )
    batch_rows: int = setting(
        "TWEETLOG_BATCH_ROWS",
        whole_number(1, 10_000),
        default=500,
        help="push: rows at most in one append",
    )
    batch_bytes: int = setting(
        "TWEETLOG_BATCH_BYTES",
        whole_number(1_000, 9_000_000),
        default=8_000_000,
        help="bytes at most in one append; BigQuery takes 10 MB",
    )
    in_flight_bytes: int = setting(
        "TWEETLOG_IN_FLIGHT_BYTES",
        whole_number(1_000, 1_000_000_000),
        default=32_000_000,
        help="bytes at most without an answer, for each table",
    )
    concurrency: int = setting(
        "TWEETLOG_CONCURRENCY",
        whole_number(1, 1_000),
        default=80,
        help="push: requests at once; the service's containerConcurrency",
    )
    host: str = setting("HOST", default="0.0.0.0", help="the address to listen on")  # noqa: S104 - a container is reached by any of its interfaces
    port: int | None = setting(
        "PORT",
        whole_number(0, 65_535),
        default=None,
        help="the port, 0 for a free one; push listens on 8080 without it, pull not at all",
    )
    log_level: str = setting(
        "TWEETLOG_LOG_LEVEL",
        one_of("DEBUG", "INFO", "WARNING", "ERROR"),
        default="INFO",
        help="how much is logged",
    )
    tracing: str = tracing_setting()

    @property
    def changes(self) -> bool:
        """Whether tweets are upserted."""
        return self.layout == UPSERT

    @property
    def dead_path(self) -> str:
        """Pub/Sub's name of the topic for dead letters."""
        return f"projects/{self.project}/topics/{self.dead_topic}"

    @property
    def subscription_path(self) -> str:
        """Pub/Sub's name of the subscription to pull from."""
        return f"projects/{self.project}/subscriptions/{self.subscription}"

    def table_path(self, table: str) -> str:
        """Return BigQuery's name of a table of the contract."""
        name = self.tweets_table if table == TWEETS else table
        return f"projects/{self.project}/datasets/{self.dataset}/tables/{name}"

"""What the enricher takes from its environment."""

from dataclasses import dataclass

from tweetlog.settings import one_of, setting, whole_number
from tweetlog.tracing import tracing_setting


@dataclass(frozen=True, slots=True)
class Settings:
    """The enricher's configuration; the replay lane is the same code with other topics."""

    project: str = setting("TWEETLOG_PROJECT", help="the Google Cloud project")
    enriched_topic: str = setting(
        "TWEETLOG_ENRICHED_TOPIC", default="tweets-enriched", help="where enriched events go"
    )
    dead_topic: str = setting(
        "TWEETLOG_DEAD_TOPIC", default="tweets-dead", help="where dead letters go"
    )
    subscription: str = setting(
        "TWEETLOG_SUBSCRIPTION", default="tweets-raw-enricher", help="pull: what to pull from"
    )
    processes: int = setting(
        "TWEETLOG_PROCESSES", whole_number(1, 64), default=1, help="pull: how many pull at once"
    )
    concurrency: int = setting(
        "TWEETLOG_CONCURRENCY",
        whole_number(1, 1000),
        default=40,
        help="push: requests at once; the service's containerConcurrency",
    )
    host: str = setting("HOST", default="0.0.0.0", help="push: the address to listen on")  # noqa: S104 - a container's one interface
    port: int = setting(
        "PORT", whole_number(0, 65_535), default=8080, help="push: the port; 0 takes a free one"
    )
    log_level: str = setting(
        "TWEETLOG_LOG_LEVEL",
        one_of("DEBUG", "INFO", "WARNING", "ERROR"),
        default="INFO",
        help="how much is logged",
    )
    tracing: str = tracing_setting()

    @property
    def enriched_path(self) -> str:
        """Pub/Sub's name of the topic for enriched events."""
        return f"projects/{self.project}/topics/{self.enriched_topic}"

    @property
    def dead_path(self) -> str:
        """Pub/Sub's name of the topic for dead letters."""
        return f"projects/{self.project}/topics/{self.dead_topic}"

    @property
    def subscription_path(self) -> str:
        """Pub/Sub's name of the subscription to pull from."""
        return f"projects/{self.project}/subscriptions/{self.subscription}"

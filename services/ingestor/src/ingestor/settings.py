"""What the ingestor takes from its environment."""

from dataclasses import dataclass

from tweetlog.settings import one_of, setting


@dataclass(frozen=True, slots=True)
class Settings:
    """Where events go, and how much is logged."""

    project: str = setting("TWEETLOG_PROJECT", help="the Google Cloud project")
    raw_topic: str = setting(
        "TWEETLOG_RAW_TOPIC", default="tweets-raw", help="the topic of tweets as received"
    )
    dead_topic: str = setting(
        "TWEETLOG_DEAD_TOPIC", default="tweets-dead", help="the topic of what is not a tweet"
    )
    log_level: str = setting(
        "TWEETLOG_LOG_LEVEL",
        one_of("DEBUG", "INFO", "WARNING", "ERROR"),
        default="INFO",
        help="how much is logged: DEBUG, INFO, WARNING or ERROR",
    )

    def topic(self, name: str) -> str:
        """Return a topic's full name."""
        return f"projects/{self.project}/topics/{name}"

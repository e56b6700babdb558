"""The two ways through the pipeline: the live lane, and the one on which events come again."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lane:
    """A way through the pipeline: its two topics; each has one service that takes from it."""

    name: str
    raw: str
    enriched: str

    @property
    def subscriptions(self) -> tuple[str, str]:
        """The subscriptions of its enricher and its loader."""
        return f"{self.raw}-enricher", f"{self.enriched}-loader"


LIVE = Lane("live", "tweets-raw", "tweets-enriched")
REPLAY = Lane("replay", "tweets-raw-replay", "tweets-enriched-replay")
#: By which the replay lane's enricher takes what is live, while there is a shadow (shadow.py).
SHADOW = "tweets-raw-shadow"
#: What Pub/Sub itself writes to tables.
STORES = ("tweets-raw-store", "tweets-dead-store")

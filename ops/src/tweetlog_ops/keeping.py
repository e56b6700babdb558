"""How tweets are kept: in which table, and in which layout a loader writes it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from tweetlog_ops.serving import served

#: The table that a loader writes in the append layout.
VERSIONS = "tweets_versions"


@dataclass(frozen=True, slots=True)
class Kept:
    """A table of tweets, and the layout in which a loader writes it."""

    table: str
    layout: str


def kept(labels: Mapping[str, str], *, layout: str, beside: str | None = None) -> Kept:
    """Return how the live lane keeps tweets.

    Args:
        labels: those of the view that says which table is served.
        layout: how tweets are kept where nothing was promoted.
        beside: where the live lane goes on writing while there is a shadow.
    """
    serving = served(labels, layout=layout)
    if beside == VERSIONS or (layout == "append" and not beside and not serving.promoted):
        return Kept(VERSIONS, "append")
    # A promoted table was made by a shadow replay, as tables.sql has it.
    return Kept(beside or serving.table, "upsert")


def layout_of(names: Collection[str]) -> str:
    """Return the layout of a warehouse with these tables."""
    return "append" if VERSIONS in names else "upsert"

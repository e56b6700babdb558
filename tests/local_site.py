"""A local cloud for tests: a site whose data folder commands find as that of a run under way."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tweetlog.envelope import Envelope
from tweetlog_ops import data_dir
from tweetlog_ops.cli import main
from tweetlog_ops.lane import LIVE, STORES
from tweetlog_ops.message import carrying
from tweetlog_ops.publishing import Publisher
from tweetlog_ops.site import Site, opened


@contextmanager
def a_site(folder: Path) -> Iterator[Site]:
    """Run the embedded servers and the live lane in a new data folder."""
    made = data_dir.opened(folder).path
    with opened(argparse.Namespace(project=None, data_dir=made, dataset="tweetlog")) as site:
        site.start(LIVE)
        yield site


def published(site: Site, topic: str, events: Sequence[Envelope]) -> None:
    """Publish events and wait until nothing waits any more."""
    with Publisher(site.project) as publisher:
        publisher.publish([carrying(one, topic) for one in events])
    site.drain(*LIVE.subscriptions, *STORES)


def command(site: Site, *arguments: str) -> int:
    """Run `tweetlog` over the site's folder; return its exit code."""
    assert site.local
    return main([*arguments, "--data-dir", str(site.local.folder.path)])


def rows(site: Site, sql: str) -> list[Any]:
    """Return the answer to a query; of one column the values alone."""
    found = site.warehouse.query(sql).rows
    return [row[0] if len(row) == 1 else tuple(row) for row in found]

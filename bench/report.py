"""How fast the report page is: first paint, and every filter, over many tweets on this machine.

    python bench/report.py --tweets 1000000

Made-up tweets go through the services' own code into the embedded BigQuery's file; beyond the
sample they are copies of it at other times, of other authors. Then `tweetlog report` serves them to
Chromium (Debian: apt install chromium), which changes filters as a person would. A change is timed
inside the page: from the change until its figures are painted, and until the warehouse has counted
accounts and conversations anew. The first paint is what the browser reports.

`--stock folder` only makes the data folder, which `--data-dir folder` then looks at: the first is
long, the second short and what needs a quiet machine.
"""

import argparse
import itertools
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from chromium import FLAGS
from stocked_warehouse import stocked, tweet_rows
from tweetlog_local.tweets import lines

# Columns that a copy has of its own; a minute of ids is a minute of time (snowflakes).
_COPIED = {
    "tweet_id": "CAST(CAST(tweet_id AS BIGINT) + (copy * 2220000) * 4194304 AS VARCHAR)",
    "created_at": "created_at + to_minutes(CAST(copy * 37 AS INT))",
    "author_id": "author_id || (copy % 7)",
    "conversation_id": "conversation_id || (copy % 7)",
}


def stock(folder: Path, tweets: int, sample: int) -> None:
    """Make a data folder with so many tweets."""
    for part in ("bigquery", "pubsub", "logs", "generated"):
        (folder / part).mkdir(parents=True)
    (folder / "FORMAT").write_text("1\n")
    with stocked(folder / "bigquery") as warehouse:
        rows = tweet_rows(lines(min(sample, tweets), 7))
        while batch := list(itertools.islice(rows, 10_000)):
            warehouse.insert("tweets", batch)
    file = duckdb.connect(str(folder / "bigquery" / "warehouse.duckdb"))
    names = [row[0] for row in file.sql("DESCRIBE tweetlog.tweets").fetchall()]
    selected = ", ".join(_COPIED.get(name, f'"{name}"') for name in names)
    copies = max(0, tweets // sample - 1)
    file.execute(
        f"INSERT INTO tweetlog.tweets SELECT {selected} "  # noqa: S608 - our own names
        f"FROM tweetlog.tweets, range(1, {copies + 1}) AS copies(copy)"
    )
    file.close()


@contextmanager
def report(folder: Path) -> Iterator[str]:
    """Serve the report; yield its address."""
    command = [sys.executable, "-m", "tweetlog_ops", "report", "--data-dir", str(folder)]
    process = subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        yield (process.stdout or sys.stdin).readline().strip()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def opened(page: Page, url: str) -> float:
    """Open the page; return the seconds until its figures are there."""
    began = time.monotonic()
    page.goto(url)
    page.wait_for_selector("#figure-tweets", timeout=900_000)
    return time.monotonic() - began


@dataclass
class Took:
    """Milliseconds of changes: until painted, and until people were counted."""

    painted: list[float] = field(default_factory=list)
    asked: list[float] = field(default_factory=list)

    def settled(self, page: Page) -> None:
        """Wait until the last change is through, and note how long it took."""
        page.wait_for_selector("html:not([data-took=''])", timeout=120_000)
        self.painted.append(float(page.evaluate("document.documentElement.dataset.took")))
        page.wait_for_selector("#figures:not(.pending)", timeout=120_000)
        if asked := page.evaluate(ASKED):
            self.asked.append(float(asked))


# What is read is taken away, so that a change that asks nothing is not counted.
ASKED = """() => { const data = document.documentElement.dataset; const asked = data.asked || '';
    data.asked = ''; return asked; }"""


def change(page: Page, took: Took, rounds: int) -> None:
    """Change filters."""
    for number in range(rounds):
        page.locator("#languages button.name").nth(number % 8).click()
        took.settled(page)
        page.locator("#hashtag-table button.name").nth(number % 8).click()
        took.settled(page)
        page.locator("#rules button.name").nth(number % 4).click()
        took.settled(page)
        page.select_option("#last", ("24h", "7d", "30d")[number % 3])
        took.settled(page)
        page.click("[data-tags=rising]" if number % 2 else "[data-tags=together]")
        took.settled(page)
        page.click("[data-tags=top]")
        took.settled(page)
        page.click("#reset")
        took.settled(page)


def main() -> None:
    """Stock, serve, look and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tweets", type=int, default=100_000)
    parser.add_argument("--sample", type=int, default=20_000, help="how many are no copies")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--data-dir", type=Path, help="use this data folder as it is")
    parser.add_argument("--stock", type=Path, help="only make this data folder")
    options = parser.parse_args()
    if options.stock:
        stock(options.stock, options.tweets, options.sample)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.data_dir or Path(temporary) / "data"
        if not options.data_dir:
            began = time.monotonic()
            stock(folder, options.tweets, options.sample)
            print(f"stocked in {time.monotonic() - began:.0f} s")
        look(folder, options.rounds)


def look(folder: Path, rounds: int) -> None:
    """Look at the report of a folder, and print what it took."""
    with report(folder) as url, sync_playwright() as playwright:
        path = shutil.which("chromium") or sys.exit("there is no chromium")
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        first = opened(browser.new_page(), url)
        print(f"read from the warehouse, packed and shown: {first:.1f} s")
        seconds, paints, took, size = [], [], Took(), 0
        for _ in range(3):
            page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
            seconds.append(opened(page, url))
            paints.append(page.evaluate(PAINT))
            size = page.evaluate(SIZE)
            change(page, took, rounds)
        tweets = page.inner_text("#figure-tweets")
        browser.close()
    show(tweets, size, seconds, paints, took)


PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
SIZE = """performance.getEntriesByType('resource').filter(one => one.name.endsWith('/facts'))
    .map(one => one.encodedBodySize)[0]"""


def show(tweets: str, size: int, seconds: Any, paints: Any, took: Took) -> None:
    """Print the figures."""
    print(f"{tweets} tweets; the table of counts is {size / 1e6:.2f} MB")
    print(f"first paint: {statistics.median(paints):.0f} ms (worst {max(paints):.0f})")
    print(f"all figures: {statistics.median(seconds):.2f} s (worst {max(seconds):.2f})")
    for what, some in (("painted", took.painted), ("people counted", took.asked)):
        print(
            f"a filter until {what}: median {statistics.median(some):.0f} ms, "
            f"worst {max(some):.0f} ms, {len(some)} changes"
        )


if __name__ == "__main__":
    main()

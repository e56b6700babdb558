"""How fast the report page is: first paint, and every filter, over many tweets on this machine.

    python bench/report.py --tweets 1000000

Made-up tweets go through the services' own code into the embedded BigQuery's file; beyond the
sample they are copies of it at other times, of other authors. Then `tweetlog report` serves them to
Chromium (Debian: apt install chromium), which changes filters as a person would. A change is timed
inside the page from the change to the last figure; the first paint is what the browser reports.
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


def changes(page: Page, rounds: int) -> list[float]:
    """Change filters; return the milliseconds of each change."""
    took: list[float] = []

    def settled() -> None:
        took.append(float(page.evaluate("document.documentElement.dataset.took")))

    for number in range(rounds):
        page.locator("#languages button.name").nth(number % 8).click()
        settled()
        page.locator("#hashtag-table button.name").nth(number % 8).click()
        settled()
        page.locator("#rules button.name").nth(number % 4).click()
        settled()
        page.select_option("#last", ("24h", "7d", "30d")[number % 3])
        settled()
        page.click("[data-tags=rising]" if number % 2 else "[data-tags=together]")
        settled()
        page.click("[data-tags=top]")
        page.click("#reset")
        settled()
    return took


def main() -> None:
    """Stock, serve, look and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tweets", type=int, default=100_000)
    parser.add_argument("--sample", type=int, default=20_000, help="how many are no copies")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--data-dir", type=Path, help="use this data folder as it is")
    options = parser.parse_args()
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
        seconds, paints, took, size = [], [], [], 0
        for _ in range(3):
            page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
            seconds.append(opened(page, url))
            paints.append(page.evaluate(PAINT))
            size = page.evaluate(SIZE)
            took += changes(page, rounds)
        tweets = page.inner_text("#figure-tweets")
        browser.close()
    show(tweets, size, seconds, paints, took)


PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
SIZE = """performance.getEntriesByType('resource').filter(one => one.name.endsWith('/facts'))
    .map(one => one.encodedBodySize)[0]"""


def show(tweets: str, size: int, seconds: Any, paints: Any, took: list[float]) -> None:
    """Print the figures."""
    took.sort()
    print(f"{tweets} tweets; the table of counts is {size / 1e6:.2f} MB")
    print(f"first paint: {statistics.median(paints):.0f} ms (worst {max(paints):.0f})")
    print(f"all figures: {statistics.median(seconds):.2f} s (worst {max(seconds):.2f})")
    print(
        f"a filter: median {statistics.median(took):.0f} ms, worst {took[-1]:.0f} ms, {len(took)}"
    )


if __name__ == "__main__":
    main()

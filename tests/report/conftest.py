"""A real browser, and a real report for it to look at."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from builders import a_payload
from chromium import FLAGS, chromium
from tweetlog_command import Pipeline, tweetlog
from tweetlog_local.tweets import lines

TWEETS, SEED = 300, 9
#: Tweets that are out to break the page, newest of all (2026-01-07) so that they are the samples.
HOSTILE = {
    "2008886334059446272": "<script>window.broken = 1</script>"
    "<img src=x onerror='window.broken=2'>",
    "2008886585717686272": "\u202eevil\u202c and \u200bhidden\ufeff and \u2066isolated\u2069",
    "2008886837375926272": "']});window.broken=3;// {{7*7}} ${window.broken=4}",
    "2008887089034166272": "line\u2028separated &lt;b&gt;not bold&lt;/b&gt; #<svg/onload=broken>",
    "2008887340692406272": "z" + "\u0301" * 200 + "algo",
}
DELETED = "2008887592350646272"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = chromium()
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """A pipeline through which made-up tweets and hostile ones were played, one deleted since."""
    chromium()
    folder = tmp_path_factory.mktemp("report")
    file = folder / "tweets.ndjson"
    hostile = [
        json.dumps(a_payload(id, text=text, lang="en")).encode() + b"\n"
        for id, text in {**HOSTILE, DELETED: "to be deleted"}.items()
    ]
    file.write_bytes(b"".join([*lines(TWEETS, SEED, days=2.5), *hostile]))
    pipeline = Pipeline(folder / "data")
    done = pipeline.run("--delivery", "pull", str(file))
    assert done.code == 0, done.err
    gone = f"INSERT INTO deletions (tweet_id, verdict) VALUES ('{DELETED}', 'deleted')"  # noqa: S608 - our own id
    assert tweetlog("query", "--data-dir", str(pipeline.folder), gone).code == 0
    return pipeline


@contextmanager
def reported(*arguments: str, **environment: str) -> Iterator[str]:
    """Serve a report; yield its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tweetlog_ops", "report", *arguments, "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | environment,
    )
    try:
        assert process.stdout
        yield process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0


@pytest.fixture(scope="session")
def served(played: Pipeline) -> Iterator[str]:
    with reported("--data-dir", str(played.folder)) as url:
        yield url


class Looked:
    """A page, and everything that its console complained of."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.set_default_timeout(250_000)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def open(self, url: str) -> Page:
        """Open the report and wait for its figures, or for its saying that there are none."""
        self.page.goto(url)
        self.page.wait_for_selector("#figure-tweets, #empty:not([hidden])")
        return self.page

    def proven(self) -> Page:
        """Wait until the proof has arrived, after which nothing moves any more."""
        self.page.wait_for_function(
            "() => [...document.querySelectorAll('.sign')]"
            ".some(sign => sign.textContent.includes('whole'))"
        )
        return self.page


@pytest.fixture
def looked(browser: Browser) -> Iterator[Looked]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    looked = Looked(context.new_page())
    yield looked
    context.close()
    assert looked.complaints == []

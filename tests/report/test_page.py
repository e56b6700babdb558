"""The page in a real browser: its figures are the warehouse's, and nothing hostile gets through."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from builders import a_payload
from report.conftest import DELETED, HOSTILE, TWEETS, Looked, reported
from tweetlog_command import Pipeline, tweetlog
from tweetlog_local import bigquery
from tweetlog_ops import data_dir

pytestmark = pytest.mark.servers

TABLE = """table => [...table.tBodies[0].rows].map(row => [
    row.dataset.key || '', row.querySelector('.name').innerText.trim(),
    ...[...row.querySelectorAll('td')].map(cell => cell.innerText.trim())])"""
# Functions, since the page's policy lets no text be run as code.
IS_ACCOUNTS = "count => document.getElementById('figure-accounts').innerText === count"
ARE_MORE = "count => Number(document.documentElement.dataset.tweets) > count"
IS_LIVE = "() => document.getElementById('pulse-text').innerText === 'live'"
IS_AT_REST = "() => document.getElementById('pulse-text').innerText.startsWith('last load')"
SHOTS = os.environ.get("REPORT_SHOTS", "")


def table(page: Page, id: str) -> list[list[str]]:
    """Return the rows of a table: key, name and figures."""
    rows: list[list[str]] = page.locator(f"#{id}").evaluate(TABLE)
    return rows


def number(text: str) -> int:
    return int(text.replace(",", ""))


def shown(page: Page) -> int:
    return number(page.inner_text("#figure-tweets"))


def choose(page: Page, **filters: str) -> None:
    """Set filters as a person would, and wait until the page has added up."""
    for id, value in filters.items():
        field = page.locator(f"#{id}")
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
            field.press("Enter")
            field.blur()


def test_figures_are_those_of_the_views(looked: Looked, served: str, played: Pipeline) -> None:
    page = looked.open(served)
    page.click("[data-more=languages]")
    page.click("[data-more=tags]")

    assert shown(page) == played.value("SELECT COUNT(*) FROM v_tweets")
    assert {row[0]: (number(row[2]), number(row[4])) for row in table(page, "languages")} == {
        row["language"]: (row["tweets"], row["x_differs"])
        for row in played.rows("SELECT * FROM v_languages")
    }
    tags = {
        row[0]: (row[1].removeprefix("#"), number(row[2])) for row in table(page, "hashtag-table")
    }
    counted = played.rows("SELECT folded, SUM(tweets) AS tweets FROM v_hashtags GROUP BY folded")
    spelled = played.rows("SELECT folded, hashtag FROM v_hashtag_spellings")
    assert {tag: count for tag, (_, count) in tags.items()} == {
        row["folded"]: row["tweets"] for row in counted
    }
    assert {tag: written for tag, (written, _) in tags.items()} == {
        row["folded"]: row["hashtag"] for row in spelled
    }
    rules = {
        row[0]: (row[1], number(row[2]), number(row[3])) for row in table(page, "rules") if row[0]
    }
    assert rules == {
        row["rule_id"]: (row["rule"], row["tweets"], row["only"])
        for row in played.rows(
            "SELECT rule_id, rule, SUM(tweets) AS tweets, SUM(only_this_rule) AS only "
            "FROM v_rules WHERE rule_id IS NOT NULL GROUP BY 1, 2"
        )
    }
    accounts = played.value("SELECT COUNT(DISTINCT author_id) FROM v_tweets")
    page.wait_for_function(IS_ACCOUNTS, arg=f"{accounts:,}")


def test_filters_count_what_sql_counts_live_in_the_address_and_survive_a_reload(
    looked: Looked, served: str, played: Pipeline
) -> None:
    (pick,) = played.rows(
        "SELECT language, h.folded, MAX(h.tag) AS tag, r.id, COUNT(*) AS tweets "
        "FROM v_tweets, UNNEST(hashtags) AS h, UNNEST(rules) AS r "
        "GROUP BY language, h.folded, r.id ORDER BY tweets DESC, 1, 2, 4 LIMIT 1"
    )
    (counted,) = played.rows(
        "SELECT COUNT(*) AS tweets, COUNT(DISTINCT author_id) AS authors FROM v_tweets "  # noqa: S608 - our own figures
        f"WHERE language = '{pick['language']}' AND "
        f"'{pick['folded']}' IN UNNEST(ARRAY(SELECT h.folded FROM UNNEST(hashtags) AS h)) AND "
        f"'{pick['id']}' IN UNNEST(ARRAY(SELECT r.id FROM UNNEST(rules) AS r))"
    )
    expected, authors = counted["tweets"], counted["authors"]
    page = looked.open(served)

    choose(page, language=pick["language"], rule=pick["id"], hashtag=pick["tag"])

    assert shown(page) == expected > 0
    page.wait_for_function(IS_ACCOUNTS, arg=f"{authors:,}")
    assert f"language={pick['language']}" in urlsplit(page.url).fragment
    page.reload()
    page.wait_for_selector("#figure-tweets")
    assert shown(page) == expected
    assert page.input_value("#language") == pick["language"]
    page.click("#reset")
    assert shown(page) == played.value("SELECT COUNT(*) FROM v_tweets")
    assert urlsplit(page.url).fragment == ""


def test_a_window_of_time_counts_what_sql_counts(
    looked: Looked, served: str, played: Pipeline
) -> None:
    counted = played.value(
        "SELECT COUNT(*) FROM v_tweets WHERE created_at >= '2026-01-05T06:00:00Z' "
        "AND created_at < '2026-01-06T18:00:00Z'"
    )

    page = looked.open(served + "#from=2026-01-05T06:00Z&to=2026-01-06T18:00Z")

    assert shown(page) == counted > 0
    assert page.input_value("#last") == "chosen"
    assert page.input_value("#from") == "2026-01-05T06:00"


def boxes(page: Page, selector: str) -> list[dict[str, float]]:
    """Return where the elements of a selector are."""
    found: list[dict[str, float]] = page.locator(selector).evaluate_all(
        "all => all.map(one => ({x: Math.round(one.getBoundingClientRect().right)}))"
    )
    return found


def test_the_keyboard_alone_chooses_a_row_and_lets_it_go(looked: Looked, served: str) -> None:
    page = looked.open(served)
    everything = shown(page)
    row = page.locator("#languages button.name").first

    row.focus()
    page.keyboard.press("Enter")

    assert shown(page) < everything
    assert row.get_attribute("aria-pressed") == "true"
    assert row.is_visible()
    assert len({box["x"] for box in boxes(page, "#languages .number")}) == 3
    assert page.evaluate("document.activeElement.className") == "name"
    page.keyboard.press("Enter")
    assert shown(page) == everything


def test_hostile_text_stays_text_and_what_was_deleted_is_nowhere(
    looked: Looked, served: str
) -> None:
    page = looked.open(served)

    page.click("#show")

    page.wait_for_selector("#samples .tweet")
    samples = page.locator("#samples")
    assert page.evaluate("window.broken") is None
    assert samples.evaluate("list => list.querySelectorAll('script, img, svg, b').length") == 0
    texts = page.locator("#samples .tweet").evaluate_all("all => all.map(one => one.textContent)")
    assert "<script>window.broken = 1</script><img src=x onerror='window.broken=2'>" in texts
    assert "U+202EevilU+202C and U+200BhiddenU+FEFF and U+2066isolatedU+2069" in texts
    assert "lineU+2028separated <b>not bold</b> #<svg/onload=broken>" in texts
    assert page.locator("#samples .control").count() == 7
    links = page.locator("#samples a").evaluate_all("all => all.map(one => one.href)")
    assert {link.rsplit("/", 1)[1] for link in links} >= set(HOSTILE)
    assert DELETED not in page.content()
    # Marks piled up are cut off at their own tweet.
    assert samples.evaluate(
        "list => [...list.querySelectorAll('.tweet')].every(one => "
        "getComputedStyle(one).overflowY != 'visible')"
    )


def test_a_hostile_address_is_a_filter_that_fits_nothing(looked: Looked, served: str) -> None:
    page = looked.open(served + "#language=<img src=x onerror=window.broken=1>&rule=' OR 1=1 --")

    assert shown(page) == 0
    assert page.evaluate("window.broken") is None
    page.click("#show")
    page.wait_for_selector("#samples li")
    assert "No tweet fits" in page.inner_text("#samples")


def test_the_exported_file_opens_without_a_network_and_filters_there(
    browser: Browser, played: Pipeline, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    done = tweetlog("report", "--data-dir", str(played.folder), "--export", str(file))
    assert done.code == 0, done.err
    context = browser.new_context(offline=True)
    looked = Looked(context.new_page())
    asked: list[str] = []
    looked.page.on("request", lambda request: asked.append(request.url))

    page = looked.open(file.as_uri())

    assert shown(page) == played.value("SELECT COUNT(*) FROM v_tweets")
    assert "missing, 0 doubled" in page.inner_text("#signs")
    choose(page, language="en")
    assert shown(page) == played.value("SELECT COUNT(*) FROM v_tweets WHERE language = 'en'")
    page.reload()
    page.wait_for_selector("#figure-tweets")
    assert page.input_value("#language") == "en"
    assert all(url.startswith(("file:", "data:")) for url in asked), asked
    assert not page.locator("#samples-panel").is_visible()
    assert "window.broken" not in file.read_text()
    assert looked.complaints == []
    context.close()


@pytest.fixture
def cloud(played: Pipeline, tmp_path: Path) -> Iterator[str]:
    """The embedded BigQuery as if it were Google's: a server that belongs to no run."""
    with data_dir.locked(data_dir.existing(played.folder), patience=120):
        shutil.copytree(played.folder / "bigquery", tmp_path / "bigquery")
    with bigquery.running(tmp_path / "bigquery", project="tweetlog-local") as server:
        yield server.rest


def test_the_same_page_shows_the_cloud_and_what_a_look_there_costs(
    looked: Looked, cloud: str, played: Pipeline
) -> None:
    project = ("--project", "tweetlog-local", "--dataset", "tweetlog")
    with reported(*project, BIGQUERY_EMULATOR_HOST=cloud) as url:
        page = looked.open(url)

        assert shown(page) == played.value("SELECT COUNT(*) FROM v_tweets")
        assert "BigQuery tweetlog-local.tweetlog" in page.inner_text("header")
        assert "in BigQuery, about" in page.inner_text("footer")
        looked.proven()
        choose(page, language="en")
        authors = "SELECT COUNT(DISTINCT author_id) FROM v_tweets WHERE language = 'en'"
        page.wait_for_function(IS_ACCOUNTS, arg=f"{played.value(authors):,}")
        page.click("#show")
        page.wait_for_selector("#samples .tweet")
        assert page.evaluate("window.broken") is None
        page.goto("about:blank")


def test_what_is_deleted_while_it_is_read_goes(
    looked: Looked, played: Pipeline, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    with data_dir.locked(data_dir.existing(played.folder), patience=120):
        shutil.copytree(played.folder, folder, ignore=shutil.ignore_patterns("run.json"))
    with reported("--data-dir", str(folder)) as url:
        page = looked.open(url)
        page.click("#show")
        page.wait_for_selector("#samples .tweet")
        newest = page.locator("#samples a").first.get_attribute("href") or ""
        id = newest.rsplit("/", 1)[1]
        assert id in HOSTILE

        gone = f"INSERT INTO deletions (tweet_id, verdict) VALUES ('{id}', 'deleted')"  # noqa: S608 - our own id
        assert tweetlog("query", "--data-dir", str(folder), gone).code == 0

        page.wait_for_selector(f"#samples a[href$='{id}']", state="detached")
        page.wait_for_selector("#samples .tweet")
        page.goto("about:blank")


@pytest.mark.timeout(900)
def test_live_figures_move_while_tweets_flow(looked: Looked, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    command = [sys.executable, "-m", "tweetlog_ops", "run", "--data-dir", str(folder)]
    run = subprocess.Popen(
        [*command, "--delivery", "pull", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    assert run.stdin
    with reported("--data-dir", str(folder)) as url:
        for number in range(2):
            run.stdin.write(some_tweets(50 * number, 50))
            run.stdin.flush()
            page = looked.page if number else looked.open(url)
            page.wait_for_function(ARE_MORE, arg=50 * (number + 1) - 1)
            page.wait_for_function(IS_LIVE)
            assert shown(page) == 50 * (number + 1)
        run.stdin.close()
        code = run.wait(timeout=600)
        # The run is over; the page reads the folder by itself, and says so.
        page.wait_for_function(IS_AT_REST)
        assert "whole" in looked.proven().inner_text("#signs")
        assert shown(page) == 100
        page.goto("about:blank")

    assert code == 0


def some_tweets(start: int, count: int) -> bytes:
    ids = (str((2_008_886_334 + n) * 10**9) for n in range(start, start + count))
    return b"".join(json.dumps(a_payload(id)).encode() + b"\n" for id in ids)


def test_a_folder_without_tweets_says_how_to_get_some(looked: Looked, tmp_path: Path) -> None:
    with reported("--data-dir", str(tmp_path / "nothing")) as url:
        page = looked.open(url)

        assert "No tweets yet" in page.inner_text("main")
        assert "make run" in page.inner_text("main")
        assert violations(page) == []
        page.goto("about:blank")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(390, 844), (1280, 900)], ids=["phone", "desk"])
def test_everybody_can_use_it(
    browser: Browser, served: str, scheme: Any, size: tuple[int, int]
) -> None:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme
    )
    looked = Looked(context.new_page())
    page = looked.open(served + "#language=en")
    looked.proven()
    page.click("#show")
    page.wait_for_selector("#samples .tweet")
    page.click("summary")

    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    context.close()


def violations(page: Page) -> list[str]:
    """Return what axe-core finds, with the elements."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in found]


DESK: Any = {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"}
SIZES: dict[str, Any] = {
    "light": DESK,
    "dark": DESK | {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2},
    "tablet": {"viewport": {"width": 820, "height": 1180}},
    "wall": {"viewport": {"width": 2560, "height": 1440}, "color_scheme": "dark"},
    "filtered": DESK,
    "hostile": DESK | {"color_scheme": "dark"},
    "empty": DESK,
}


@pytest.mark.parametrize("name", SIZES)
def test_it_can_be_looked_at(browser: Browser, served: str, tmp_path: Path, name: str) -> None:
    """`REPORT_SHOTS=folder pytest tests/report` keeps the pictures."""
    folder = Path(SHOTS or tmp_path)
    folder.mkdir(exist_ok=True)
    picture = folder / f"{name}.png"
    context = browser.new_context(**SIZES[name])
    looked = Looked(context.new_page())
    if name == "empty":
        with reported("--data-dir", str(tmp_path / "nothing")) as url:
            looked.open(url).screenshot(path=picture)
    else:
        page = looked.open(served + ("#language=en&tags=together" if name == "filtered" else ""))
        looked.proven()
        if name == "hostile":
            page.click("#show")
            page.wait_for_selector("#samples .tweet")
            page.locator("#samples-panel").screenshot(path=picture)
        else:
            page.screenshot(path=picture, full_page=True)
    context.close()

    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 10_000


def test_nothing_comes_from_elsewhere(looked: Looked, served: str) -> None:
    asked: list[str] = []
    looked.page.on("request", lambda request: asked.append(request.url))

    looked.open(served)

    assert all(url.startswith(served) for url in asked), asked
    assert shown(looked.page) > TWEETS
    assert not re.search(
        r"\son\w+=", looked.page.locator("body").evaluate("body => body.outerHTML")
    )

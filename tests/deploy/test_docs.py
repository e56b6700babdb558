"""docs/deploy.md and build.md: commands are taken, links lead somewhere, figures follow."""

import re
import shlex
from pathlib import Path

import pytest

from deploy.gcloud_commands import refused
from deploy.manifests import ROOT, Render, of_kind
from tweetlog_ops import cli

PAGE = ROOT / "docs" / "deploy.md"
PAGES = (PAGE, ROOT / "docs" / "build.md")


def commands() -> list[str]:
    """Every command of the pages, in a block or between backticks in a table."""
    text = "\n".join(page.read_text() for page in PAGES).replace("\\\n", " ")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    lines += re.findall(r"`((?:gcloud|tweetlog) [^`]+)`", text)
    return [part.strip() for line in lines for part in line.split(" && ")]


def test_gcloud_takes_every_command_of_the_page(tmp_path: Path) -> None:
    # A word in capitals stands for a file of yours.
    found = [one for one in commands() if one.startswith("gcloud ") and " FILE" not in one]

    assert refused(found, tmp_path) == []
    assert len(found) > 20


def test_tweetlog_takes_every_command_of_the_page() -> None:
    found = [one for one in commands() if re.match(r"(\.venv/bin/)?tweetlog ", one)]

    for command in found:
        cli.parser().parse_args(shlex.split(command)[1:])
    assert len(found) > 3


def test_what_is_torn_down_is_what_is_deployed(prod: Render) -> None:
    page = PAGE.read_text()
    for kind, command in (
        ("PubSubTopic", r"pubsub topics delete (.*?) --"),
        ("PubSubSubscription", r"pubsub subscriptions delete (.*?) --"),
        ("Service", r"run services delete (\S+)"),
        ("Job", r"run jobs delete (\S+)"),
    ):
        named = " ".join(re.findall(command, page.replace("\\\n", " "), re.DOTALL)).split()
        assert sorted(named) == sorted(one.name for one in of_kind(prod, kind)), kind


def test_the_page_names_every_alert(prod: Render) -> None:
    page = PAGE.read_text()
    for one in of_kind(prod, "MonitoringAlertPolicy"):
        said = one.spec["displayName"].removeprefix("tweetlog: ")
        assert said in page or "ten minutes" in said, said


def test_the_page_says_how_long_the_scripts_wait(prod: Render) -> None:
    page = PAGE.read_text()
    waits = re.findall(r"--timeout=(\d+)m", (ROOT / "k8s/bootstrap.sh").read_text())
    build = re.search(r"^timeout: (\d+)s$", (ROOT / "cloudbuild.yaml").read_text(), re.MULTILINE)
    conditions = sum(len(one.spec["conditions"]) for one in of_kind(prod, "MonitoringAlertPolicy"))

    assert waits == ["5", "15", "15"]
    assert "at most 15 minutes for Config Connector and 15 for what it makes" in page
    assert build is not None
    assert f"at most {int(build[1]) // 3600} hours" in page
    assert f"| {conditions} conditions " in page


def test_the_page_knows_the_ten_likeliest_failures() -> None:
    section = PAGE.read_text().partition("## When it does not come up")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][2:]

    assert len(rows) >= 10
    assert all(len(row.split(" | ")) == 3 for row in rows)


LINKS = sorted(
    {one for page in PAGES for one in re.findall(r"\]\(([^)#][^)]*)\)", page.read_text())}
)


HEADINGS = {
    re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-")
    for line in PAGE.read_text().splitlines()
    if line.startswith("#")
}


def test_a_link_within_the_page_leads_to_a_heading() -> None:
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE.read_text())) <= HEADINGS


@pytest.mark.parametrize("link", [one for one in LINKS if not one.startswith("https://")])
def test_a_link_leads_somewhere(link: str) -> None:
    assert (PAGE.parent / link.partition("#")[0]).exists(), link


@pytest.mark.parametrize(
    ("said", "figure"),
    [
        ("9.9", 730 * (0.25 * 0.0445 + 0.5 * 0.0049)),
        ("41.4", 730 * (1.0 * 0.0445 + 2.5 * 0.0049)),
        ("0.13", 2 * 1.80e9 / 2**40 * 40),
        ("0.08", 1.80e9 / 2**40 * 50),
        ("0.15", 2 * 2.05e9 / 2**40 * 40),
        ("0.57", 1.80e9 / 2**30 * 0.27 + 2.05e9 / 2**30 * 0.27 * 7 / 30),
        ("0.10 to 0.16", 2 * 1e6 * 0.0020 * 0.000024),
        ("0.48", 30 * 0.016),
        ("2.88", 180 * 0.016),
        ("0.74", 20 * 0.37 * 0.10),
        ("5.30", 2 * 1e6 * 0.1 * (0.000024 + 0.0000025)),
    ],
)
def test_a_figure_of_the_page_is_what_its_arithmetic_gives(said: str, figure: float) -> None:
    first = said.split(maxsplit=1)[0]
    digits = len(first.partition(".")[2])

    assert f"| {said} |" in PAGE.read_text()
    assert float(first) == pytest.approx(figure, abs=0.6 * 10**-digits)

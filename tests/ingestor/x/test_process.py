"""`python -m ingestor x` as a process: started, asked, stopped, killed, started again."""

import json
import os
import signal
import socket
import subprocess  # noqa: TC003 - a test's types are read when it runs
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from ingestor.__main__ import main
from ingestor_command import PATIENCE, Ingestor, ended, stopped
from tweetlog.events import GAP, RECEIVED
from tweetlog_local.pubsub import running
from tweetlog_local.pubsub.running import Running as Broker
from tweetlog_local.x_api import Running
from x_client import Lab
from x_live import SPEED, WHOLE

pytestmark = pytest.mark.servers


@dataclass(frozen=True)
class Home:
    """What `x` needs: an API, a broker, a folder."""

    command: Ingestor
    lab: Lab
    folder: Path
    port: int

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return self.command.start("x", *arguments)

    def get(self, path: str) -> requests.Response:
        return requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=30)

    def ready(self) -> bool:
        try:
            return self.get("/readyz").ok
        except requests.ConnectionError:
            return False

    def position(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.folder / "state/position.json").read_bytes())
        return document

    def counted(self) -> int:
        document = json.loads((self.folder / "state/budget.json").read_bytes())
        count: int = document["this_month"] + document["ahead"]
        return count


@pytest.fixture
def home(x: Running, ingestor: Ingestor, tmp_path: Path, free_port: int) -> Home:
    (tmp_path / "rules.toml").write_text(f"[[rules]]\ntag = 'whole'\nvalue = '{WHOLE}'\n")
    environment = {
        "TWEETLOG_X_API_URL": x.url,
        "TWEETLOG_X_CA_FILE": str(x.ca_file),
        "TWEETLOG_X_BEARER_TOKEN": x.token,
        "TWEETLOG_X_RULES_FILE": str(tmp_path / "rules.toml"),
        "TWEETLOG_STATE_DIR": str(tmp_path / "state"),
        "TWEETLOG_X_SPEED": str(SPEED),
        "TWEETLOG_X_STALL_SECONDS": "500",
        "HOST": "127.0.0.1",
        "PORT": str(free_port),
    }
    return Home(replace(ingestor, environment=environment), Lab(x), tmp_path, free_port)


def eventually(true: Callable[[], Any], process: "subprocess.Popen[str] | None" = None) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := true()):
        if process is not None and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
            continue
        said = ""
        if process is not None:
            process.kill()
            said = process.communicate()[1]
        raise AssertionError(f"it did not come true; it said:\n{said}")
    return found


def split(messages: list[tuple[dict[str, str], bytes]]) -> tuple[list[str], list[dict[str, Any]]]:
    """Return the ids of the tweets, and the gaps."""
    ids = [one["ce-id"] for one, _ in messages if one["ce-type"] == RECEIVED]
    return ids, [json.loads(data) for one, data in messages if one["ce-type"] == GAP]


def test_it_ends_after_as_many_tweets_as_asked_for_and_says_what_they_cost(home: Home) -> None:
    done = ended(home.start("--tweets", "30"))

    ids, _ = split(home.command.taken(home.command.raw))
    assert done.code == 0, done.err
    assert done.summary["read"] == len(ids) == len(set(ids)) >= 30
    assert done.summary["posts_today"] == len(ids) == home.counted()
    assert done.summary["dollars_this_month"] == pytest.approx(len(ids) * 0.005, abs=0.001)
    assert home.lab.get("stats")["deliveries"] == len(ids)
    assert "local-bearer-token" not in done.err + done.out


@pytest.mark.parametrize("x", [{"tweets": None, "rate": 100}], indirect=True)
def test_a_stop_keeps_everything_that_was_paid_and_says_from_when_on_it_does_not_listen(
    home: Home,
) -> None:
    process = home.start()
    eventually(lambda: home.ready() and home.lab.get("stats")["delivered"] > 20, process)
    done = stopped(process, signal.SIGTERM)

    ids, _ = split(home.command.taken(home.command.raw))
    assert done.code == 0, done.err
    assert home.position()["ending"] == "shutdown"
    # What X has sent until the connection was closed, but for what was on its way just then.
    delivered = {one for one in home.lab.get("ids", rule="tweetlog:whole", delivered="true")}  # noqa: C416
    heard = home.position()["heard"]
    assert len(delivered - set(ids)) <= 5, heard
    (hole,) = json.loads((home.folder / "state/holes.json").read_bytes())["holes"]
    assert (hole["start"], hole["end"], hole["cause"]) == (heard, None, "shutdown")


@pytest.mark.parametrize("x", [{"tweets": None, "rate": 50}], indirect=True)
def test_killed_at_any_moment_nothing_is_lost_or_paid_without_being_counted(
    home: Home,
) -> None:
    for _ in range(2):
        process = home.start()
        least = home.lab.get("stats")["deliveries"] + 10
        eventually(partial(delivered, home, least), process)
        process.kill()
        process.communicate()
        assert home.counted() >= home.lab.get("stats")["deliveries"] - 30
    process = home.start()
    eventually(partial(delivered, home, home.lab.get("stats")["deliveries"] + 10), process)
    home.lab.post("pace", {"rate": 50, "tweets": 50})
    seen: set[str] = set()
    gaps: dict[str, dict[str, Any]] = {}

    def whole() -> bool:
        ids, found = split(home.command.taken(home.command.raw))
        seen.update(ids)
        for gap in found:
            known = gaps.setdefault(gap["from"], gap)
            gaps[gap["from"]] = max(known, gap, key=lambda one: int(one["revision"]))
        there = set(home.lab.get("ids", rule="tweetlog:whole"))
        repaired = all(gap["repair"] == "search" for gap in gaps.values())
        return bool(home.lab.get("stats")["finished"] and there <= seen and repaired)

    eventually(whole, process)
    done = stopped(process, signal.SIGTERM)

    assert done.code == 0, done.err
    assert {gap["cause"] for gap in gaps.values()} == {"crash"}
    log = home.lab.log()
    assert sum(one["status"] == 200 for one in log) == 3


def delivered(home: Home, least: int) -> bool:
    """Whether X has given so many tweets, each time counted."""
    deliveries: int = home.lab.get("stats")["deliveries"]
    return deliveries >= least


@pytest.mark.parametrize("x", [{"tweets": None, "rate": 30}], indirect=True)
def test_its_health_can_be_asked(home: Home) -> None:
    process = home.start()
    eventually(lambda: home.ready() and home.lab.get("stats")["delivered"] > 3, process)
    eventually(lambda: "tweetlog_ingestor_tweets_total{" in home.get("/metrics").text, process)
    metrics = home.get("/metrics").text
    live, missing = home.get("/livez"), home.get("/")
    home.lab.fault("answer", problem="credits", count=None)
    home.lab.fault("end")
    eventually(lambda: not home.ready(), process)
    parked, alive = home.get("/readyz"), home.get("/livez")
    stopped(process, signal.SIGTERM)

    assert live.text == "alive\n"
    assert missing.status_code == 404
    for name in (
        'tweets_total{rule="tweetlog:whole"}', "open 1.0", "posts_today", "dollars_this_month",
        "lag_seconds_bucket", "last_byte_age_seconds", "connects_left", "budget_used_ratio",
        "spill_bytes", "queue_bytes", "duplicates_total", "open_gap_seconds",
    ):  # fmt: skip
        assert f"tweetlog_ingestor_{name}" in metrics, name
    assert parked.status_code == 503
    assert parked.text.startswith("parked for ")
    assert "does not have any credits" in parked.text
    assert alive.ok


@pytest.fixture
def second_broker(
    tmp_path: Path, ingestor: Ingestor, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Broker]:
    """A broker that can be made to answer nothing without harm to the other tests'."""
    del ingestor  # which sets the same name in the environment
    with running(tmp_path / "second") as up:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", up.address)
        yield up


@pytest.mark.parametrize("x", [{"tweets": 600, "rate": 150}], indirect=True)
def test_while_the_broker_is_away_what_comes_waits_on_disk_and_nothing_is_lost(
    home: Home, second_broker: Broker
) -> None:
    command = replace(
        home.command,
        address=second_broker.address,
        environment={**home.command.environment, "TWEETLOG_X_QUEUE_BYTES": "60000"},
    )
    command.create()
    process = replace(home, command=command).start()
    eventually(lambda: home.lab.get("stats")["delivered"] > 10, process)
    os.kill(second_broker.pid, signal.SIGSTOP)  # it takes connections, and answers nothing
    try:
        eventually(lambda: home.lab.get("stats")["finished"], process)
        metrics = home.get("/metrics").text
        connects = len(home.lab.log())
    finally:
        os.kill(second_broker.pid, signal.SIGCONT)
    found: set[str] = set()

    def all_there() -> bool:
        found.update(split(command.taken(command.raw))[0])
        return set(home.lab.get("ids", rule="tweetlog:whole")) <= found

    eventually(all_there, process)
    done = stopped(process, signal.SIGTERM)

    assert done.code == 0, done.err
    assert metric(metrics, "spill_bytes") > 50_000
    assert metric(metrics, "queue_bytes") < 100_000
    assert connects == 1
    assert list((home.folder / "state/spill").iterdir()) == []


def metric(text: str, name: str) -> float:
    (line,) = [one for one in text.splitlines() if one.startswith(f"tweetlog_ingestor_{name} ")]
    return float(line.split()[1])


@pytest.mark.parametrize("x", [{"tweets": 100, "rate": 150}], indirect=True)
def test_a_stop_while_the_broker_is_away_keeps_what_was_paid_for_the_next_start(
    home: Home, second_broker: Broker
) -> None:
    command = replace(home.command, address=second_broker.address)
    command.create()
    there = replace(home, command=command)
    process = there.start()
    eventually(lambda: home.lab.get("stats")["delivered"] > 3, process)
    os.kill(second_broker.pid, signal.SIGSTOP)
    try:
        eventually(lambda: home.lab.get("stats")["finished"], process)
        eventually(home.ready, process)
        done = stopped(process, signal.SIGTERM)
    finally:
        os.kill(second_broker.pid, signal.SIGCONT)
    assert done.code == 0, done.err
    process = there.start()
    found: set[str] = set()

    def all_there() -> bool:
        found.update(split(command.taken(command.raw))[0])
        return set(home.lab.get("ids", rule="tweetlog:whole")) <= found

    eventually(all_there, process)
    again = stopped(process, signal.SIGTERM)

    assert again.code == 0, again.err
    assert home.lab.get("stats")["deliveries"] == len(found)  # nothing was read twice


@pytest.mark.parametrize("x", [{"tweets": None, "rate": 60}], indirect=True)
def test_the_budget_is_kept_across_restarts_and_kills(home: Home) -> None:
    command = replace(
        home.command, environment={**home.command.environment, "TWEETLOG_POSTS_PER_DAY": "60"}
    )
    limited = replace(home, command=command)
    process = limited.start()
    eventually(lambda: home.lab.get("stats")["delivered"] > 20, process)
    process.kill()
    process.communicate()
    process = limited.start()
    eventually(lambda: budget_parked(home), process)
    done = stopped(process, signal.SIGTERM)

    assert done.code == 0, done.err
    (billed,) = home.lab.get("stats")["billed"].values()
    # Not more than what was on its way when the limit was reached, and at the kill; not fewer than
    # what the crash has counted too many.
    assert 30 <= billed <= 60 + 20
    assert len(home.lab.log()) == 2


def budget_parked(home: Home) -> bool:
    try:
        return "the budget of this day is used up; resumes at" in home.get("/readyz").text
    except requests.ConnectionError:
        return False


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


@pytest.fixture
def main_of(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """Run the command in this process, which does not wait for an interpreter to start."""

    def run(*arguments: str, **changes: str) -> Said:
        environment = {**home.command.environment, "TWEETLOG_PROJECT": "p", **changes}
        with monkeypatch.context() as patched:
            for name, value in environment.items():
                if value != "-":
                    patched.setenv(name, value)
            code = main(arguments)
        return Said(code, *capsys.readouterr())

    return run


def test_wrong_settings_are_told_all_together_and_x_is_not_asked(
    home: Home, main_of: Callable[..., Said]
) -> None:
    several = main_of(
        "x",
        TWEETLOG_X_RULES_FILE="-",
        TWEETLOG_STATE_DIR="-",
        TWEETLOG_X_BEARER_TOKEN="-",  # noqa: S106 - means: not set
        TWEETLOG_X_CA_FILE="/none",
    )
    live = main_of("x", TWEETLOG_X_API_URL="https://api.x.com")
    typo = main_of(
        "x", TWEETLOG_X_TWEET_FIELDS="id,text;lang", TWEETLOG_X_API_URL="http://api.x.com"
    )
    both = main_of("x", TWEETLOG_X_BEARER_TOKEN_FILE=str(home.folder / "none"))
    empty = home.folder / "empty.yaml"
    empty.write_text("rules: []")
    rules = main_of("x", TWEETLOG_X_RULES_FILE=str(empty))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = main_of("x", PORT=str(taken.getsockname()[1]))

    assert [one.code for one in (several, live, typo, both, rules, port)] == [2] * 6
    for name in ("RULES_FILE", "BEARER_TOKEN", "CA_FILE"):
        assert f"TWEETLOG_X_{name}" in several.err
    assert "TWEETLOG_STATE_DIR is missing" in several.err
    assert "no budget: set TWEETLOG_POSTS_PER_DAY" in live.err
    assert "$108,000 a day" in live.err
    assert "TWEETLOG_X_SPEED is 50: X's own waits cannot be shortened" in live.err
    assert "the token goes over https only" in typo.err
    assert "'id,text;lang'" in typo.err
    assert "are both set" in both.err
    assert f"{empty}, line 1: no rules in it" in rules.err
    assert "cannot listen on 127.0.0.1:" in port.err
    assert home.lab.log() == []


def test_two_processes_do_not_share_a_state(home: Home) -> None:
    process = home.start()
    eventually(home.ready, process)
    command = replace(home.command, environment={**home.command.environment, "PORT": ""})
    second = command.run("x")
    stopped(process, signal.SIGTERM)

    assert second.code == 2
    assert "another ingestor uses this folder" in second.err


def test_rules_are_shown_checked_and_put_in_order(home: Home, main_of: Callable[..., Said]) -> None:
    file = home.folder / "rules.toml"
    dry = main_of("rules", "--dry-run")
    done = main_of("rules")
    again = main_of("rules")
    file.write_text("[[rules]]\ntag = 'bad'\nvalue = 'cat AND h:m'\n")
    bad = main_of("rules")
    left = main_of("rules", "--dry-run")
    start = home.command.run("x")

    assert [one.code for one in (dry, done, again)] == [0, 0, 0], dry.err
    assert dry.out == (
        f"+ tweetlog:whole: {WHOLE}  (line 1)\n"
        "X has 0 rules; it allows 1000 for this app, 1000 for the project\n"
    )
    assert done.out.endswith("done\n")
    assert again.out == (
        f"= tweetlog:whole: {WHOLE}\n"
        "X has 1 rules; it allows 1000 for this app, 1000 for the project\n"
        "nothing to do\n"
    )
    assert bad.code == left.code == 1
    assert f"ingestor: {file}, line 1: " in bad.err
    assert "Reference to invalid operator 'h'" in bad.err
    assert "the rules on X stay as they are" in bad.err
    assert start.code == 2
    assert "Reference to invalid operator 'h'" in start.err


@pytest.mark.parametrize("x", [{"tweets": None, "rate": 50}], indirect=True)
def test_a_changed_file_of_rules_is_put_in_order_without_a_new_connection(home: Home) -> None:
    process = home.start()
    eventually(home.ready, process)
    file = home.folder / "rules.toml"
    file.write_text(file.read_text() + "[[rules]]\ntag = 'more'\nvalue = '#more OR #most'\n")

    def has_more() -> bool:
        return "tweetlog:more" in home.command.run("rules", "--dry-run").out.split("= ", 2)[-1]

    eventually(has_more, process)
    file.write_text("[[rules]]\n")
    broken = next_error(process)
    stopped(process, signal.SIGTERM)

    assert "the rules stay as they are" in broken
    assert "tag is missing" in broken
    assert len(home.lab.log()) == 1


def next_error(process: "subprocess.Popen[str]") -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("{") and json.loads(line)["severity"] == "ERROR":
            return str(json.loads(line)["message"])
    raise AssertionError("it ended without an error")

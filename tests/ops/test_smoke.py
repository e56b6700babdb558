"""The test of a deployment: a real event through two candidates, until it is in the table."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from standing_cloud import Cloud, standing
from tweetlog import events
from tweetlog_ops.errors import CommandError
from tweetlog_ops.local_cloud import HOST, PROJECT, free_ports
from tweetlog_ops.message import Message
from tweetlog_ops.processes import Process, Program
from tweetlog_ops.smoke import TOPIC, Arrived, probes, smoke
from tweetlog_ops.warehouse import Parameter, Rows

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


class Journal:
    """A warehouse and a broker that write down what they are asked."""

    def __init__(self, *looks: str, rejected: str = "") -> None:
        # What is in the table at each look: the services whose probe has arrived.
        self._looks = list(looks)
        self._rejected = rejected
        self._tweets: dict[str, str] = {}
        self.done: list[str] = []

    def publish(self, messages: Sequence[Message]) -> None:
        for one in messages:
            kind = one.attributes["ce-type"].split(".")[2]
            self.done.append(f"sent {kind} to {one.topic}")
            service = {"received": "enricher", "enriched": "loader"}.get(kind)
            if service:
                self._tweets[service] = one.attributes["ce-subject"]

    def query(self, sql: str, parameters: Mapping[str, Parameter]) -> Rows:
        if "v_dead_letters" in sql:
            rows = (("loader", self._rejected),) if self._rejected else ()
            return Rows(("stage", "reason"), ("STRING", "STRING"), rows)
        arrived = self._looks.pop(0).split() if self._looks else []
        self.done.append(f"asked for {len(tuple(parameters['tweets']))}")  # type: ignore[arg-type] # a list
        return Rows(("tweet_id",), ("STRING",), tuple((self._tweets[one],) for one in arrived))

    def wait(self, _seconds: float) -> None:
        self.done.append("waited")

    def run(self, *, seconds: float = 60) -> list[Arrived]:
        return list(smoke(self, self.publish, seconds=seconds, now=NOW, wait=self.wait))


SENT = [f"sent received to {TOPIC}", f"sent enriched to {TOPIC}"]
DELETED = [f"sent deleted to {TOPIC}"] * 2


def test_both_probes_are_awaited_and_then_deleted() -> None:
    journal = Journal("", "loader", "enricher")

    arrived = journal.run()

    assert [one.service for one in arrived] == ["loader", "enricher"]
    looks = ["asked for 2", "waited", "asked for 2", "waited", "asked for 1"]
    assert journal.done == [*SENT, *looks, *DELETED]


def test_a_probe_that_does_not_arrive_is_named_and_deleted() -> None:
    journal = Journal("enricher")

    with pytest.raises(CommandError, match=r"not in the table after 0 s: \d+ through the loader$"):
        journal.run(seconds=0)

    assert journal.done[-2:] == DELETED


def test_a_probe_that_is_rejected_is_not_waited_for() -> None:
    journal = Journal(rejected="no such column")

    with pytest.raises(CommandError, match=r"^rejected \(loader\): no such column$"):
        journal.run()

    assert "waited" not in journal.done
    assert journal.done[-2:] == DELETED


def test_probes_are_tweets_of_this_moment_that_nobody_else_has() -> None:
    made = [one for _ in range(50) for one in probes(NOW)]

    assert len({one.tweet_id for one in made}) == 100
    assert {events.created_at(one.tweet_id) for one in made} == {NOW}


def started(stack: ExitStack, cloud: Cloud, folder: Path, ports: Mapping[str, int]) -> None:
    """Start the two services as candidates."""
    for name, more in (("loader", cloud.loads), ("enricher", {})):
        environment = {**cloud.environment, **more, "PORT": str(ports[name])}
        process = Process(Program(f"candidate-{name}", name, ("push",), environment), folder)
        stack.callback(process.stop)
        process.ready()


def command(cloud: Cloud, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tweetlog_ops", *arguments, "--project", PROJECT],
        env=os.environ | cloud.asks,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.servers
def test_the_command_sees_candidates_do_their_work_and_leaves_nothing(tmp_path: Path) -> None:
    with ExitStack() as stack:
        cloud = stack.enter_context(standing(tmp_path / "cloud"))
        cloud.apply_warehouse()
        names = ("loader", "enricher")
        ports = dict(zip(names, free_ports(2), strict=True))
        at = {name: f"http://{HOST}:{port}/" for name, port in ports.items()}
        # What the candidate enricher makes goes the live way.
        cloud.create_topology(
            {f"{name}-candidate": at[name] for name in names} | {"loader": at["loader"]}
        )
        started(stack, cloud, tmp_path, ports)

        done = command(cloud, "smoke", "--timeout", "120")

        assert done.returncode == 0, done.stderr
        assert done.stdout.count("in the table after") == 2
        deletions = "SELECT COUNT(*) FROM deletions"
        while cloud.warehouse.query(deletions).rows != ((2,),):  # until the test's own time-out
            time.sleep(0.2)
        assert cloud.warehouse.query("SELECT COUNT(*) FROM v_tweets").rows == ((0,),)
        assert "verify: clean" in command(cloud, "verify").stdout


@pytest.mark.servers
def test_the_command_fails_where_there_is_no_candidate(tmp_path: Path) -> None:
    with standing(tmp_path / "cloud") as cloud:
        cloud.apply_warehouse()
        cloud.create_topology({})

        done = command(cloud, "smoke", "--timeout", "1")

    assert done.returncode == 1
    assert "not in the table after 1 s" in done.stderr

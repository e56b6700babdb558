"""The command: what it prints, how it ends, and what it says when it cannot start."""

import json
import signal
import socket
import subprocess
import sys
from contextlib import closing

import pytest

from local.x_api.house import House

COMMAND = [sys.executable, "-m", "tweetlog_local.x_api", "--port", "0", "--control-port", "0"]


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.servers
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_and_ends_when_told_to(number: signal.Signals) -> None:
    process = subprocess.Popen(COMMAND, stdout=subprocess.PIPE, text=True)
    with closing(process.stdout) as out:  # type: ignore[type-var]
        ready = json.loads(out.readline())  # type: ignore[union-attr]
        process.send_signal(number)

        assert process.wait(60) == 0
    assert (ready["ready"], ready["service"], ready["ca_file"]) == (True, "x_api", None)
    assert ready["url"] == f"http://127.0.0.1:{ready['port']}"


def test_a_port_that_is_taken_is_one_line_and_exit_code_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        done = run("--port", port)

    assert done.returncode == 2
    assert done.stderr.startswith(f"tweetlog_local.x_api: 127.0.0.1:{port} or control port 0")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--rate", "-1"), "'-1' is no number from 0 on"),
        (("--speed", "0"), "must be more than 0"),
        (("--tweets", "some"), "'some' is no whole number"),
        (("--tier", "free"), "invalid choice: 'free'"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(arguments: tuple[str, ...], words: str) -> None:
    done = run(*arguments)

    assert done.returncode == 2
    assert words in done.stderr


@pytest.mark.servers
@pytest.mark.parametrize(
    "x", [{"history": 60.0, "rate": 10.0, "begin": "start", "tweets": None}], indirect=True
)
def test_a_history_was_there_before_and_can_be_searched(x: House) -> None:
    existed = x.lab.get("stats")["existed"]
    found = x.client.search_recent_tweets("the", max_results=100)

    assert existed >= 600
    assert len(found.data) > 10


@pytest.mark.servers
def test_settings_that_cannot_be_are_refused(x: House) -> None:
    for changes, words in (
        ({"port": 1}, "'port' cannot be set"),
        ({"speed": "fast"}, "speed must be of type float"),
        ({"tier": "free"}, "tier must be one of ppu, enterprise"),
    ):
        answer = x.ask_lab("reset", changes)
        assert answer.status_code == 400
        assert words in answer.json()["error"]

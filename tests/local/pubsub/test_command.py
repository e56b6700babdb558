"""The command: its one line when ready, its exit codes, and what survives its death."""

import json
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from local.pubsub.clients import Clients, control
from local.pubsub.endpoint import endpoint, until
from tweetlog_local.pubsub import StartError, running
from tweetlog_local.pubsub.command import main
from tweetlog_local.pubsub.log import Log

pytestmark = pytest.mark.servers
COMMAND = [sys.executable, "-m", "tweetlog_local.pubsub"]
FREE_PORTS = {"--port": "0", "--control-port": "0"}


@contextmanager
def started(data_dir: Path) -> Iterator[tuple["subprocess.Popen[str]", dict[str, Any]]]:
    """A server that the test may kill."""
    ports = [part for pair in FREE_PORTS.items() for part in pair]
    process = subprocess.Popen(
        [*COMMAND, "--data-dir", str(data_dir), *ports],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


@contextmanager
def client(ready: dict[str, Any]) -> Iterator[Clients]:
    made = Clients.of(f"127.0.0.1:{ready['port']}")
    try:
        yield made
    finally:
        made.close()


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What is said when the command refuses to start."""
    assert main(list(arguments)) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_listens_and_a_signal_stops_it_cleanly(
    tmp_path: Path, number: signal.Signals
) -> None:
    with started(tmp_path) as (process, ready):
        process.send_signal(number)
        out, err = process.communicate(timeout=20)

    assert ready.pop("port") != ready.pop("control_port")
    assert ready == {"ready": True, "service": "pubsub", "host": "127.0.0.1"}
    assert (process.returncode, out, err) == (0, "", "")


def test_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])

    assert ended.value.code == 0
    assert "PUBSUB_EMULATOR_HOST=" in capsys.readouterr().out


@pytest.mark.parametrize("option", FREE_PORTS)
def test_a_taken_port_is_one_line_and_code_2(
    tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        chosen = [part for pair in {**FREE_PORTS, option: port}.items() for part in pair]
        said = refused(capsys, "--data-dir", str(tmp_path), *chosen)

    assert f"cannot listen on 127.0.0.1:{port}: choose another {option}" in said


def test_a_data_directory_serves_one_process_at_a_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(Log(tmp_path)):
        assert "is in use by another process" in refused(capsys, "--data-dir", str(tmp_path))


def test_a_log_of_another_format_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(tmp_path / "pubsub.sqlite")) as db:
        db.execute("PRAGMA user_version = 99")

    assert "has format 99" in refused(capsys, "--data-dir", str(tmp_path))


def test_a_file_that_is_no_log_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pubsub.sqlite").write_bytes(b"not a database at all" * 100)

    assert "cannot be read as a log" in refused(capsys, "--data-dir", str(tmp_path))


def test_a_data_directory_that_cannot_be_made_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()

    assert "file" in refused(capsys, "--data-dir", str(tmp_path / "file" / "below"))


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--data-dir", "x", "--port", "70000"],
        ["--data-dir", "x", "--port", "y"],
        ["--data-dir", "x", "--max-push-in-flight", "0"],
    ],
    ids=str,
)
def test_bad_usage_is_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_a_server_for_a_test_says_why_it_did_not_start(tmp_path: Path) -> None:
    with (
        closing(Log(tmp_path)),
        pytest.raises(StartError, match="is in use by another process"),
        running(tmp_path),
    ):
        pass


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = (
        "import os, sys, pathlib; from tweetlog_local.pubsub import running\n"
        "with running(pathlib.Path(sys.argv[1])) as up:\n"
        "    print(up.control_url, flush=True); os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    host, port = done.stdout.strip().removeprefix("http://").split(":")
    until(lambda: not is_listening(host, int(port)))


def is_listening(host: str, port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex((host, port)) == 0


def test_what_was_published_survives_a_kill(tmp_path: Path) -> None:
    with started(tmp_path) as (process, ready), client(ready) as clients:
        topic = clients.topic()
        subscription = clients.subscription(topic)
        futures = [clients.publisher.publish(topic, str(n).encode()) for n in range(3000)]
        answered = [future.result(timeout=20) for future in futures]
        acked = clients.pull(subscription, 500)
        clients.ack(subscription, acked)
        process.kill()
        process.wait()
    seen = {each.message.data for each in acked}
    with started(tmp_path) as (_, ready), client(ready) as clients:
        while received := clients.pull_now(subscription, 1000):
            seen |= {each.message.data for each in received}
            clients.ack(subscription, received)

    assert len(set(answered)) == 3000
    assert seen == {str(n).encode() for n in range(3000)}


def test_pushes_go_on_where_a_kill_ended_them(tmp_path: Path) -> None:
    with endpoint() as app:
        with started(tmp_path) as (process, ready), client(ready) as clients:
            topic = clients.topic()
            push = {"push_endpoint": app.url, "no_wrapper": {"write_metadata": True}}
            subscription = clients.subscription(topic, push_config=push)
            for n in range(800):
                clients.publisher.publish(topic, str(n).encode())
            clients.publish(topic, "last")
            until(lambda: len(app.requests) > 300)
            process.kill()
            process.wait()
        with started(tmp_path) as (_, ready):
            url = f"http://127.0.0.1:{ready['control_port']}"
            until(lambda: control(url, "/stats")[1]["subscriptions"][subscription]["backlog"] == 0)
        bodies = app.bodies()

    assert set(bodies) == {str(n).encode() for n in range(800)} | {b"last"}


def test_without_tables_to_write_to_arrow_is_not_loaded() -> None:
    script = """
import sys
from tweetlog_local.pubsub.__main__ import leave_out_clients
leave_out_clients()
from tweetlog_local.pubsub import command
assert "tweetlog_local.pubsub.server" in sys.modules
assert "pyarrow" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr

"""The command: how it starts, refuses to start, stops, and survives being killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from contract.bigquery.clients import PROJECT, Stream, delete, rest_client, upsert, write_client
from tweetlog_local.bigquery import Running, running

COMMAND = [sys.executable, "-m", "tweetlog_local.bigquery"]


def failed_start(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=30, check=False
    )
    return done.returncode, done.stderr


def keyed(server: Running) -> Stream:
    client = rest_client(server)
    client.create_dataset("d", exists_ok=True)
    client.query_and_wait(
        "CREATE TABLE IF NOT EXISTS d.t "
        "(id INT64 NOT NULL, v STRING, PRIMARY KEY (id) NOT ENFORCED)"
    )
    fields = {
        "id": "int64",
        "v": "string",
        "_CHANGE_TYPE": "string",
        "_CHANGE_SEQUENCE_NUMBER": "string",
    }
    return Stream(write_client(server), "d.t", fields)


def ids(server: Running) -> list[int]:
    return [row.id for row in rest_client(server).query_and_wait("SELECT id FROM d.t ORDER BY id")]


def ids_in_file(folder: Path) -> list[int]:
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as file:
        return [row[0] for row in file.execute("SELECT id FROM d.t ORDER BY id").fetchall()]


def test_help_shows_an_example() -> None:
    done = subprocess.run(
        [*COMMAND, "--help"], capture_output=True, text=True, timeout=30, check=True
    )

    assert "--data-dir" in done.stdout
    assert "example:" in done.stdout


def test_a_data_folder_is_needed() -> None:
    status, said = failed_start()

    assert status == 2
    assert "--data-dir" in said


@pytest.mark.parametrize("option", ["--port", "--grpc-port"])
def test_a_port_that_is_taken_is_named_in_one_line(tmp_path: Path, option: str) -> None:
    other = "--grpc-port" if option == "--port" else "--port"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        status, said = failed_start("--data-dir", str(tmp_path), option, port, other, "0")

    assert status == 2
    assert said.count("\n") == 1
    assert port in said
    assert option in said


def test_a_data_folder_has_one_server_at_a_time(tmp_path: Path) -> None:
    with running(tmp_path):
        status, said = failed_start("--data-dir", str(tmp_path), "--port", "0", "--grpc-port", "0")

    assert status == 2
    assert said.count("\n") == 1
    assert "another embedded BigQuery" in said


def test_data_of_another_format_is_refused(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as file:
        file.execute(
            'CREATE SCHEMA "%catalog"; CREATE TABLE "%catalog".format AS SELECT 99 AS version'
        )
    status, said = failed_start("--data-dir", str(tmp_path), "--port", "0", "--grpc-port", "0")

    assert status == 2
    assert "format 99" in said


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "warehouse.duckdb").write_text("not a database")
    status, said = failed_start("--data-dir", str(tmp_path), "--port", "0", "--grpc-port", "0")

    assert status == 2
    assert said.count("\n") == 1


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_with_everything_in_the_file(
    tmp_path: Path, stop: signal.Signals
) -> None:
    with running(tmp_path, project=PROJECT) as server:
        keyed(server).append([upsert(id=1)])
        server.process.send_signal(stop)

        assert server.process.wait(30) == 0
    assert not (tmp_path / "warehouse.duckdb.wal").exists()
    assert ids_in_file(tmp_path) == [1]


def test_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    answered: list[int] = []
    with running(tmp_path, project=PROJECT) as server:
        stream = keyed(server)
        requests = (stream.request([upsert("1", id=index)]) for index in range(200))
        for index, response in enumerate(stream.responses(requests)):
            assert not response.error.code
            answered.append(index)
            if index == 100:
                server.kill()
                break

    assert set(answered) <= set(ids_in_file(tmp_path))


def test_what_a_table_remembers_of_its_keys_survives_a_restart(tmp_path: Path) -> None:
    with running(tmp_path, project=PROJECT) as server:
        keyed(server).append([upsert("5", id=1, v="new"), delete("5", id=2)])
        server.kill()
    with running(tmp_path, project=PROJECT) as server:
        keyed(server).append([upsert("4", id=1, v="old"), upsert("4", id=2)])
        found = rest_client(server).query_and_wait("SELECT id, v FROM d.t")

        assert [tuple(row.values()) for row in found] == [(1, "new")]


def test_a_forgotten_delete_lets_an_older_upsert_back_in(tmp_path: Path) -> None:
    arguments = ["--cdc-delete-memory-seconds", "0"]
    with running(tmp_path, project=PROJECT, arguments=arguments) as server:
        stream = keyed(server)
        stream.append([upsert("1", id=1)], [delete("3", id=1)])
        stream.append([upsert("2", id=1)])

        assert ids(server) == [1]


def test_rows_leave_the_streaming_buffer(tmp_path: Path) -> None:
    arguments = ["--streaming-buffer-seconds", "0"]
    with running(tmp_path, project=PROJECT, arguments=arguments) as server:
        client = rest_client(server)
        client.create_dataset("d")
        client.query_and_wait("CREATE TABLE d.t (a INT64)")
        client.insert_rows_json(f"{PROJECT}.d.t", [{"a": 1}])

        client.query_and_wait("DELETE FROM d.t WHERE TRUE")

        assert list(client.query_and_wait("SELECT a FROM d.t")) == []


def test_only_one_line_is_written_and_it_is_json(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "--data-dir", str(tmp_path), "--port", "0", "--grpc-port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.terminate()
        rest, said = process.communicate(timeout=30)
    ready = json.loads(line)

    assert {key: ready[key] for key in ("ready", "service", "host")} == {
        "ready": True,
        "service": "bigquery",
        "host": "127.0.0.1",
    }
    assert (rest, said, process.returncode) == ("", "", 0)


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    options = ["--data-dir", str(tmp_path), "--port", "0", "--grpc-port", "0", "--with-parent"]
    parent = (
        "import subprocess, sys; child = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE); "
        "child.stdout.readline(); print(child.pid)"
    )
    done = subprocess.run(
        [sys.executable, "-c", parent, *COMMAND, *options],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    deadline = time.monotonic() + 20
    while Path(f"/proc/{done.stdout.strip()}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)

    assert not Path(f"/proc/{done.stdout.strip()}").exists()

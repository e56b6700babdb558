"""The command: what it says before it starts."""

import socket

import pytest

from loader.__main__ import main

ENVIRONMENT = {
    "TWEETLOG_PROJECT": "p",
    "TWEETLOG_BIGQUERY_WRITE_ENDPOINT": "127.0.0.1:1",
    "HOST": "127.0.0.1",
    "PORT": "0",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_help_shows_an_example_and_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])

    shown = capsys.readouterr().out
    assert ended.value.code == 0
    assert "example" in shown
    assert "TWEETLOG_LINGER_MS" in shown


@pytest.mark.parametrize("arguments", [[], ["pop"]])
def test_an_entrance_that_is_not_there_is_a_wrong_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2


def test_every_mistake_in_the_settings_is_named_at_once(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.delenv("TWEETLOG_PROJECT")
    environment.setenv("TWEETLOG_LAYOUT", "merge")
    environment.setenv("TWEETLOG_LINGER_MS", "101")
    environment.setenv("TWEETLOG_LINGER", "5")

    code = main(["push"])

    lines = capsys.readouterr().err.splitlines()
    assert code == 2
    assert [line.split()[0] for line in lines] == [
        "TWEETLOG_PROJECT",
        "TWEETLOG_LAYOUT",
        "TWEETLOG_LINGER_MS",
        "TWEETLOG_LINGER",
    ]


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("entrance", ["push", "pull"])
def test_a_port_that_is_taken_is_one_line(
    entrance: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("PORT", str(taken.getsockname()[1]))
        code = main([entrance])

    (line,) = capsys.readouterr().err.splitlines()
    assert code == 2
    assert line.endswith("Address already in use; set PORT")


def test_without_credentials_it_says_how_to_get_them(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.delenv("TWEETLOG_BIGQUERY_WRITE_ENDPOINT")
    environment.setenv("NO_GCE_CHECK", "true")  # google-auth: there is no metadata server here
    environment.setenv("CLOUDSDK_CONFIG", "/nowhere")
    environment.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)

    code = main(["push"])

    assert code == 2
    assert "gcloud auth application-default login" in capsys.readouterr().err

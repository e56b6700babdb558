from dataclasses import dataclass, fields

import pytest

from tweetlog.errors import SettingsError
from tweetlog.settings import described, one_of, read, setting, whole_number


@dataclass(frozen=True, slots=True)
class Settings:
    project: str = setting("TWEETLOG_PROJECT", help="the project")
    linger: int = setting("TWEETLOG_LINGER_MS", whole_number(0, 100), default=50, help="a wait")
    layout: str = setting("TWEETLOG_LAYOUT", one_of("upsert", "append"), default="upsert", help="l")
    port: int = setting("PORT", whole_number(1, 65535), default=8080, help="the port")


def test_what_is_absent_has_its_default() -> None:
    assert read(Settings, {"TWEETLOG_PROJECT": "p"}) == Settings("p", 50, "upsert", 8080)


def test_every_mistake_is_reported_together() -> None:
    environ = {
        "TWEETLOG_LINGER_MS": "soon",
        "TWEETLOG_LAYOUT": "sideways",
        "TWEETLOG_PROJCT": "p",
        "PORT": "0",
        "UNRELATED": "x",
    }

    with pytest.raises(SettingsError) as caught:
        read(Settings, environ)

    assert [line.split()[0] for line in caught.value.mistakes] == [
        "TWEETLOG_PROJECT",
        "TWEETLOG_LINGER_MS",
        "TWEETLOG_LAYOUT",
        "PORT",
        "TWEETLOG_PROJCT",
    ]
    assert "did you mean TWEETLOG_PROJECT?" in caught.value.mistakes[-1]


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_value_is_a_mistake(value: str) -> None:
    with pytest.raises(SettingsError, match="is empty"):
        read(Settings, {"TWEETLOG_PROJECT": value})


def test_help_names_every_setting_with_its_default() -> None:
    text = described(Settings)

    assert text.count("\n") == len(fields(Settings)) - 1
    assert "(required)" in text
    assert "(default: 8080)" in text


def test_a_secret_is_not_printed_with_the_settings() -> None:
    @dataclass(frozen=True, slots=True)
    class Secretive:
        token: str = setting("TWEETLOG_TOKEN", help="a token", secret=True)

    read_back = read(Secretive, {"TWEETLOG_TOKEN": "hush"})

    assert read_back.token == "hush"  # noqa: S105 - not a real one
    assert "hush" not in repr(read_back)

"""Configuration, read once from the environment into a frozen value, all mistakes together.

A service states what it takes as a frozen dataclass:

    @dataclass(frozen=True, slots=True)
    class Settings:
        project: str = setting("TWEETLOG_PROJECT", help="the Google Cloud project")
        rows: int = setting("TWEETLOG_ROWS", whole_number(1, 500), default=500, help="...")

    settings = read(Settings, os.environ)

An unknown `TWEETLOG_*` name is a mistake too: a typo in a manifest stops the start.
"""

import dataclasses
import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from tweetlog.errors import SettingsError

T = TypeVar("T")
PREFIX = "TWEETLOG_"
_REQUIRED = object()
_KEY = "tweetlog.setting"


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """One name in the environment: how it is read, what it is when absent, what it is for."""

    name: str
    parse: Callable[[str], Any]
    default: Any
    help: str

    @property
    def required(self) -> bool:
        """Whether there is no default."""
        return self.default is _REQUIRED


def text(value: str) -> str:
    """Take any text that is not empty."""
    if not value.strip():
        raise ValueError("is empty; give a value or leave the name out")
    return value.strip()


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Take a whole number from `least` to `most`."""

    def parse(value: str) -> int:
        try:
            number = int(value)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise ValueError(f"is {value!r}; it takes a whole number from {least:,} to {most:,}")
        return number

    return parse


def one_of(*choices: str) -> Callable[[str], str]:
    """Take one of the given words."""

    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError(f"is {value!r}; it takes one of {', '.join(choices)}")
        return value

    return parse


def setting(
    name: str,
    parse: Callable[[str], Any] = text,
    *,
    help: str,
    default: Any = _REQUIRED,
    secret: bool = False,
) -> Any:
    """Return a dataclass field that is read from `name`; without a default it is required.

    A secret is left out when the settings are printed.
    """
    return dataclasses.field(metadata={_KEY: Setting(name, parse, default, help)}, repr=not secret)


def settings_of(cls: type) -> Iterator[tuple[str, Setting]]:
    """Yield each field's name with its setting."""
    for field in dataclasses.fields(cls):
        if _KEY in field.metadata:
            yield field.name, field.metadata[_KEY]


def read(cls: type[T], environ: Mapping[str, str]) -> T:
    """Return the settings in `environ`.

    Raises:
        SettingsError: with one line for each name that is missing, malformed or unknown.
    """
    values: dict[str, Any] = {}
    mistakes: list[str] = []
    for field, one in settings_of(cls):
        try:
            values[field] = _value(one, environ)
        except ValueError as reason:
            mistakes.append(f"{one.name} {reason} ({one.help})")
    mistakes += _unknown(cls, environ)
    if mistakes:
        raise SettingsError(mistakes)
    return cls(**values)


def described(cls: type) -> str:
    """Return the settings as lines for `--help`: name, what it is for, its default."""
    return "\n".join(
        f"  {one.name:34} {one.help}"
        + (" (required)" if one.required else f" (default: {_shown(one.default)})")
        for _, one in settings_of(cls)
    )


def _shown(default: Any) -> str:
    return "not set" if default is None or default == "" else str(default)


def _value(one: Setting, environ: Mapping[str, str]) -> Any:
    if one.name in environ:
        return one.parse(environ[one.name])
    if one.required:
        raise ValueError("is missing")
    return one.default


def _unknown(cls: type, environ: Mapping[str, str]) -> Iterator[str]:
    known = [one.name for _, one in settings_of(cls)]
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else "; remove it"
            yield f"{name} is not a setting of this service{hint}"

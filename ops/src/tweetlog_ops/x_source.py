"""Where tweets come from live: the local X API, or X itself with a token and a budget."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tweetlog_ops.errors import CommandError

#: A file with the bearer token of an app: what makes a run read X itself.
TOKEN_FILE = "TWEETLOG_X_BEARER_TOKEN_FILE"  # noqa: S105 - a name
_RULES = "TWEETLOG_X_RULES_FILE"
_BUDGETS = {"TWEETLOG_POSTS_PER_DAY": "day", "TWEETLOG_POSTS_PER_MONTH": "month"}
_PRICE = "TWEETLOG_X_POST_DOLLARS"
_URL = "TWEETLOG_X_API_URL"
# Of the caller's environment the ingestor gets what is about X, and nothing else.
_PREFIXES = ("TWEETLOG_X_", "TWEETLOG_POSTS_")
_LOCAL_RULES = Path(__file__).with_name("x_rules.toml")
_WRONG_CALL = 2
# What X asks for a Post (docs, "Pricing", 2026-08).
_DOLLARS = 0.005


@dataclass(frozen=True, slots=True)
class XSource:
    """How to read a stream.

    Attributes:
        rules: the file of rules.
        rate: tweets that happen in a second; of the local X API alone.
        speed: divides the waits of X and of the ingestor; of the local X API alone.
        tier: `ppu` or `enterprise`; of the local X API alone.
        real: the environment with which to read X itself; empty for the local X API.
    """

    rules: Path = _LOCAL_RULES
    rate: float = 100.0
    speed: int = 5
    tier: str = "ppu"
    real: Mapping[str, str] = field(default_factory=dict)


def chosen(environ: Mapping[str, str], *, rules: Path | None, rate: float) -> XSource:
    """Return the source that the environment asks for: X itself if it names a token.

    Raises:
        CommandError: if something is missing that X itself needs, all of it named.
    """
    if rules is not None and not rules.is_file():
        raise CommandError(f"{rules}: no such file", exit_code=_WRONG_CALL)
    if not environ.get(TOKEN_FILE):
        return XSource(rules or _LOCAL_RULES, rate)
    real = {name: value for name, value in environ.items() if name.startswith(_PREFIXES)}
    missing = _missing(real, rules)
    if missing:
        raise CommandError("\n  ".join(["to read X itself:", *missing]), exit_code=_WRONG_CALL)
    return XSource(rules or Path(real[_RULES]), rate, real=real)


def announcement(source: XSource) -> str:
    """Return what is to be read, and what it may cost, in words."""
    if not source.real:
        return f"reading the local X API: made-up tweets, {source.rate:g} a second, for nothing"
    host = urlsplit(source.real.get(_URL, "https://api.x.com")).hostname
    price = _price(source.real)
    budgets = [
        f"{int(source.real[name]):,} a {share} (${int(source.real[name]) * price:,.2f})"
        for name, share in _BUDGETS.items()
        if _is_number(source.real.get(name, ""))
    ]
    return (
        f"reading X itself ({host}), which costs ${price:g} a Post: at most {', '.join(budgets)}; "
        "Ctrl-C ends it"
    )


def _missing(real: Mapping[str, str], rules: Path | None) -> list[str]:
    missing = []
    if not any(_is_number(real.get(name, "")) for name in _BUDGETS):
        names = " or ".join(_BUDGETS)
        missing.append(f"set {names}: Posts to read at most, at ${_DOLLARS} each")
    if rules is None and not real.get(_RULES):
        missing.append(f"give --rules FILE or set {_RULES}: what to ask for (see docs/x.md)")
    if not Path(real[TOKEN_FILE]).is_file():
        missing.append(f"{TOKEN_FILE}: no such file")
    return missing


def _price(real: Mapping[str, str]) -> float:
    """Return what a Post costs; the ingestor says what is wrong with a price that is none."""
    try:
        return float(real.get(_PRICE, ""))
    except ValueError:
        return _DOLLARS


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()

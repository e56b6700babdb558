"""How a server is set up."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from tweetlog_local.x_api.tiers import TIERS

#: What clients have to trust, in the server's folder.
CERTIFICATE = "trusted.crt"
#: What clients have to show as their bearer token where no other is chosen. It opens nothing.
TOKEN = "local-bearer-token"  # noqa: S105 - not a secret


@dataclass(frozen=True, slots=True)
class Settings:
    """What the server is told; durations in X's seconds, which `speed` shortens.

    Attributes:
        tier: `ppu` or `enterprise`.
        rate: tweets a second; 0 for as many as the streams' readers take.
        tweets: after so many nothing happens any more; None: it goes on.
        prepared: make so many tweets at start, and give them out in turn; 0: make each anew.
        begin: `start` or `connect`: when the first tweet happens.
        history: real seconds of tweets that were there before.
        latency: real seconds from a tweet to its delivery, for the slowest of a hundred; it is
            what puts tweets out of order.
        second: what a stream over the limit gets: `reject`, or it `replace`s the older one.
        ghost: for how long a stream that its client broke off is counted on.
        rule_delay: from a change of rules to its effect.
        search_delay: from a tweet to its being found.
        job_delay: from the upload to a compliance job to its results.
        slow_reader: bytes that may wait for a reader before it is cut off.
        month_cap: tweets a month.
    """

    host: str = "127.0.0.1"
    port: int = 0
    control_port: int = 0
    token: str = TOKEN
    tls: bool = False
    folder: Path | None = None
    tier: str = "ppu"
    rate: float = 20.0
    tweets: int | None = None
    prepared: int = 0
    seed: int = 7
    begin: str = "start"
    history: float = 0.0
    latency: float = 1.0
    speed: float = 1.0
    second: str = "reject"
    ghost: float = 5.0
    keep_alive: float = 20.0
    rule_delay: float = 20.0
    search_delay: float = 10.0
    job_delay: float = 10.0
    slow_reader: int = 8_000_000
    month_cap: int = 3_000_000


# What a server that is up cannot change any more.
_FIXED = frozenset({"host", "port", "control_port", "tls", "folder"})


def changed(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """Return settings with some changed.

    Raises:
        ValueError: if there is no such setting, none that can change, or it takes another value.
    """
    known = {field.name: getattr(settings, field.name) for field in fields(settings)}
    for name, value in changes.items():
        if name not in known or name in _FIXED:
            can = ", ".join(sorted(known.keys() - _FIXED))
            raise ValueError(f"{name!r} cannot be set; these can: {can}")
        _check(name, value, known[name])
    made = replace(settings, **changes)
    if made.tier not in TIERS:
        raise ValueError(f"tier must be one of {', '.join(TIERS)}, not {made.tier!r}")
    return made


def _check(name: str, value: object, now: object) -> None:
    optional = name == "tweets"
    wanted = (int, float) if isinstance(now, float) else (int,) if optional else (type(now),)
    if (optional and value is None) or (isinstance(value, wanted) and not isinstance(value, bool)):
        return
    raise ValueError(f"{name} must be of type {wanted[-1].__name__}: {value!r}")

"""What `python -m ingestor x` and `rules` need before they start, and what they do."""

import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ingestor.settings import Settings
from ingestor.x import budget as budgets
from ingestor.x import health
from ingestor.x.answers import Refused
from ingestor.x.budget import Budget
from ingestor.x.client import Address, Api
from ingestor.x.rulebook import Rulebook
from ingestor.x.rules import allowed, described
from ingestor.x.rules_file import RulesInvalid, rules
from ingestor.x.run import Ingest, Summary, budget_of
from ingestor.x.state import State
from ingestor.x.token import Token, TokenUnusable
from tweetlog.errors import SettingsError
from tweetlog.topic import Topic


@dataclass(frozen=True, slots=True)
class Start:
    """What was checked before anything was asked of X."""

    token: Token
    state: State | None
    listening: socket.socket | None


def start(settings: Settings, *, reads: bool = True) -> Start:
    """Check everything that can be wrong before X is asked.

    Args:
        settings: the configuration.
        reads: whether the stream will be read, which needs a budget and a place to count.

    Raises:
        SettingsError: with every mistake.
        StateUnusable: if the state cannot be used.
    """
    mistakes = [*_mistakes(settings), *(_reading(settings) if reads else ())]
    try:
        token = _token(settings)
    except TokenUnusable as reason:
        mistakes.append(str(reason))
    if mistakes:
        raise SettingsError(mistakes)
    if not reads:
        return Start(token, None, None)
    listening = _listening(settings)
    host = urlsplit(settings.api_url).hostname or ""
    return Start(token, State(Path(settings.state_dir), host), listening)


def read(
    settings: Settings,
    start: Start,
    raw: Topic,
    dead: Topic,
    *,
    stop: threading.Event,
    tweets: int | None,
) -> Summary:
    """Read the stream until a stop; return what was done."""
    if start.state is None:
        raise ValueError("reading needs a state")
    ingest = Ingest(settings, start.token, start.state, raw, dead, stop=stop, tweets=tweets)
    return ingest.run(start.listening)


def show_rules(settings: Settings, start: Start, *, dry_run: bool) -> int:
    """Print what has to be done about the rules, and do it; return the exit code."""
    address = Address(settings.api_url, settings.ca_file)
    api = Api(address, start.token)
    rulebook = Rulebook(Path(settings.rules_file), settings.rule_prefix, api)
    try:
        plan = rulebook.plan()
        caps = api.caps()
        for line in described(plan, settings.rule_prefix):
            print(line)  # noqa: T201 - its answer
        print(allowed(caps))  # noqa: T201 - its answer
        if plan.changes and not dry_run:
            rulebook.reconcile()
            print("done")  # noqa: T201 - its answer
        elif not plan.changes:
            print("nothing to do")  # noqa: T201 - its answer
    except RulesInvalid as reason:
        for mistake in reason.mistakes:
            sys.stderr.write(f"ingestor: {mistake}\n")
        sys.stderr.write("ingestor: the rules on X stay as they are\n")
        return 1
    except Refused as reason:
        sys.stderr.write(f"ingestor: {settings.api_url}: {reason}\n")
        return 1
    return 0


def _mistakes(settings: Settings) -> Iterator[str]:
    if not settings.rules_file:
        yield "TWEETLOG_X_RULES_FILE is missing (the rules, TOML or YAML; see docs/x.md)"
    else:
        try:
            file = Path(settings.rules_file)
            rules(str(file), file.read_bytes())
        except OSError as reason:
            yield f"TWEETLOG_X_RULES_FILE {settings.rules_file}: {reason.strerror}"
        except RulesInvalid as reason:
            yield from reason.mistakes
    if settings.ca_file and not Path(settings.ca_file).is_file():
        yield f"TWEETLOG_X_CA_FILE {settings.ca_file}: no such file"
    if settings.bearer_token and settings.bearer_token_file:
        yield "TWEETLOG_X_BEARER_TOKEN and TWEETLOG_X_BEARER_TOKEN_FILE are both set: leave one out"


def _reading(settings: Settings) -> Iterator[str]:
    if not settings.state_dir:
        yield (
            "TWEETLOG_STATE_DIR is missing (a folder that survives a restart: what was read and "
            "paid, and up to when)"
        )
    if settings.live:
        budget = budget_of(settings)
        if budget.per_day is None and budget.per_month is None:
            yield budgets.refusal(Budget(post_dollars=settings.post_dollars))
        if settings.speed != 1:
            yield f"TWEETLOG_X_SPEED is {settings.speed}: X's own waits cannot be shortened"


def _token(settings: Settings) -> Token:
    if settings.bearer_token_file:
        return Token(file=Path(settings.bearer_token_file))
    if not settings.bearer_token:
        raise TokenUnusable(
            "TWEETLOG_X_BEARER_TOKEN_FILE or TWEETLOG_X_BEARER_TOKEN is missing (the app's bearer "
            "token)"
        )
    return Token(settings.bearer_token)


def _listening(settings: Settings) -> socket.socket | None:
    if settings.port is None:
        return None
    try:
        return health.listener(settings.host, settings.port)
    except OSError as reason:
        where = f"{settings.host}:{settings.port}"
        raise SettingsError([f"cannot listen on {where}: {reason.strerror}; set PORT"]) from None

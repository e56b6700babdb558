"""The X source over a local X API: started, told to stop, and asked what it did."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from ingestor.settings import Settings
from ingestor.x.run import Ingest, Summary
from ingestor.x.state import State
from ingestor.x.token import Token
from tweetlog.envelope import Envelope
from tweetlog.events import GAP, RECEIVED
from tweetlog.settings import read
from tweetlog.topic import InMemoryTopic, Topic
from tweetlog_local.x_api import Running
from x_client import Lab

STREAM = "/2/tweets/search/stream"
PATIENCE = 90.0
#: X's seconds in a real one: 5 s of back-off are 0.1 s.
SPEED = 50
#: Every tweet that it brings can be found by search as well: no retweets, no quotes. And no word
#: of one letter, which is one between two diacritics on the stream, and none to search.
WHOLE = "(the OR de OR la OR el OR und OR der OR in) -is:retweet -is:quote"
#: How the server is set up where a test says nothing else.
BRISK: dict[str, Any] = {
    "speed": SPEED, "rate": 150, "tweets": 300, "begin": "connect", "latency": 0.2,
    "rule_delay": 0, "ghost": 0,
}  # fmt: skip


class Live:
    """An X source that runs in threads of this process, its topics in memory."""

    def __init__(self, up: Running, folder: Path, raw: Topic | None = None, **env: str) -> None:
        self.up = up
        self.lab = Lab(up)
        self.folder = folder
        self.raw = raw or InMemoryTopic()
        self.dead = InMemoryTopic()
        rules = folder / "rules.yaml"
        if not rules.exists():
            rules.write_text(f"rules:\n- tag: whole\n  value: {WHOLE}\n")
        self.environ = {
            "TWEETLOG_PROJECT": "p",
            "TWEETLOG_X_API_URL": up.url,
            "TWEETLOG_X_CA_FILE": str(up.ca_file or ""),
            "TWEETLOG_X_BEARER_TOKEN": up.token,
            "TWEETLOG_X_RULES_FILE": str(rules),
            "TWEETLOG_STATE_DIR": str(folder / "state"),
            "TWEETLOG_X_SPEED": str(SPEED),
            # A busy machine is no stall.
            "TWEETLOG_X_STALL_SECONDS": "500",
            **env,
        }
        self.settings = read(Settings, self.environ)
        self.token = Token(
            "" if self.settings.bearer_token_file else self.settings.bearer_token,
            Path(self.settings.bearer_token_file) if self.settings.bearer_token_file else None,
        )
        self.stop = threading.Event()
        self.summary: Summary | None = None
        self.failure: BaseException | None = None
        self.state = State(folder / "state", "127.0.0.1")
        self.ingest = Ingest(
            self.settings, self.token, self.state, self.raw, self.dead, stop=self.stop
        )
        self.thread = threading.Thread(target=self._run, name="ingest", daemon=True)

    def _run(self) -> None:
        try:
            self.summary = self.ingest.run()
        except BaseException as reason:  # noqa: BLE001 - looked at by the test
            self.failure = reason

    def end(self) -> None:
        """Stop it as SIGTERM does, and wait for it."""
        self.stop.set()
        self.thread.join(PATIENCE)
        self.state.close()
        assert not self.thread.is_alive(), "it did not end"

    # What it published.

    def events(self, type: str) -> list[Envelope]:
        assert isinstance(self.raw, InMemoryTopic)
        return [event for event in self.raw.events if event.type == type]

    def ids(self) -> set[str]:
        return {event.id for event in self.events(RECEIVED)}

    def gaps(self) -> list[dict[str, Any]]:
        """Return the last statement about each hole, in their order."""
        found: dict[str, dict[str, Any]] = {}
        for event in self.events(GAP):
            data = event.json()
            before = found.get(event.subject or "", data)
            found[event.subject or ""] = max(before, data, key=lambda one: int(one["revision"]))
        return sorted(found.values(), key=lambda one: str(one["from"]))

    def causes(self) -> list[str]:
        """Return why the holes that are over began."""
        return [gap["cause"] for gap in self.gaps() if gap["repair"] != "open"]

    def rejected(self) -> list[dict[str, Any]]:
        return [event.json() for event in self.dead.events]

    # What the server saw.

    def connects(self) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = self.lab.log(STREAM)
        return found

    def waits(self) -> list[float]:
        """Return the seconds of X from each attempt's answer, or a stream's end, to the next."""
        log = self.connects()
        return [
            (after["time"] - before.get("ended", before["time"])) * SPEED
            for before, after in pairwise(log)
        ]

    def existed(self) -> set[str]:
        """Return the ids of every tweet that the rules have matched."""
        return {id for id in self.lab.get("ids", rule="tweetlog:whole")}  # noqa: C416 - from JSON

    def has_all(self) -> bool:
        """Whether every tweet there was is published, and no hole waits for its repair."""
        return (
            self.lab.get("stats")["finished"]
            and self.existed() <= self.ids()
            and all(gap["repair"] != "pending" for gap in self.gaps())
            and self.ingest.ready() == []
        )

    def until(self, true: Callable[[], Any]) -> Any:
        """Wait until something is true."""
        deadline = time.monotonic() + PATIENCE
        while not (found := true()):
            assert self.failure is None, self.failure
            assert time.monotonic() < deadline, self._where()
            time.sleep(0.05)
        return found

    def _where(self) -> str:
        missing = sorted(self.existed() - self.ids())[:5]
        return f"{self.ingest.ready()}, missing {missing}, gaps {self.gaps()[-3:]}"


@contextmanager
def live(up: Running, folder: Path, raw: Topic | None = None, **env: str) -> Iterator[Live]:
    """Start an X source, and stop it in the end."""
    folder.mkdir(exist_ok=True)
    made = Live(up, folder, raw, **env)
    made.thread.start()
    try:
        yield made
    finally:
        made.end()


def eventually(true: Callable[[], Any]) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def doubled(events: Sequence[Envelope]) -> set[str]:
    """Return the ids that stand there more than once."""
    seen: set[str] = set()
    return {event.id for event in events if event.id in seen or seen.add(event.id)}  # type: ignore[func-returns-value] # its way

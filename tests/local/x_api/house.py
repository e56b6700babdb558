"""What the tests of the local X API are made of: a server, its control port, and tweepy."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests
import tweepy

from tweetlog_local.x_api import Running
from x_client import Collector, Lab, pointed

STREAM = "/2/tweets/search/stream"
#: Answers at once, and has no tweets but those that a test lets happen.
QUICK: dict[str, Any] = {
    "rule_delay": 0, "search_delay": 0, "ghost": 0, "latency": 0, "keep_alive": 0.2, "tweets": 0,
    "begin": "connect",
}  # fmt: skip
_PATIENCE = 60.0


@dataclass(slots=True)
class House:
    """A server that is up, and who talks to it."""

    up: Running
    lab: Lab = field(init=False)
    client: Any = field(init=False)
    _collectors: list[Collector] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lab = Lab(self.up)
        self.client = pointed(tweepy.Client(self.up.token), self.up)

    def collect(self, **parameters: Any) -> Collector:
        """Start to collect in a thread, one connection."""
        collector = Collector(self.up)
        self._collectors.append(collector)
        collector.filter(threaded=True, **parameters)
        return collector

    def collecting(self, **parameters: Any) -> Collector:
        """Start to collect; return once the stream is open."""
        collector = self.collect(**parameters)
        eventually(lambda: collector.opened)
        return collector

    def add_rules(self, *rules: tuple[str, str | None]) -> Any:
        """Add rules of a value and a tag."""
        return Collector(self.up).add_rules([tweepy.StreamRule(*rule) for rule in rules])

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request with the right token."""
        headers = {"Authorization": f"Bearer {self.up.token}"}
        return requests.request(
            method, self.up.url + path, headers=headers, timeout=_PATIENCE, **options
        )

    def ask_lab(self, name: str, body: Any) -> requests.Response:
        """Send something to the control port, whatever it answers."""
        url = f"{self.up.control_url}/_lab/{name}"
        return requests.post(url, json=body, timeout=_PATIENCE)

    def tell(self, *tweets: dict[str, Any]) -> list[str]:
        """Let tweets happen now; return their ids."""
        lines = b"".join(json.dumps({"data": tweet}).encode() + b"\n" for tweet in tweets)
        ids: list[str] = self.lab.post("tweets", lines)
        return ids

    def leave(self) -> None:
        """Stop every collector."""
        for one in self._collectors:
            one.disconnect()
            if one.thread is not None:
                one.thread.join(_PATIENCE)


@contextmanager
def house(up: Running, **settings: Any) -> Iterator[House]:
    """Begin anew on a server that is up, and leave nobody behind."""
    made = House(up)
    made.lab.post("reset", {**QUICK, **settings})
    try:
        yield made
    finally:
        made.lab.calm()
        made.leave()


def eventually(holds: Callable[[], Any]) -> Any:
    """Wait until something holds; return it."""
    deadline = time.monotonic() + _PATIENCE
    while not (found := holds()):
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)
    return found

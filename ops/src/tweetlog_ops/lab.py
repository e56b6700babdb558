"""EDGE: asking the local X API what happened on it, and the ingestor how it is."""

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from tweetlog_ops.local_cloud import HOST

_SECONDS = 120
# Ids in one address; each costs the server a look at its text.
_AT_ONCE = 200
_PARKED = re.compile(r"^parked for \d+ s: (.+)$", re.MULTILINE)


def stats(port: int) -> Mapping[str, Any]:
    """Return the local X API's counts; empty while it does not answer."""
    try:
        found: Mapping[str, Any] = asked(port, "stats")
    except OSError:
        return {}
    return found


def asked(port: int, name: str, body: object = None, **parameters: str) -> Any:
    """Ask a server's control port, or tell it something.

    Raises:
        OSError: if it does not answer, or refuses.
    """
    query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
    request = urllib.request.Request(
        f"http://{HOST}:{port}/_lab/{name}{query}",
        data=None if body is None else json.dumps(body).encode(),
    )
    with urllib.request.urlopen(request, timeout=_SECONDS) as response:  # noqa: S310 - as above
        return json.load(response)


def searchable(port: int, ids: Sequence[int]) -> list[int]:
    """Return which of some tweets a search finds for one of their rules.

    Raises:
        OSError: if the server does not answer.
    """
    found: list[int] = []
    for first in range(0, len(ids), _AT_ONCE):
        some = ",".join(map(str, ids[first : first + _AT_ONCE]))
        found += map(int, asked(port, "ids", ids=some, searchable="true"))
    return found


def metrics(port: int) -> Mapping[str, float]:
    """Return the ingestor's metrics without labels; empty while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=_SECONDS) as response:
            return parsed(response.read().decode())
    except OSError:
        return {}


def trouble(port: int) -> str:
    """Return why the ingestor waits for a person; empty if it does not, or does not answer."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/readyz", timeout=_SECONDS):
            return ""
    except urllib.error.HTTPError as answer:
        return parked(answer.read().decode(errors="replace"))
    except OSError:
        return ""


def parked(text: str) -> str:
    """Return the reason in an answer of the ingestor's readiness, where a person has to act."""
    found = _PARKED.search(text)
    return found[1] if found else ""


def parsed(text: str) -> Mapping[str, float]:
    """Return the samples without labels of Prometheus' text format."""
    samples = (line.split() for line in text.splitlines() if line and line[0] != "#")
    return {
        sample[0]: float(sample[1])
        for sample in samples
        if len(sample) > 1 and "{" not in sample[0]
    }

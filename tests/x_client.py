"""Clients of the local X API: tweepy pointed at it, and its control port."""

from typing import Any

import requests
import tweepy
from requests.adapters import HTTPAdapter

from tweetlog_local.x_api import Running


class Pointed(HTTPAdapter):
    """Sends what is meant for X to a local server, and trusts that server's certificate alone."""

    def __init__(self, up: Running) -> None:
        super().__init__()
        self._up = up

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> Any:
        request.url = (request.url or "").replace("https://api.twitter.com", self._up.url)
        options["verify"] = str(self._up.ca_file) if self._up.ca_file else True
        return super().send(request, *args, **options)


def pointed(client: Any, up: Running) -> Any:
    """Point a client of tweepy at a server."""
    client.session.mount("https://api.twitter.com", Pointed(up))
    return client


class Collector(tweepy.StreamingClient):  # type: ignore[misc]
    """One connection: notes what comes, and how it ends."""

    def __init__(self, up: Running, **options: Any) -> None:
        super().__init__(up.token, chunk_size=8192, **options)
        self.lines: list[bytes] = []
        self.keep_alives = 0
        self.end: tuple[str, Any] | None = None
        self.opened = False
        pointed(self, up)

    def on_connect(self) -> None:
        self.opened = True

    def on_data(self, raw_data: bytes) -> None:
        self.lines.append(raw_data)

    def on_keep_alive(self) -> None:
        self.keep_alives += 1

    def on_closed(self, response: Any) -> None:
        self._over("closed", response.status_code)

    def on_connection_error(self) -> None:
        self._over("network", None)

    def on_request_error(self, status_code: int) -> None:
        self._over("http", status_code)

    def on_exception(self, exception: Exception) -> None:
        self._over("exception", exception)

    def _over(self, kind: str, what: Any) -> None:
        self.end = self.end or (kind, what)
        self.disconnect()


class Lab:
    """A server's control port."""

    def __init__(self, up: Running) -> None:
        self._url = up.control_url + "/_lab/"

    def get(self, name: str, **parameters: Any) -> Any:
        return self._answer(requests.get(self._url + name, params=parameters, timeout=30))

    def post(self, name: str, body: Any = None, **parameters: Any) -> Any:
        url = self._url + name
        if isinstance(body, bytes):
            return self._answer(requests.post(url, data=body, params=parameters, timeout=30))
        return self._answer(requests.post(url, json=body, params=parameters, timeout=30))

    def fault(self, kind: str, **fault: Any) -> None:
        """Put a fault in force."""
        self.post("faults", {"kind": kind, **fault})

    def calm(self) -> None:
        """Let everything work again."""
        self._answer(requests.delete(self._url + "faults", timeout=30))

    def log(self, path: str = "/2/tweets/search/stream") -> Any:
        """Return the log of the requests to a path."""
        return self.get("log", path=path)

    @staticmethod
    def _answer(response: requests.Response) -> Any:
        assert response.ok, response.text
        return response.json()

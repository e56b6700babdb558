"""EDGE: X's API through tweepy: one connection for each call, and plain requests.

tweepy reconnects by itself, on a schedule of its own and without saying why; so each of its
callbacks for an end makes it leave, and our loop decides what comes next.
"""

import json
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

import orjson
import requests
import requests.utils
import tweepy
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.util.retry import Retry

from ingestor.loose import objects, words
from ingestor.x.answers import Cause, Ended, Refused, refused
from ingestor.x.rules import Existing, Rule
from ingestor.x.token import Token
from tweetlog.lines import whole

# Its lines at DEBUG hold the token, and its errors are told by us.
logging.getLogger("tweepy").setLevel(logging.CRITICAL)
logging.getLogger("urllib3").setLevel(logging.ERROR)

# Where tweepy 4.17 sends everything; an adapter mounted here sends it where it should go.
_TWEEPY_HOST = "https://api.twitter.com"
_STREAM = "/2/tweets/search/stream"
_RULES = f"{_STREAM}/rules"
_ENDPOINT = "filtered_stream"
# A read returns at the end of a chunk, so that this costs no latency, and saves most of the work.
_CHUNK_BYTES = 8_192
# What X may send ahead of our reading: all that a crash, or a stop at the budget, can cost.
RECEIVE_BUFFER_BYTES = 262_144
_CONNECT_SECONDS = 10.0
_REST_SECONDS = 30.0
# After an end that we asked for, what had arrived is read; at most for so long.
_DRAIN_SECONDS = 1.0
_RULES_AT_ONCE = 100
_PAGE = 1_000
_SHOWN = 200
_NETWORK = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    OSError,
)


class Listener(Protocol):
    """Who hears a stream. All calls come from the thread that opened it."""

    def opened(self, at: float) -> None:
        """Take note that X accepted the connection, at this moment by its clock."""

    def line(self, line: bytes) -> None:
        """Take a line, as it came."""

    def keep_alive(self) -> None:
        """Take a keep-alive."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where X's API is.

    Attributes:
        url: without a path.
        ca_file: certificates to trust instead of the public ones; empty for these.
        stall: seconds of silence on a stream after which it counts as dead.
    """

    url: str
    ca_file: str = ""
    stall: float = 25.0


class _Elsewhere(HTTPAdapter):
    """Sends what tweepy addresses to its own host to ours, with a time-out."""

    def __init__(self, address: Address, timeout: tuple[float, float], retries: Retry) -> None:
        self._url = address.url
        self._ca_file = address.ca_file
        self._timeout = timeout
        super().__init__(max_retries=retries)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        buffer = (socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        kwargs["socket_options"] = [*HTTPConnection.default_socket_options, buffer]
        super().init_poolmanager(*args, **kwargs)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        request.url = self._url + (request.url or "").removeprefix(_TWEEPY_HOST)
        kwargs["timeout"] = self._timeout
        if self._ca_file:
            kwargs["verify"] = self._ca_file  # the environment would go before the session
        # Which proxy, if any, is a matter of where it really goes.
        kwargs["proxies"] = requests.utils.get_environ_proxies(request.url)
        return super().send(request, *args, **kwargs)


_NEVER = Retry(0, read=False)
# A pooled connection that X has closed meanwhile is noticed only by using it.
_ONCE = Retry(total=1, status=0, redirect=0, allowed_methods=["GET"])


def _mounted(session: requests.Session, address: Address, read: float, retries: Retry) -> None:
    session.mount(_TWEEPY_HOST, _Elsewhere(address, (_CONNECT_SECONDS, read), retries))


def lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a stream, and at its end half a one, which is rejected and kept."""
    rest = yield from whole(pieces)
    if rest:
        yield rest


class Connection(tweepy.StreamingClient):  # type: ignore[misc] # tweepy has no types
    """One connection to the filtered stream: opened once, ended once, with the reason.

    Args:
        address: where.
        token: the bearer token.
        listener: who hears it.
    """

    def __init__(self, address: Address, token: Token, listener: Listener) -> None:
        super().__init__(token.value, chunk_size=_CHUNK_BYTES)
        # Behind the watchdog, which knows a silence from a trickle.
        _mounted(self.session, address, address.stall + 1, _NEVER)
        self.session.hooks["response"].append(self._answered)
        self._listener = listener
        self._lock = threading.Lock()
        self._response: requests.Response | None = None
        self._socket: socket.socket | None = None
        self._ended: Ended | None = None
        self._opened = False
        self._drained = 0.0

    def run(self, **params: Any) -> Ended:
        """Open it, and return when and why it has ended. To be called once."""
        try:
            self.filter(**params)
        finally:
            self._let_go()
        ended = self._ended or Ended(Cause.CLOSED, "the server ended it", self._opened)
        return Ended(ended.cause, ended.detail, self._opened, ended.reset_at, ended.fault)

    def kick(self, ended: Ended) -> None:
        """End it from any thread, in milliseconds; what had arrived is still handed over."""
        with self._lock:
            if self._ended is not None:
                return
            self._ended = ended
            self._drained = time.monotonic() + _DRAIN_SECONDS
            if self._socket is not None:
                # Below TLS, so that what has arrived is still decrypted: a socket of `ssl` that
                # is shut down gives what is encrypted as if it were the text.
                with suppress(OSError):  # it is gone already
                    self._socket.shutdown(socket.SHUT_RD)
                return
        self.disconnect()

    def _answered(self, response: requests.Response, *_: Any, **__: Any) -> None:
        self._let_go()  # of an answer that sent us elsewhere
        # What tweepy reads the stream by.
        response.iter_lines = lambda chunk_size: lines(response.iter_content(chunk_size))  # type: ignore[method-assign,assignment]
        with self._lock:
            self._response = response
            # A twin of our own, which nobody closes while we shut it down. An answer without a
            # body has no socket any more.
            with suppress(OSError, ValueError, AttributeError):
                self._socket = socket.socket(fileno=os.dup(response.raw.fileno()))

    def _let_go(self) -> None:
        """Close our twin of the socket."""
        with self._lock:
            twin, self._socket = self._socket, None
        if twin is not None:
            twin.close()

    def _end(self, ended: Ended) -> None:
        with self._lock:
            self._ended = self._ended or ended
        self.disconnect()

    def on_connect(self) -> None:
        """Take note; a second connection, which tweepy would open by itself, is one too many."""
        if self._opened or self._ended is not None:
            self.disconnect()
            return
        self._opened = True
        headers = self._response.headers if self._response is not None else {}
        self._listener.opened(_date(headers))

    def on_data(self, raw_data: bytes) -> None:
        """Hand a line over."""
        if self._ended is not None and time.monotonic() > self._drained:
            self.disconnect()
        self._listener.line(raw_data)

    def on_keep_alive(self) -> None:
        """Hand a keep-alive over."""
        self._listener.keep_alive()

    def on_closed(self, response: Any) -> None:
        """Leave: the server ended the body politely."""
        del response
        self._end(Ended(Cause.CLOSED, "the server ended it"))

    def on_connection_error(self) -> None:
        """Leave: the network failed, and tweepy is handling what was raised."""
        self._end(_broken(sys.exc_info()[1], opened=self._opened))

    def on_request_error(self, status_code: int) -> None:
        """Leave: X refused."""
        response = self._response
        body = _body(response) if response is not None else b""
        headers = response.headers if response is not None else {}
        self._end(refused(status_code, headers, body))

    def on_exception(self, exception: BaseException) -> None:
        """Leave: something else was raised, by the network or by us."""
        if isinstance(exception, _NETWORK):
            self._end(_broken(exception, opened=self._opened))
        else:
            self._end(Ended(Cause.FAULT, _said(exception), fault=exception))

    def on_disconnect(self) -> None:
        """Say nothing: why it ended is returned."""


class Api:
    """The other endpoints. Not safe for threads: each thread has one of its own.

    Every method raises `Refused` where X or the network does not answer as asked.
    """

    def __init__(self, address: Address, token: Token) -> None:
        self._token = token
        self._client = tweepy.Client(token.value, return_type=requests.Response)
        _mounted(self._client.session, address, _REST_SECONDS, _ONCE)

    def rules(self) -> list[Existing]:
        """Return every rule that X has, ours and others'."""
        found: list[Existing] = []
        params: dict[str, Any] = {"max_results": _PAGE}
        while True:
            page = self._get(_RULES, params)
            found += [
                Existing(str(one["id"]), str(one["value"]), next(words(one.get("tag")), ""))
                for one in objects(page.get("data"))
                if "id" in one and "value" in one
            ]
            following = _meta(page).get("next_token")
            if not following:
                return found
            params = {"max_results": _PAGE, "pagination_token": following}

    def add_rules(
        self, rules: Sequence[Rule], prefix: str, *, dry_run: bool = False
    ) -> list[dict[str, Any]]:
        """Add rules; return X's errors about single ones, with the `value` each is about."""
        errors: list[dict[str, Any]] = []
        for first in range(0, len(rules), _RULES_AT_ONCE):
            some = rules[first : first + _RULES_AT_ONCE]
            body = {"add": [{"value": one.value, "tag": prefix + one.tag} for one in some]}
            params = {"dry_run": "true"} if dry_run else None
            answer = self._asked("POST", _RULES, params, body)
            errors += objects(answer.get("errors"))
        return errors

    def delete_rules(self, rules: Sequence[Existing]) -> None:
        """Delete rules."""
        for first in range(0, len(rules), _RULES_AT_ONCE):
            some = rules[first : first + _RULES_AT_ONCE]
            self._asked("POST", _RULES, None, {"delete": {"ids": [one.id for one in some]}})

    def caps(self) -> Mapping[str, Any]:
        """Return what X says of the number of rules: those there are, and those there may be."""
        data = self._get(f"{_RULES}/counts", None).get("data")
        return data if isinstance(data, dict) else {}

    def search(self, query: str, **params: Any) -> Mapping[str, Any]:
        """Return a page of recent search."""
        try:
            self._client.bearer_token = self._token.value
            response = self._client.search_recent_tweets(query, **params)
        except (*_NETWORK, tweepy.HTTPException) as reason:
            raise Refused(_failed(reason)) from None
        return _document(response)

    def connections(self) -> list[dict[str, Any]]:
        """Return the open connections to the filtered stream, as X shows them."""
        asked = {"status": "active", "endpoints": _ENDPOINT, "max_results": 100}
        listed = self._get("/2/connections", asked).get("data")
        return [one for one in objects(listed) if one.get("endpoint_name") == _ENDPOINT]

    def evict(self, ids: Sequence[str]) -> None:
        """Close connections."""
        self._asked("DELETE", "/2/connections", None, {"uuids": list(ids)})

    def usage(self, days: int) -> Mapping[str, Any]:
        """Return what X says was read, for so many days back."""
        fields = "daily_project_usage,daily_client_app_usage,project_cap,project_usage"
        return self._get("/2/usage/tweets", {"days": days, "usage.fields": fields})

    def _get(self, route: str, params: Mapping[str, Any] | None) -> Mapping[str, Any]:
        return self._asked("GET", route, params, None)

    def _asked(
        self, method: str, route: str, params: Mapping[str, Any] | None, body: Any
    ) -> Mapping[str, Any]:
        try:
            self._client.bearer_token = self._token.value
            response = self._client.request(method, route, params=params, json=body)
        except (*_NETWORK, tweepy.HTTPException) as reason:
            raise Refused(_failed(reason)) from None
        return _document(response)


def _meta(page: Mapping[str, Any]) -> Mapping[str, Any]:
    meta = page.get("meta")
    return meta if isinstance(meta, dict) else {}


def _document(response: requests.Response) -> Mapping[str, Any]:
    """Return an answer's object; one with half a surrogate pair, which X does send, as well."""
    document: Any = None
    try:
        document = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        with suppress(ValueError, RecursionError):
            document = json.loads(response.content)
    if not isinstance(document, dict):
        start = " ".join(response.text[:_SHOWN].split())
        raise Refused(Ended(Cause.HTTP, f"HTTP {response.status_code}: no JSON object: {start}"))
    return document


def _failed(reason: BaseException) -> Ended:
    """Return why a request failed: tweepy's error holds X's answer, others are the network's."""
    response = getattr(reason, "response", None)
    if isinstance(reason, tweepy.HTTPException) and response is not None:
        return refused(response.status_code, response.headers, _body(response))
    return _broken(reason, opened=False)


def _broken(reason: BaseException | None, *, opened: bool) -> Ended:
    stalled = opened and any(
        isinstance(one, requests.ReadTimeout | urllib3.exceptions.ReadTimeoutError)
        for one in _causes(reason)
    )
    return Ended(Cause.STALL if stalled else Cause.NETWORK, _said(reason))


def _causes(reason: BaseException | None) -> list[BaseException]:
    """Return an error and what it is made of: libraries wrap each other's."""
    found: list[BaseException] = []
    waiting: list[Any] = [reason]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting += [*one.args, getattr(one, "reason", None)]
    return found


def _said(reason: BaseException | None) -> str:
    """Return an error on one line: the innermost says what happened, the others where."""
    causes = _causes(reason)
    innermost = causes[-1] if causes else None
    return f"{type(innermost).__name__}: {' '.join(str(innermost).split())[:_SHOWN]}"


def _body(response: requests.Response) -> bytes:
    try:
        return response.content
    except _NETWORK:
        return b""


def _date(headers: Mapping[str, str]) -> float:
    try:
        return parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError):
        return time.time()

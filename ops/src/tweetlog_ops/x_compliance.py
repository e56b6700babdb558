"""EDGE: X's batch compliance jobs, through tweepy: ids go up, verdicts come down.

The files lie at Google's storage or, since 2026, at X's own address, which then wants the token.
Sources: X docs, "Batch compliance" (2026-08): one job of a type at a time, fifteen minutes to
upload in, 128 MB, a week to download in.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import tweepy
from requests.adapters import HTTPAdapter

from tweetlog.lines import whole
from tweetlog_ops.compliance_stream import CutOff
from tweetlog_ops.errors import CommandError

# Where tweepy sends everything.
_TWEEPY = "https://api.twitter.com"
_SECONDS = 60.0
# X sends a keep-alive every 20 seconds.
_SILENCE_SECONDS = 45.0
_WRONG_CALL = 2
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})


class Busy(CommandError):  # noqa: N818 - named for what X is
    """Raised when another job of the app is under way."""


class Compliance:
    """The compliance endpoints of X's API.

    Args:
        environ: where address, token and certificates are named, as for the ingestor.

    Raises:
        CommandError: if there is no token, or it would leave this machine in the clear.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._url = _address(environ)
        self._token = _token(environ)
        self._client = tweepy.Client(self._token, return_type=dict)
        adapter = _Elsewhere(self._url, environ.get("TWEETLOG_X_CA_FILE", ""))
        self._client.session.mount(_TWEEPY, adapter)
        self._files = requests.Session()
        # Given with each request: requests lets the environment outrank its session.
        self._trust = environ.get("TWEETLOG_X_CA_FILE") or True

    def jobs(self) -> list[dict[str, Any]]:
        """Return the app's jobs over tweets."""
        found = self._asked(lambda: self._client.get_compliance_jobs("tweets"))
        return list(found.get("data") or ())

    def job(self, id: str) -> dict[str, Any]:
        """Return how far a job is."""
        return dict(self._asked(lambda: self._client.get_compliance_job(id))["data"])

    def create(self, name: str) -> dict[str, Any]:
        """Make a job.

        Raises:
            Busy: if another one is under way.
        """
        found = self._asked(lambda: self._client.create_compliance_job("tweets", name=name))
        return dict(found["data"])

    def upload(self, url: str, ids: Iterable[str]) -> None:
        """Give a job its ids."""
        body = "".join(f"{id}\n" for id in ids).encode()
        headers = {"Content-Type": "text/plain", **self._authority(url)}
        self._file(
            lambda: self._files.put(
                url, data=body, headers=headers, timeout=_SECONDS, verify=self._trust
            )
        )

    def download(self, url: str) -> Iterator[bytes]:
        """Yield the lines of a job's results."""
        headers = self._authority(url)
        answer = self._file(
            lambda: self._files.get(
                url, headers=headers, stream=True, timeout=_SECONDS, verify=self._trust
            )
        )
        yield from (line for line in answer.iter_lines() if line)

    def stream(self, name: str, partition: int, *, backfill: timedelta) -> Iterator[bytes]:
        """Yield the lines of a partition of a compliance stream, empty ones as keep-alives.

        Raises:
            CutOff: if it ends, or cannot be opened now.
            CommandError: if X refuses it for good.
        """
        parameters = {
            "partition": partition,
            "backfill_minutes": int(backfill.total_seconds() // 60),
        }
        try:
            with self._files.get(
                f"{self._url}/2/{name}/compliance/stream",
                params=parameters,
                headers={"Authorization": f"Bearer {self._token}", "Accept-Encoding": "identity"},
                stream=True,
                timeout=(_SECONDS, _SILENCE_SECONDS),
                verify=self._trust,
            ) as answer:
                _check_open(answer, self._url)
                # As it arrives: with a size, a line would wait until so much has come.
                yield from whole(answer.iter_content(chunk_size=None))
        except requests.RequestException as reason:
            raise CutOff(type(reason).__name__) from None
        raise CutOff("X ended it")

    def _authority(self, url: str) -> dict[str, str]:
        """Return the token for X's own address; nobody else's storage is shown it."""
        own = urlsplit(url).netloc == urlsplit(self._url).netloc
        return {"Authorization": f"Bearer {self._token}"} if own else {}

    def _asked(self, call: Any) -> Any:
        try:
            return call()
        except tweepy.HTTPException as reason:
            status = reason.response.status_code
            line = f"{self._url}: HTTP {status}: {_said(reason)}"
            if status == requests.codes.conflict:
                raise Busy(line) from None
            raise CommandError(line) from None
        except (requests.RequestException, tweepy.TweepyException) as reason:
            raise CommandError(f"{self._url}: {type(reason).__name__}; is it reachable?") from None

    def _file(self, call: Any) -> requests.Response:
        # Addresses of files are signed: they are secrets, and never shown.
        try:
            answer: requests.Response = call()
        except requests.RequestException as reason:
            line = f"the job's file: {type(reason).__name__}; is its address reachable?"
            raise CommandError(line) from None
        if not answer.ok:
            raise CommandError(f"the job's file: HTTP {answer.status_code}; repeat the command")
        return answer


def _check_open(answer: requests.Response, url: str) -> None:
    """Raise what the status means: come again, or never."""
    if answer.ok:
        return
    status = answer.status_code
    if status in (requests.codes.unauthorized, requests.codes.forbidden):
        raise CommandError(
            f"{url}: HTTP {status}: compliance streams need an Enterprise account; "
            "`tweetlog compliance run` asks at every tier",
            exit_code=_WRONG_CALL,
        )
    if status == requests.codes.bad_request:
        raise CommandError(f"{url}: HTTP {status}: X does not take the request", exit_code=1)
    raise CutOff(f"HTTP {status}")


class _Elsewhere(HTTPAdapter):
    """Sends what tweepy means for X to where X is."""

    def __init__(self, url: str, ca_file: str) -> None:
        super().__init__()
        self._url = url
        self._ca_file = ca_file

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> Any:
        """Send the request to the address that was asked for."""
        request.url = (request.url or "").replace(_TWEEPY, self._url, 1)
        if self._ca_file:
            options["verify"] = self._ca_file
        options["timeout"] = options.get("timeout") or _SECONDS
        return super().send(request, *args, **options)


def _address(environ: Mapping[str, str]) -> str:
    url = environ.get("TWEETLOG_X_API_URL", "").strip().rstrip("/") or "https://api.x.com"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        line = f"TWEETLOG_X_API_URL is {url!r}; it takes an address such as https://api.x.com"
        raise CommandError(line, exit_code=_WRONG_CALL)
    if parts.scheme == "http" and parts.hostname not in _LOCAL:
        line = f"TWEETLOG_X_API_URL is {url!r}; the token goes over https only"
        raise CommandError(line, exit_code=_WRONG_CALL)
    return url


def _token(environ: Mapping[str, str]) -> str:
    token = environ.get("TWEETLOG_X_BEARER_TOKEN", "").strip()
    file = environ.get("TWEETLOG_X_BEARER_TOKEN_FILE", "").strip()
    if not token and file:
        try:
            token = Path(file).read_text().strip()
        except OSError as reason:
            line = f"TWEETLOG_X_BEARER_TOKEN_FILE: {file}: {reason.strerror}"
            raise CommandError(line, exit_code=_WRONG_CALL) from None
    if not token:
        line = "no bearer token; set TWEETLOG_X_BEARER_TOKEN_FILE or TWEETLOG_X_BEARER_TOKEN"
        raise CommandError(line, exit_code=_WRONG_CALL)
    return token


def _said(reason: tweepy.HTTPException) -> str:
    said = [*reason.api_messages, *str(reason).splitlines()]
    return next((line for line in said if line), "no reason given")

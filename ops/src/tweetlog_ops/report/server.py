"""EDGE: serves the report page on this machine, and to nobody else."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any

import orjson
from flask import Flask, Response, request
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from tweetlog_ops import verify
from tweetlog_ops.errors import CommandError
from tweetlog_ops.report import page
from tweetlog_ops.report.questions import Filters, Window
from tweetlog_ops.report.reading import Document, Reader

HOST = "127.0.0.1"
# A page elsewhere may give a name of its own this machine's address, and then ask in that name.
_NAMES = frozenset({HOST, "localhost", "[::1]"})
_LONGEST = 200


def server(reader: Reader, *, port: int) -> BaseWSGIServer:
    """Return the server, listening; any free port for 0.

    Raises:
        CommandError: if the port is taken.
    """
    try:
        return make_server(HOST, port, app(reader), threaded=True, request_handler=_Quiet)
    except (OSError, SystemExit):
        raise CommandError(f"port {port} is taken; give another --port") from None


class _Quiet(WSGIRequestHandler):
    """Keeps no log: a page that looks every two seconds would fill the terminal."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""


def app(reader: Reader) -> Flask:
    """Return the application."""
    made = Flask(__name__, static_folder=None)
    made.before_request(_refused)
    made.after_request(_guarded)
    made.register_error_handler(CommandError, _failed)
    made.add_url_rule("/", "index", lambda: _file("index.html"))
    made.add_url_rule("/static/<name>", "static", _file)
    made.add_url_rule("/facts", "facts", lambda: _document(reader.facts(), "octet-stream"))
    made.add_url_rule("/health", "health", lambda: _document(reader.health(), "json"))
    for name, what in (("people", reader.people), ("tweets", reader.samples)):
        made.add_url_rule(f"/{name}", name, _answering(what))
    return made


def _refused() -> Response | None:
    name = request.host.rsplit(":", 1)[0] if not request.host.endswith("]") else request.host
    if name in _NAMES:
        return None
    return Response("This page is served to this machine alone.\n", HTTPStatus.FORBIDDEN)


def _guarded(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = page.POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-cache"
    return response


def _failed(reason: CommandError) -> Response:
    return _json({"error": str(reason)}, HTTPStatus.SERVICE_UNAVAILABLE)


def _file(name: str) -> Response:
    try:
        found = page.file(name)
    except KeyError:
        return Response("There is no such file.\n", HTTPStatus.NOT_FOUND)
    return Response(found.data, mimetype=found.type)


def _document(document: Document, kind: str) -> Response:
    response = Response(document.data, mimetype=f"application/{kind}")
    response.headers["Content-Encoding"] = "gzip"
    response.set_etag(document.tag)
    response.make_conditional(request)
    return response


def _answering(what: Callable[[Filters], list[dict[str, Any]]]) -> Callable[[], Response]:
    def answer() -> Response:
        try:
            filters = _filters()
        except ValueError as reason:
            return _json({"error": str(reason)}, HTTPStatus.BAD_REQUEST)
        return _json({"rows": what(filters)})

    return answer


def _filters() -> Filters:
    given = {name: request.args.get(name, "") for name in ("language", "hashtag", "rule")}
    too_long = [name for name, value in given.items() if len(value) > _LONGEST]
    if too_long:
        raise ValueError(f"{too_long[0]}: at most {_LONGEST} characters")
    return Filters(Window(_moment("from"), _moment("to")), **given)


def _moment(name: str) -> datetime | None:
    text = request.args.get(name, "")
    try:
        return verify.moment(text) if text else None
    except ValueError as reason:
        raise ValueError(f"{name}: {reason}") from None


def _json(value: Any, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(orjson.dumps(value), status, mimetype="application/json")

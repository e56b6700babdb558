"""EDGE: the push entrance: a delivery in, its own row's fate as the answer.

204 acknowledges: BigQuery, or the dead letters, have it. 503 asks for it to come again. There is
no other answer to a delivery, since Pub/Sub treats them all as 503; and no answer says back what
was asked, since a push carries a token.
"""

import logging
from collections.abc import Callable

from flask import Flask, Response, request

from loader.load import NotLoaded
from loader.wiring import Loader
from tweetlog import logs
from tweetlog.delivery import from_push
from tweetlog.errors import PublishFailed, Unreadable

log = logging.getLogger(__name__)

# A message of 10 MB, in base64 when it comes wrapped.
_MAX_BODY_BYTES = 15_000_000
_PLAIN = "text/plain; charset=utf-8"
_METRICS = "text/plain; version=0.0.4; charset=utf-8"


def application(loader: Loader) -> Flask:
    """Return the WSGI application: deliveries at `/`, and the health endpoints."""
    app = health(loader)

    @app.post("/")
    def deliver() -> Response:
        try:
            delivery = from_push(dict(request.headers.items()), request.get_data(cache=False))
        except Unreadable as reason:
            unreadable = reason
            return _answer(lambda: loader.receive_unreadable(unreadable))
        with logs.about(delivery.event):
            return _answer(lambda: loader.receive(delivery))

    return app


def health(loader: Loader) -> Flask:
    """Return the WSGI application of the health endpoints alone."""
    app = Flask("loader", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = _MAX_BODY_BYTES

    @app.get("/livez")
    def livez() -> Response:
        alive = loader.alive()
        return Response(
            "alive\n" if alive else "a thread has ended\n", _status(alive), mimetype=_PLAIN
        )

    @app.get("/readyz")
    def readyz() -> Response:
        faults = loader.faults()
        return Response("\n".join(faults or ["ready"]) + "\n", _status(not faults), mimetype=_PLAIN)

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(loader.metrics.text(), content_type=_METRICS)

    return app


def _answer(receive: Callable[[], None]) -> Response:
    try:
        receive()
    except (NotLoaded, PublishFailed) as reason:
        log.debug("not loaded: %s", reason)
        return Response("not loaded yet; send it again later\n", 503, mimetype=_PLAIN)
    return Response(status=204)


def _status(good: object) -> int:
    return 200 if good else 503

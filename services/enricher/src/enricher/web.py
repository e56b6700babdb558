"""EDGE: the push entrance, an HTTP function on functions-framework.

Written as an `http` function and not as a `cloud_event` one: the latter answers what it cannot
parse with a 400 that repeats every header, the bearer token included, and Pub/Sub would send it
again and again; and it answers a health check with 405.
"""

import functools
import logging
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import flask
import functions_framework

from enricher.receive import receive_all, traced
from enricher.settings import Settings
from tweetlog import tracing
from tweetlog.delivery import Delivery, from_push
from tweetlog.errors import PublishFailed, Unreadable
from tweetlog.publisher import PubsubTopic, lazy_client
from tweetlog.settings import read

log = logging.getLogger("enricher.web")

_HEALTH = ("/livez", "/readyz")


def application() -> Any:
    """Return the WSGI application that functions-framework makes of `push`."""
    return functions_framework.create_app("push", __file__)  # type: ignore[no-untyped-call] # it has none


@functions_framework.http
def push(request: flask.Request) -> tuple[str, int]:
    """Answer one request: 204 when what follows from the event is durable, 503 to have it again."""
    if request.method == "POST":
        return _received(request)
    if request.method in ("GET", "HEAD") and request.path in _HEALTH:
        return "ok\n", 200
    return "events come by POST\n", 405


def _received(request: flask.Request) -> tuple[str, int]:
    receive = step()
    try:
        receive([_delivery(request)])
    except PublishFailed as reason:
        log.warning("not durable, asked for it again: %s", reason)
        return "not durable yet; send it again\n", 503
    return "", 204


def _delivery(request: flask.Request) -> Delivery | Unreadable:
    try:
        return from_push(dict(request.headers), request.get_data(cache=False))
    except Unreadable as reason:
        return reason.bare()


_LOCK = threading.Lock()


def step() -> Callable[[Sequence[Delivery | Unreadable]], None]:
    """Return the step over the topics for enriched events and for dead letters.

    Made at the first request, once: `functools.cache` alone would let every thread that comes
    first make its own.
    """
    with _LOCK:
        return _step()


@functools.cache
def _step() -> Callable[[Sequence[Delivery | Unreadable]], None]:
    settings = read(Settings, os.environ)
    client = lazy_client()
    tracer = tracing.opened(settings.tracing, service="enricher", project=settings.project)
    return functools.partial(
        traced(receive_all, tracer) if tracer else receive_all,
        enriched=PubsubTopic(client, settings.enriched_path),
        dead_letters=PubsubTopic(client, settings.dead_path),
    )

"""EDGE: the web server of the push entrance: gunicorn, set up for Pub/Sub behind Cloud Run."""

import logging
import signal
import socket
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from enricher import web
from enricher.settings import Settings

log = logging.getLogger(__name__)

# Cloud Run kills ten seconds after SIGTERM (Cloud Run, "Container runtime contract").
_GRACE_SECONDS = 8
# A message has at most 100 attributes, each a header; 100 headers are gunicorn's own limit.
_MAX_HEADERS = 250
# Longer than the proxies before us keep an idle connection, so that they are the ones to close.
_KEEPALIVE_SECONDS = 620


class _Log(Logger):  # type: ignore[misc] # gunicorn has no types
    """Lets the server's own lines go where ours go."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class _Server(BaseApplication):  # type: ignore[misc] # gunicorn has no types
    """gunicorn with options from us alone, not from its command line or environment."""

    def __init__(self, app: Any, options: dict[str, Any]) -> None:
        self._app = app
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return self._app


def listen(settings: Settings) -> socket.socket:
    """Return the socket to serve on.

    Raises:
        OSError: if the address is taken or not ours.
    """
    return socket.create_server((settings.host, settings.port), backlog=2048)


def serve(settings: Settings, listener: socket.socket) -> None:
    """Serve until SIGTERM or Ctrl-C; requests in flight are finished first."""
    host, port = listener.getsockname()[:2]
    descriptor = listener.detach()  # the server closes it

    def ready(arbiter: Any) -> None:
        # Ctrl-C ends it as gently as SIGTERM does.
        signal.signal(signal.SIGINT, lambda *_: arbiter.signal(signal.SIGTERM, None))
        log.info("listening on %s:%d", host, port)
        log.info("ready")

    options = {
        "bind": f"fd://{descriptor}",
        "workers": 1,
        "worker_class": "gthread",
        # As many as Cloud Run sends at once: with fewer, requests queue in here unseen.
        "threads": settings.concurrency,
        "timeout": 60,
        "graceful_timeout": _GRACE_SECONDS,
        "keepalive": _KEEPALIVE_SECONDS,
        "limit_request_fields": _MAX_HEADERS,
        "control_socket_disable": True,
        "loglevel": "warning",
        "logger_class": _Log,
        "when_ready": ready,
        "post_worker_init": lambda _: signal.signal(signal.SIGINT, signal.SIG_IGN),
    }
    _Server(web.application(), options).run()

"""EDGE: the web server of the push entrance: gunicorn, one process, a thread for each request."""

import logging
import os
import signal
import socket
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from loader.settings import Settings
from loader.web import application
from loader.wiring import Loader, made

log = logging.getLogger(__name__)

# Cloud Run kills ten seconds after SIGTERM; the writers need what is left.
_GRACE_SECONDS = 7
# An attribute is a header and a message has at most 100; gunicorn's own limit is 100 in all.
_MAX_HEADERS = 250
# Longer than a front end keeps an idle connection, so that it is never us who close first.
_KEEPALIVE_SECONDS = 620


class _Lines(Logger):  # type: ignore[misc] # gunicorn has no types
    """Sends gunicorn's own lines where ours go."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class _Server(BaseApplication):  # type: ignore[misc] # gunicorn has no types
    """Makes the loader after the fork: neither its threads nor its connections survive one."""

    def __init__(self, settings: Settings, credentials: Any, listener: socket.socket) -> None:
        self._settings = settings
        self._credentials = credentials
        self._address = listener.getsockname()[:2]
        self._descriptor = listener.detach()  # gunicorn closes it
        self._loader: Loader | None = None
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options().items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        self._loader = made(self._settings, self._credentials)
        return application(self._loader)

    def _options(self) -> dict[str, Any]:
        return {
            "bind": f"fd://{self._descriptor}",
            "workers": 1,
            "worker_class": "gthread",
            # As many as are sent at once: with fewer, requests queue in here unseen.
            "threads": self._settings.concurrency,
            "timeout": 60,
            "graceful_timeout": _GRACE_SECONDS,
            "keepalive": _KEEPALIVE_SECONDS,
            "limit_request_fields": _MAX_HEADERS,
            "control_socket_disable": True,
            "loglevel": "warning",
            "logger_class": _Lines,
            "when_ready": _gentle_interrupt,
            "post_worker_init": self._ready,
            "worker_exit": self._close,
        }

    def _ready(self, _worker: Any) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent passes it on as SIGTERM
        log.info("listening on %s:%d", *self._address)
        log.info("ready")

    def _close(self, _server: Any, _worker: Any) -> None:
        if self._loader is not None:
            self._loader.close()


def _gentle_interrupt(_server: Any) -> None:
    """End on Ctrl-C as gently as on SIGTERM."""
    signal.signal(signal.SIGINT, lambda *_: os.kill(os.getpid(), signal.SIGTERM))


def serve(settings: Settings, credentials: Any, listener: socket.socket) -> None:
    """Serve until SIGTERM or Ctrl-C; requests in flight are finished first."""
    _Server(settings, credentials, listener).run()

"""Logs as Cloud Logging reads them: one JSON object a line, with the event and its trace.

Source: Cloud Logging, "Structured logging", special JSON fields.
"""

import contextvars
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import orjson

from tweetlog.envelope import Envelope

_event: contextvars.ContextVar[Envelope | None] = contextvars.ContextVar("event", default=None)


@contextmanager
def about(event: Envelope) -> Iterator[None]:
    """Mark every line logged inside as being about `event`."""
    token = _event.set(event)
    try:
        yield
    finally:
        _event.reset(token)


class CloudLogging(logging.Formatter):
    """Formats a line as Cloud Logging's structured JSON; never holds an event's data."""

    def __init__(self, service: str, project: str = "") -> None:
        super().__init__()
        self._service = service
        self._project = project

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "severity": record.levelname,
            "message": self._message(record),
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "logger": record.name,
            "serviceContext": {"service": self._service},
        }
        event = _event.get()
        if event is not None:
            line |= self._about(event)
        return orjson.dumps(line, default=str).decode()

    def _message(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        if record.exc_info:
            message += "\n" + self.formatException(record.exc_info)
        return message.encode(errors="replace").decode()

    def _about(self, event: Envelope) -> dict[str, object]:
        labels = {"event_id": event.id, "event_type": event.type}
        about: dict[str, object] = {"logging.googleapis.com/labels": labels}
        parts = event.extensions.get("traceparent", "").split("-")
        if len(parts) == 4:  # noqa: PLR2004 - W3C Trace Context: version-trace-span-flags
            trace = f"projects/{self._project}/traces/{parts[1]}" if self._project else parts[1]
            about["logging.googleapis.com/trace"] = trace
            about["logging.googleapis.com/spanId"] = parts[2]
        return about


def configure(service: str, *, project: str = "", level: str = "INFO") -> None:
    """Send this process's logs to standard error in Cloud Logging's shape."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(CloudLogging(service, project))
    logging.basicConfig(level=level, handlers=[handler], force=True)

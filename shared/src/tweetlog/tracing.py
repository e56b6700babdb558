"""Traces from the ingestor to the loader: off by default, one setting on.

Off, nothing is imported, wrapped or called. On, `tweetlog.spans` makes a span of each event in
each service. Only the attribute `traceparent` of an envelope differs; ids and data do not.
"""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tweetlog.settings import setting

if TYPE_CHECKING:
    from tweetlog.spans import Tracer

OFF = "off"
CLOUD = "cloud"


def target(value: str) -> str:
    """Take where traces go: `off`, `cloud` or the address of a collector.

    Raises:
        ValueError: if it is none of them.
    """
    if value in (OFF, CLOUD) or _is_address(value):
        return value.rstrip("/")
    raise ValueError(f"is {value!r}; it takes off, cloud or a collector's http://host:port")


def tracing_setting() -> Any:
    """Return the field of a service's settings that says where traces go."""
    return setting(
        "TWEETLOG_TRACING",
        target,
        default=OFF,
        help="off; cloud: to Cloud Trace; http://host:port: to an OpenTelemetry collector",
    )


def opened(value: str, *, service: str, project: str) -> "Tracer | None":
    """Return what makes this service's spans; None when tracing is off.

    To be called after a fork: the thread that sends spans does not survive one.

    Args:
        value: the setting, see `target`.
        service: the service's name.
        project: the Google Cloud project.

    Raises:
        DefaultCredentialsError: if spans are to go to Cloud Trace and there is no access to it.
    """
    if value == OFF:
        return None
    from tweetlog import spans  # noqa: PLC0415 - costs nothing when off

    to = spans.cloud_trace() if value == CLOUD else spans.collector(value)
    return spans.Tracer(spans.provider(service, project, to))


def _is_address(value: str) -> bool:
    try:
        address = urlsplit(value)
        port = address.port
    except ValueError:
        return False
    bare = not (address.path.strip("/") or address.query or address.fragment or address.username)
    return address.scheme in ("http", "https") and bool(address.hostname) and bare and port != 0

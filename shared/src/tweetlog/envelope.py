"""The envelope: a CloudEvent as one frozen value, its data left as the bytes that came."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import orjson

from tweetlog.errors import InvalidEvent

JSON = "application/json"
SPECVERSION = "1.0"

# Pub/Sub: an attribute's value has at most 1,024 bytes (Pub/Sub quotas, "Resource limits").
MAX_VALUE_BYTES = 1024
# CloudEvents 1.0, "Naming conventions": lower-case letters and digits, 20 at most.
_EXTENSION = re.compile(r"[a-z0-9]{1,20}")
_CORE = frozenset(
    {"id", "source", "type", "specversion", "time", "subject", "datacontenttype", "dataschema"}
)
_REQUIRED = ("specversion", "id", "source", "type")
# These follow an event through the pipeline to everything that is derived from it.
_INHERITED = ("replayid", "receivedtime", "traceparent")
# Names that are known to be good, so that they need not be looked at again and again.
_OURS = frozenset({"causationid", *_INHERITED})
_SURROGATE = re.compile("[\ud800-\udfff]")
_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Envelope:
    """An event: the CloudEvents attributes, and the data as bytes.

    `source` + `id` is the idempotency key. Times are RFC 3339 text, kept as they came.

    Raises:
        InvalidEvent: if an attribute could not travel through Pub/Sub and HTTP unchanged.
    """

    id: str
    source: str
    type: str
    data: bytes = field(repr=False)
    time: str | None = None
    subject: str | None = None
    datacontenttype: str | None = JSON
    dataschema: str | None = None
    extensions: Mapping[str, str] = field(default_factory=lambda: _NONE)

    def __post_init__(self) -> None:
        values = self.attributes()
        if self.extensions.keys() <= _OURS and _all_travel(values.values()):
            return
        for name, value in values.items():
            if not _travels(value):
                raise InvalidEvent(_bad_value(name, value), reason_class="invalid_attribute")
        for name in self.extensions:
            if name in _CORE or not _EXTENSION.fullmatch(name):
                msg = f"extension {name!r}: a name is 1 to 20 lower-case letters and digits"
                raise InvalidEvent(msg, reason_class="invalid_attribute")

    def attributes(self) -> dict[str, str]:
        """Return every CloudEvents attribute that is set, by its CloudEvents name."""
        named = {"specversion": SPECVERSION, "id": self.id, "source": self.source}
        named["type"] = self.type
        if self.time is not None:
            named["time"] = self.time
        if self.subject is not None:
            named["subject"] = self.subject
        if self.datacontenttype is not None:
            named["datacontenttype"] = self.datacontenttype
        if self.dataschema is not None:
            named["dataschema"] = self.dataschema
        named.update(self.extensions)
        return named

    def json(self) -> Any:
        r"""Return the data parsed as JSON.

        X sends half of a surrogate pair (`\ud83d`) now and then. JSON can write it and no text can
        hold it; it is read as U+FFFD: one code point as well, so that X's positions hold.

        Raises:
            InvalidEvent: if the data is not JSON.
        """
        try:
            return orjson.loads(self.data)
        except orjson.JSONDecodeError:
            return self._json_with_half_pairs()

    def _json_with_half_pairs(self) -> Any:
        try:
            text = json.dumps(json.loads(self.data.decode()), ensure_ascii=False)
            return orjson.loads(_SURROGATE.sub("\ufffd", text))
        except (ValueError, RecursionError) as reason:
            msg = f"{self.id}: data is not JSON: {reason}"
            raise InvalidEvent(msg, reason_class="not_json") from None

    def extended(self, **extensions: str) -> "Envelope":
        """Return the same event with these extensions set."""
        return replace(self, extensions={**self.extensions, **extensions})

    def derive(
        self,
        *,
        id: str,
        source: str,
        type: str,
        data: bytes,
        dataschema: str | None = None,
    ) -> "Envelope":
        """Return the event that follows from this one: same subject and time, caused by it."""
        inherited = {k: self.extensions[k] for k in _INHERITED if k in self.extensions}
        return Envelope(
            id=id,
            source=source,
            type=type,
            data=data,
            time=self.time,
            subject=self.subject,
            dataschema=dataschema,
            extensions={"causationid": self.id, **inherited},
        )


def from_attributes(attributes: Mapping[str, str], data: bytes) -> Envelope:
    """Return the event with these CloudEvents attributes (CloudEvents names) and data.

    Raises:
        InvalidEvent: if a required attribute is missing or the version is not 1.0.
    """
    if not all(map(attributes.get, _REQUIRED)):
        missing = [name for name in _REQUIRED if not attributes.get(name)]
        msg = f"not a CloudEvent: {', '.join(missing)} missing"
        raise InvalidEvent(msg, reason_class="not_a_cloudevent")
    if attributes["specversion"] != SPECVERSION:
        msg = f"CloudEvents {attributes['specversion']} is not {SPECVERSION}"
        raise InvalidEvent(msg, reason_class="not_a_cloudevent")
    return Envelope(
        id=attributes["id"],
        source=attributes["source"],
        type=attributes["type"],
        data=data,
        time=attributes.get("time"),
        subject=attributes.get("subject"),
        datacontenttype=attributes.get("datacontenttype"),
        dataschema=attributes.get("dataschema"),
        extensions={k: v for k, v in attributes.items() if k not in _CORE},
    )


def _all_travel(values: Collection[str]) -> bool:
    """Whether values travel, seen at once: an event in a million does not, and is looked at."""
    together = "".join(values)
    return all(values) and len(together) <= MAX_VALUE_BYTES and _travels(together)


def _travels(value: str) -> bool:
    """Whether a value is printable ASCII without `%`, and neither empty nor too long.

    HTTP servers decode anything else differently, and the CloudEvents HTTP binding
    percent-decodes what the Pub/Sub binding does not encode.
    """
    fits = 0 < len(value) <= MAX_VALUE_BYTES
    return fits and value.isascii() and value.isprintable() and "%" not in value


def _bad_value(name: str, value: str) -> str:
    shown = value if len(value) <= 40 else value[:40] + "..."  # noqa: PLR2004 - fits a log line
    return (
        f"attribute {name}={shown!r}: a value is 1 to {MAX_VALUE_BYTES} printable ASCII "
        "characters without '%'"
    )

"""The JSON Schema of each event type's data, as it stands in `schemas/`."""

from importlib import resources
from typing import Any

import orjson


def schema(event_type: str) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of an event type's data."""
    file = resources.files("tweetlog") / "schemas" / f"{event_type}.json"
    loaded: dict[str, Any] = orjson.loads(file.read_bytes())
    return loaded

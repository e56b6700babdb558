"""Google's descriptions of its APIs as JSON Schemas in which nothing unknown passes.

The descriptions (discovery documents) come with google-api-python-client.
"""

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import googleapiclient
import jsonschema

_FOLDER = Path(googleapiclient.__file__).parent / "discovery_cache" / "documents"
# How REST writes what JSON has no type for: a manifest may also give the number itself.
_FORMATS: dict[str, dict[str, Any]] = {
    "int64": {"type": ["string", "integer"], "pattern": r"^-?\d+$"},
    "uint64": {"type": ["string", "integer"], "pattern": r"^\d+$"},
    "google-duration": {"type": "string", "pattern": r"^\d+(\.\d+)?s$"},
    "google-datetime": {"type": "string", "format": "date-time"},
}
_KEPT = ("type", "enum", "pattern", "minimum", "maximum")


@functools.cache
def described(api: str) -> dict[str, Any]:
    """Return Google's description of an API, such as `pubsub.v1`."""
    document: dict[str, Any] = json.loads((_FOLDER / f"{api}.json").read_text())
    return document


@functools.cache
def schema(api: str, name: str) -> jsonschema.Draft202012Validator:
    """Return what checks a resource of an API, such as `Subscription` of `pubsub.v1`."""
    closed = {one: _closed(body) for one, body in described(api)["schemas"].items()}
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": closed})


def faults(api: str, name: str, value: Any) -> Iterator[str]:
    """Yield what is wrong with `value` as a resource of an API: path and reason."""
    for error in sorted(schema(api, name).iter_errors(value), key=lambda one: one.json_path):
        yield f"{error.json_path.removeprefix('$.')}: {error.message}"


def _closed(body: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in body:
        return {"$ref": f"#/$defs/{body['$ref']}"}
    found: dict[str, Any] = {key: body[key] for key in _KEPT if key in body}
    found |= _FORMATS.get(body.get("format", ""), {})
    if found.get("type") == "any":
        return {}
    if found.get("type") == "object":
        found |= _members(body)
    if "items" in body:
        found["items"] = _closed(body["items"])
    return found


def _members(body: dict[str, Any]) -> dict[str, Any]:
    inner = body.get("properties", {})
    more = body.get("additionalProperties")
    return {
        # What only Google writes may stand in an answer, never in a manifest.
        "properties": {
            name: _closed(one) for name, one in inner.items() if not one.get("readOnly")
        },
        "additionalProperties": _closed(more) if isinstance(more, dict) else False,
    }


@functools.cache
def run_annotations() -> dict[str, frozenset[str]]:
    """Return Cloud Run's annotations, and of which of its resources each is one."""
    text = described("run.v1")["schemas"]["ObjectMeta"]["properties"]["annotations"]["description"]
    found = re.findall(r"`([a-z.]+/[\w-]+)`: ([\w, ]+?)[.,] *(?=\*|$)", text)
    return {name: frozenset(re.split(r", *", kinds)) for name, kinds in found}

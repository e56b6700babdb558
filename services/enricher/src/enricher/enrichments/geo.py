"""Where it was posted from: the exact point if there is one, else the centre of the place."""

from collections.abc import Sequence

from enricher.post import Json, Post, mapping, string

VERSION = 1
SCHEMA = {
    "geo_latitude": {"type": ["number", "null"], "minimum": -90, "maximum": 90},
    "geo_longitude": {"type": ["number", "null"], "minimum": -180, "maximum": 180},
    "place_id": {"type": ["string", "null"]},
    "country": {"type": ["string", "null"], "description": "ISO 3166-1 alpha-2."},
}

_NOWHERE = dict.fromkeys(SCHEMA)


def geo(post: Post) -> dict[str, object]:
    """Return the position in degrees, the place and its country."""
    said = mapping(post.tweet, "geo")
    if not said:
        return dict(_NOWHERE)
    place_id = string(said, "place_id")
    place = post.included("places", "id", place_id) or said
    position = _point(mapping(said, "coordinates")) or _centre(mapping(place, "geo"))
    latitude, longitude = position or (None, None)
    return {
        "geo_latitude": latitude,
        "geo_longitude": longitude,
        "place_id": place_id,
        "country": _country(place),
    }


def _point(coordinates: Json) -> tuple[float, float] | None:
    degrees = _degrees(coordinates.get("coordinates"), 2)
    return _position(*degrees) if degrees else None


def _centre(place: Json) -> tuple[float, float] | None:
    """Return the middle of a GeoJSON box: west, south, east, north."""
    degrees = _degrees(place.get("bbox"), 4)
    if not degrees:
        return None
    west, south, east, north = degrees
    if west > east:  # the box crosses the 180th meridian
        east += 360
    longitude = (west + east) / 2
    return _position(longitude - 360 if longitude > 180 else longitude, (south + north) / 2)  # noqa: PLR2004 - degrees


def _position(longitude: float, latitude: float) -> tuple[float, float] | None:
    on_earth = abs(latitude) <= 90 and abs(longitude) <= 180  # noqa: PLR2004 - degrees
    return (latitude, longitude) if on_earth else None


def _degrees(value: object, count: int) -> Sequence[float] | None:
    if not isinstance(value, list) or len(value) != count:
        return None
    numbers = [one for one in value if isinstance(one, int | float) and not isinstance(one, bool)]
    return numbers if len(numbers) == count else None


def _country(place: Json) -> str | None:
    code = string(place, "country_code")
    return code.upper() if code else None

"""Dead letters as an operator handles them: what was rejected, and where it goes once more.

Pure. A letter goes back to the stage that rejected it and to no other; what is decided about it is
an event on the topic of dead letters, so that the letter and its fate stand in one log.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from tweetlog import events
from tweetlog.delivery import encode_structured, from_message
from tweetlog.envelope import JSON, Envelope
from tweetlog.errors import InvalidEvent
from tweetlog_ops.errors import CommandError
from tweetlog_ops.lane import LIVE, REPLAY
from tweetlog_ops.message import Message, carrying

DEAD = "tweets-dead"
INGEST = "ingest"
REPLAY_ID = "ce-replayid"

_EXHAUSTED = "exhausted"
_BY_BROKER = ("CloudPubSubDeadLetter", "googclient_")
_STRUCTURED = {"content-type": "application/cloudevents+json"}


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter.

    Attributes:
        id: by which it is listed.
        stage: the service that rejected it, or the subscription whose deliveries were exhausted.
        attributes: of the message that was rejected, as they came.
        data: its data; cut where `complete` is false, nothing where it was `removed`.
        origin: where the bytes were read, if they never became an event.
        redrives: how often it was redriven before.
    """

    id: str
    stage: str
    attributes: Mapping[str, str]
    data: bytes = field(repr=False)
    complete: bool
    removed: bool
    origin: Mapping[str, Any]
    subject: str | None
    status: str
    redrives: int


def letter(row: Mapping[str, Any]) -> Letter:
    """Return the letter that a row of `v_dead_letters` is."""
    if row["kind"] == _EXHAUSTED:
        attributes = {k: v for k, v in _json(row["attributes"]).items() if _is_ours(k)}
        data, complete = (row["data"] or "").encode(), True
        origin: Mapping[str, Any] = {}
    else:
        document = _json(row["data"] or "{}")
        attributes = document.get("attributes") or {}
        data = base64.b64decode(document.get("data_base64") or "")
        complete = bool(document.get("data_complete", True))
        origin = document.get("origin") or {}
    return Letter(
        id=row["event_id"],
        stage=row["stage"],
        attributes=attributes,
        data=data,
        complete=complete,
        # Of a post that only includes what was deleted, the rest is there and can be redriven.
        removed=row["removed_at"] is not None and not data,
        origin=origin,
        subject=row["subject"],
        status=row["status"],
        redrives=int(row["redrives"]),
    )


def check(one: Letter) -> None:
    """Raise CommandError if the letter cannot be redriven, whatever is done to it."""
    if one.removed:
        raise CommandError(f"{one.id}: its content was removed, since what it is about was deleted")
    if not one.complete:
        where = f": {_place(one.origin)}" if one.origin else ""
        raise CommandError(
            f"{one.id}: the letter holds only the beginning of what was rejected; "
            f"play the whole from where it came{where}"
        )
    if one.stage != INGEST:
        lane_topic(one, mended=False)


def lane_topic(one: Letter, *, mended: bool) -> str:
    """Return the topic that leads to the stage that rejected the letter, and to no other.

    An unchanged event is in the log already, so it takes the replay lane; a mended one is a new
    fact, and goes by the log. What the loader rejected was derived, and is not logged either way.
    """
    if one.stage == "enrich" or one.stage.startswith(LIVE.raw):
        return LIVE.raw if mended else REPLAY.raw
    if one.stage == "loader" or one.stage.startswith(LIVE.enriched):
        return REPLAY.enriched
    raise CommandError(f"{one.id}: no topic leads to the stage {one.stage!r}")


def redrive_id(one: Letter, data: bytes) -> str:
    """Return what marks this redrive; the same for the same attempt with the same bytes."""
    return f"redrive-{events.digest(one.id, str(one.redrives + 1), data)[:16]}"


def unchanged(one: Letter) -> Message:
    """Return the message that was rejected, marked as redriven."""
    marked = {**one.attributes, REPLAY_ID: redrive_id(one, one.data)}
    return Message(lane_topic(one, mended=False), one.data, marked)


def for_patch(one: Letter) -> bytes:
    """Return what the patch command reads: the event as JSON; of the ingestor's, the bytes."""
    if one.stage == INGEST:
        return one.data
    try:
        event = from_message(one.data, one.attributes).event
    except InvalidEvent:
        return orjson.dumps({**_plain(one), "data_base64": base64.b64encode(one.data).decode()})
    if event.datacontenttype == JSON and not _is_json(event.data):
        encoded = base64.b64encode(event.data).decode()
        return orjson.dumps({**event.attributes(), "data_base64": encoded})
    return encode_structured(event)


def mended(one: Letter, printed: bytes) -> Message:
    """Return the message that carries what the patch command printed, marked as redriven.

    Raises:
        CommandError: if it is no CloudEvent, or another fact than the one that was rejected.
    """
    try:
        event = from_message(printed.strip(), _STRUCTURED).event
        _check_same(one, event)
        marked = event.extended(replayid=redrive_id(one, printed.strip()))
        return carrying(marked, lane_topic(one, mended=True))
    except InvalidEvent as reason:
        raise CommandError(f"{one.id}: what the patch printed: {reason}") from None


def still_rejected(found: Sequence[Mapping[str, Any]]) -> str:
    """Return why what the ingestor read again is no tweet still; empty if it is one."""
    for each in found:
        if each["type"] == events.REJECTED:
            said = orjson.loads(base64.b64decode(each["data_base64"]))
            return str(said["reason"])
    return "" if found else "there is nothing in it"


def read_again(one: Letter, found: Mapping[str, Any], data: bytes) -> Message:
    """Return the message of a tweet that the ingestor found in the letter, marked as redriven."""
    marked = {**found["attributes"], REPLAY_ID: redrive_id(one, data)}
    return Message(LIVE.raw, base64.b64decode(found["data_base64"]), marked)


def redriven(one: Letter, marked: str, topic: str, *, mended: bool) -> Envelope:
    """Return the event that a letter was redriven."""
    data = {"letter_id": one.id, "redrive_id": marked, "topic": topic, "mended": mended}
    return _decision(one, events.REDRIVEN, marked, data)


def discarded(one: Letter, why: str) -> Envelope:
    """Return the event that a letter was given up."""
    id = f"discard-{events.digest(one.id)[:16]}"
    return _decision(one, events.DISCARDED, id, {"letter_id": one.id, "why": why})


def _decision(one: Letter, kind: str, id: str, data: Mapping[str, object]) -> Envelope:
    return Envelope(
        id=id,
        source=f"{events.OPERATOR}/deadletters",
        type=kind,
        data=orjson.dumps(data),
        subject=one.subject,
        dataschema=events.dataschema(kind),
    )


def _check_same(one: Letter, event: Envelope) -> None:
    for name in ("id", "source"):
        was, now = one.attributes.get(f"ce-{name}"), getattr(event, name)
        if was and was != now:
            raise InvalidEvent(f"its {name} is {now!r}, not {was!r}: that is another event")


def _plain(one: Letter) -> dict[str, str]:
    return {k.removeprefix("ce-"): v for k, v in one.attributes.items() if k.startswith("ce-")}


def _place(origin: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in origin.items())


def _is_ours(name: str) -> bool:
    return not name.startswith(_BY_BROKER)


def _is_json(data: bytes) -> bool:
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return True


def _json(value: Any) -> dict[str, Any]:
    """Return a JSON column's object, whether the client parsed it already or not."""
    found = orjson.loads(value) if isinstance(value, str | bytes) else value
    return found if isinstance(found, dict) else {}

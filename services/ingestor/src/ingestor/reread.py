"""Reads once more what was rejected: `python -m ingestor.reread`, a filter.

A line in is `{"data_base64": ..., "origin": ...}`, as a dead letter of this stage keeps it; a line
out is `{"events": [...]}`, what follows from it by the code as it is now: tweets, or the same
rejection again. Nothing is published here; who redrives a dead letter decides on that.
"""

import base64
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from ingestor.capture import event
from ingestor.line import captured
from tweetlog.delivery import message_attributes
from tweetlog.envelope import Envelope


def reread(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a line for each line: the events that follow from it."""
    for line in lines:
        rejected = orjson.loads(line)
        data = base64.b64decode(rejected["data_base64"])
        followed = [event(one) for one in captured(data, rejected["origin"])]
        yield orjson.dumps({"events": [_document(one) for one in followed]}) + b"\n"


def _document(one: Envelope) -> Mapping[str, Any]:
    return {
        "type": one.type,
        "attributes": message_attributes(one),
        "data_base64": base64.b64encode(one.data).decode(),
    }


if __name__ == "__main__":
    for answer in reread(sys.stdin.buffer):
        sys.stdout.buffer.write(answer)
        sys.stdout.buffer.flush()

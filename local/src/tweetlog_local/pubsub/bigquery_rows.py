"""Messages as rows of a BigQuery subscription's table, in Arrow, as the Storage Write API takes it.

Pure. The columns are those of a subscription without a topic schema: `data`, and with
`write_metadata` also `subscription_name`, `message_id`, `publish_time` and `attributes` (JSON).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import pyarrow as pa
from google.cloud.bigquery_storage_v1 import types

from tweetlog_local.pubsub.api import Proto, PubsubMessage, micros_of
from tweetlog_local.pubsub.errors import invalid

Column = types.TableFieldSchema.Type

DATA = {"data": (Column.BYTES, Column.STRING, Column.JSON)}
METADATA = {
    "subscription_name": (Column.STRING,),
    "message_id": (Column.STRING,),
    "publish_time": (Column.TIMESTAMP,),
    "attributes": (Column.JSON, Column.STRING),
}
ARROW_TYPES = {Column.BYTES: pa.binary(), Column.TIMESTAMP: pa.timestamp("us", tz="UTC")}
REQUIRED = types.TableFieldSchema.Mode.REQUIRED


class NotText(Exception):  # noqa: N818 - named for what is true
    """The data of the messages at these places is no text, and the column wants text."""

    def __init__(self, places: Sequence[int]) -> None:
        super().__init__(places)
        self.places = places


class RowFormat:
    """How messages become rows of one table; made from the table's columns."""

    def __init__(self, subscription: Proto, table_schema: Proto) -> None:
        wanted = DATA | METADATA if subscription.bigquery_config.write_metadata else DATA
        columns = _column_types(subscription.bigquery_config.table, table_schema, wanted)
        self._subscription_name = subscription.name
        self.schema = pa.schema(
            [(name, ARROW_TYPES.get(column, pa.string())) for name, column in columns.items()]
        )

    def rows(self, bodies: Sequence[bytes]) -> pa.RecordBatch:
        """Return messages as rows.

        Raises:
            NotText: if the column of the data wants text and some is none.
        """
        messages = list(map(PubsubMessage.FromString, bodies))
        columns = {"data": self._data([message.data for message in messages])}
        if len(self.schema) > 1:
            columns |= self._metadata(messages)
        return pa.record_batch([columns[name] for name in self.schema.names], schema=self.schema)

    def _data(self, data: Sequence[bytes]) -> pa.Array:
        try:
            return pa.array(data, pa.binary()).cast(self.schema.field("data").type)
        except pa.ArrowInvalid:
            raise NotText([at for at, one in enumerate(data) if not _is_text(one)]) from None

    def _metadata(self, messages: Sequence[Proto]) -> Mapping[str, pa.Array]:
        times = [micros_of(message.publish_time) for message in messages]
        # dict() alone would ask for the value of each key.
        attributes = [orjson.dumps(dict(message.attributes.items())) for message in messages]
        return {
            "subscription_name": pa.repeat(self._subscription_name, len(messages)),
            "message_id": pa.array([message.message_id for message in messages], pa.string()),
            "publish_time": pa.array(times, ARROW_TYPES[Column.TIMESTAMP]),
            "attributes": pa.array(attributes, pa.binary()).cast(pa.string()),
        }


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _column_types(table: str, schema: Proto, wanted: dict[str, tuple[Any, ...]]) -> dict[str, Any]:
    there = {field.name: field for field in schema.fields}
    for name, allowed in wanted.items():
        if name not in there:
            raise invalid(f"incompatible schema: table {table} has no column {name}")
        if there[name].type_ not in allowed:
            kinds = " or ".join(kind.name for kind in allowed)
            raise invalid(f"incompatible schema: column {name} of table {table} must be {kinds}")
    for name, field in there.items():
        if name not in wanted and field.mode == REQUIRED:
            raise invalid(f"incompatible schema: nothing to put into required column {name}")
    return {name: Column(there[name].type_) for name in wanted}

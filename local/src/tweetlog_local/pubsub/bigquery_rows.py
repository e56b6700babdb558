"""Messages as rows of a BigQuery subscription's table, in the protobuf the Storage Write API takes.

Pure. The columns are those of a subscription without a topic schema: `data`, and with
`write_metadata` also `subscription_name`, `message_id`, `publish_time` and `attributes` (JSON).
"""

from typing import Any

import orjson
from google.cloud.bigquery_storage_v1 import types
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from tweetlog_local.pubsub.api import Proto, PubsubMessage, micros_of
from tweetlog_local.pubsub.errors import invalid

Field = descriptor_pb2.FieldDescriptorProto
Column = types.TableFieldSchema.Type

DATA = {"data": (Column.BYTES, Column.STRING, Column.JSON)}
METADATA = {
    "subscription_name": (Column.STRING,),
    "message_id": (Column.STRING,),
    "publish_time": (Column.TIMESTAMP,),
    "attributes": (Column.JSON, Column.STRING),
}
WIRE_TYPES = {Column.BYTES: Field.TYPE_BYTES, Column.TIMESTAMP: Field.TYPE_INT64}
REQUIRED = types.TableFieldSchema.Mode.REQUIRED


class RowFormat:
    """How messages become rows of one table; made from the table's columns."""

    def __init__(self, subscription: Proto, table_schema: Proto) -> None:
        wanted = DATA | METADATA if subscription.bigquery_config.write_metadata else DATA
        self._subscription_name = subscription.name
        self._types = _column_types(subscription.bigquery_config.table, table_schema, wanted)
        self.descriptor = _descriptor(self._types)
        self._row = _message_class(self.descriptor)

    def row(self, body: bytes) -> bytes | None:
        """A message as a row; None if its data is no text and the column wants text."""
        message = PubsubMessage.FromString(body)
        values = {"data": message.data}
        if len(self._types) > 1:
            values |= self._metadata(message)
        try:
            return bytes(self._row(**values).SerializeToString())
        except UnicodeDecodeError:  # a field of text takes bytes, and looks whether they are text
            return None

    def _metadata(self, message: Proto) -> dict[str, Any]:
        # dict() alone would ask for the value of each key.
        attributes = dict(message.attributes.items())
        return {
            "subscription_name": self._subscription_name,
            "message_id": message.message_id,
            "publish_time": micros_of(message.publish_time),
            "attributes": orjson.dumps(attributes).decode(),
        }


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


def _descriptor(columns: dict[str, Any]) -> Proto:
    fields = [
        Field(
            name=name,
            number=number,
            type=WIRE_TYPES.get(column, Field.TYPE_STRING),
            label=Field.LABEL_OPTIONAL,
        )
        for number, (name, column) in enumerate(columns.items(), 1)
    ]
    return descriptor_pb2.DescriptorProto(name="Row", field=fields)


def _message_class(descriptor: Proto) -> Proto:
    pool = descriptor_pool.DescriptorPool()
    file = descriptor_pb2.FileDescriptorProto(
        name="row.proto", syntax="proto2", message_type=[descriptor]
    )
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("Row"))

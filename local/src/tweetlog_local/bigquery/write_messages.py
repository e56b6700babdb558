"""The messages of the Storage Write API that are spoken here, by their numbers on the wire.

Google's package of them brings its clients along, which take most of a second to import; a test
compares every number here with the package's own.
"""

from collections.abc import Mapping
from typing import Any

from tweetlog_local.wire_messages import Messages, classes

PACKAGE = "google.cloud.bigquery.storage.v1"
SERVICE = f"{PACKAGE}.BigQueryWrite"

MESSAGES: Messages = {
    "AppendRowsRequest": {
        "write_stream": (1, "string"),
        "offset": (2, "bytes"),
        "proto_rows": (4, "ProtoData"),
        "arrow_rows": (5, "ArrowData"),
        "default_missing_value_interpretation": (8, "enum"),
    },
    "ProtoData": {"writer_schema": (1, "ProtoSchema"), "rows": (2, "ProtoRows")},
    "ProtoSchema": {"proto_descriptor": (1, "bytes")},
    "ProtoRows": {"serialized_rows": (1, "[bytes]")},
    "ArrowData": {"writer_schema": (1, "ArrowSchema"), "rows": (2, "ArrowRecordBatch")},
    "ArrowSchema": {"serialized_schema": (1, "bytes")},
    "ArrowRecordBatch": {"serialized_record_batch": (1, "bytes")},
    "AppendRowsResponse": {
        "append_result": (1, "AppendResult"),
        "error": (2, "Status"),
        "updated_schema": (3, "TableSchema"),
        "row_errors": (4, "[RowError]"),
        "write_stream": (5, "string"),
    },
    "AppendResult": {"offset": (1, "bytes")},
    "Status": {"code": (1, "enum"), "message": (2, "string"), "details": (3, "[Any]")},
    "Any": {"type_url": (1, "string"), "value": (2, "bytes")},
    "StorageError": {"code": (1, "enum"), "entity": (2, "string"), "error_message": (3, "string")},
    "RowError": {"index": (1, "int64"), "code": (2, "enum"), "message": (3, "string")},
    "GetWriteStreamRequest": {"name": (1, "string"), "view": (3, "enum")},
    "WriteStream": {
        "name": (1, "string"),
        "type_": (2, "enum"),
        "table_schema": (5, "TableSchema"),
        "write_mode": (7, "enum"),
        "location": (8, "string"),
    },
    "TableSchema": {"fields": (1, "[TableFieldSchema]")},
    "TableFieldSchema": {
        "name": (1, "string"),
        "type_": (2, "enum"),
        "mode": (3, "enum"),
        "fields": (4, "[TableFieldSchema]"),
        "description": (6, "string"),
    },
}
# Values of enumerations.
COMMITTED = 1
INSERT = 1
FULL_VIEW = 2
FIELDS_ERROR = 1
DEFAULT_VALUE = 2
FIELD_TYPES: Mapping[str, int] = {
    "STRING": 1,
    "INTEGER": 2,
    "FLOAT": 3,
    "RECORD": 4,
    "BYTES": 5,
    "BOOLEAN": 6,
    "TIMESTAMP": 7,
    "DATE": 8,
    "TIME": 9,
    "DATETIME": 10,
    "NUMERIC": 12,
    "JSON": 15,
}
FIELD_MODES: Mapping[str, int] = {"NULLABLE": 1, "REQUIRED": 2, "REPEATED": 3}
STORAGE_ERRORS: Mapping[str, int] = {
    "TABLE_NOT_FOUND": 1,
    "STREAM_ALREADY_COMMITTED": 2,
    "STREAM_NOT_FOUND": 3,
    "INVALID_STREAM_TYPE": 4,
    "INVALID_STREAM_STATE": 5,
    "STREAM_FINALIZED": 6,
    "SCHEMA_MISMATCH_EXTRA_FIELDS": 7,
    "OFFSET_ALREADY_EXISTS": 8,
    "OFFSET_OUT_OF_RANGE": 9,
}


_CLASSES = classes(PACKAGE, MESSAGES)
AppendRowsRequest = _CLASSES["AppendRowsRequest"]
AppendRowsResponse = _CLASSES["AppendRowsResponse"]
GetWriteStreamRequest = _CLASSES["GetWriteStreamRequest"]
WriteStream = _CLASSES["WriteStream"]
TableSchema = _CLASSES["TableSchema"]
TableFieldSchema = _CLASSES["TableFieldSchema"]
StorageError = _CLASSES["StorageError"]
RowError = _CLASSES["RowError"]
Status = _CLASSES["Status"]
AnyMessage = _CLASSES["Any"]


def packed(message: Any) -> Any:
    """Return a message inside an `Any`, as details of an error are."""
    url = f"type.googleapis.com/{message.DESCRIPTOR.full_name}"
    return AnyMessage(type_url=url, value=message.SerializeToString())

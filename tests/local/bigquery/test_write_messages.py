"""The numbers on the wire are those of Google's own package."""

from typing import Any

import pytest
from google.cloud.bigquery_storage_v1 import types

from tweetlog_local.bigquery import write_messages as messages

OFFICIAL: dict[str, Any] = {
    "AppendRowsRequest": types.AppendRowsRequest,
    "ProtoData": types.AppendRowsRequest.ProtoData,
    "ProtoSchema": types.ProtoSchema,
    "ProtoRows": types.ProtoRows,
    "AppendRowsResponse": types.AppendRowsResponse,
    "AppendResult": types.AppendRowsResponse.AppendResult,
    "StorageError": types.StorageError,
    "RowError": types.RowError,
    "GetWriteStreamRequest": types.GetWriteStreamRequest,
    "WriteStream": types.WriteStream,
    "TableSchema": types.TableSchema,
    "TableFieldSchema": types.TableFieldSchema,
}
RENAMED = {"BOOLEAN": "BOOL", "INTEGER": "INT64", "FLOAT": "DOUBLE", "RECORD": "STRUCT"}


@pytest.mark.parametrize("name", OFFICIAL)
def test_fields_have_the_official_numbers(name: str) -> None:
    official = OFFICIAL[name].pb().DESCRIPTOR
    ours = messages.MESSAGES[name]

    assert {field: official.fields_by_name[field].number for field in ours} == {
        field: number for field, (number, _) in ours.items()
    }
    assert {field: official.fields_by_name[field].is_repeated for field in ours} == {
        field: kind.startswith("[") for field, (_, kind) in ours.items()
    }


def values(enumeration: Any) -> dict[str, int]:
    return {member.name: int(member) for member in enumeration}


def test_enumerations_have_the_official_values() -> None:
    field = types.TableFieldSchema
    kinds = values(field.Type)

    assert {
        RENAMED.get(kind, kind): kinds[RENAMED.get(kind, kind)] for kind in messages.FIELD_TYPES
    } == {RENAMED.get(kind, kind): number for kind, number in messages.FIELD_TYPES.items()}
    assert {mode: values(field.Mode)[mode] for mode in messages.FIELD_MODES} == messages.FIELD_MODES
    errors = values(types.StorageError.StorageErrorCode)
    assert {name: errors[name] for name in messages.STORAGE_ERRORS} == messages.STORAGE_ERRORS
    assert types.RowError.RowErrorCode.FIELDS_ERROR == messages.FIELDS_ERROR
    assert types.WriteStreamView.FULL == messages.FULL_VIEW
    assert types.WriteStream.Type.COMMITTED == messages.COMMITTED
    assert types.WriteStream.WriteMode.INSERT == messages.INSERT
    interpretation = types.AppendRowsRequest.MissingValueInterpretation
    assert interpretation.DEFAULT_VALUE == messages.DEFAULT_VALUE

"""Protobuf messages declared by their numbers on the wire: the used part of official ones.

A message that is only handed on is declared as bytes, which is the same on the wire, and is then
neither parsed nor written again.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

#: message -> field -> (number, kind); a kind in brackets is repeated, another message by name.
Messages: TypeAlias = Mapping[str, Mapping[str, tuple[int, str]]]

_Kind = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "string": _Kind.TYPE_STRING,
    "bytes": _Kind.TYPE_BYTES,
    "int64": _Kind.TYPE_INT64,
    "int32": _Kind.TYPE_INT32,
    "bool": _Kind.TYPE_BOOL,
    "enum": _Kind.TYPE_INT32,
}


def classes(package: str, messages: Messages) -> Mapping[str, type[Any]]:
    """Return the class of each message; a single field knows whether it was there."""
    file = descriptor_pb2.FileDescriptorProto(name="wire.proto", package=package, syntax="proto3")
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            _add(message, f".{package}.", field, number, kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))
        for name in messages
    }


def _add(
    message: descriptor_pb2.DescriptorProto, scope: str, name: str, number: int, kind: str
) -> None:
    bare = kind.strip("[]")
    label = _Kind.LABEL_REPEATED if bare != kind else _Kind.LABEL_OPTIONAL
    field = message.field.add(name=name, number=number, label=label)
    if bare in _SCALARS:
        field.type = _SCALARS[bare]
        if label == _Kind.LABEL_OPTIONAL:
            field.proto3_optional = True
            field.oneof_index = len(message.oneof_decl)
            message.oneof_decl.add(name=f"_{name}")
    else:
        field.type = _Kind.TYPE_MESSAGE
        field.type_name = f"{scope}{bare}"

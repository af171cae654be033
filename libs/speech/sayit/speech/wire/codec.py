"""Dataclasses to the messages that have the same fields, and back, without a line for each field.

A field has the same name on both sides, but for times: the Duration `x` is `x_s` in seconds, and a Timestamp's name is
in `_TIMES`. An enumeration's number is the member of the same name, a repeated field a tuple, a map a dictionary, a
message another dataclass. A value that may be None is None where its field is absent, any other one
its default. A number 0 of an enumeration and an empty text say nothing: both are read as the default that the dataclass
has for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from functools import cached_property
from operator import attrgetter
from types import NoneType
from typing import Any, Generic, TypeVar, get_args, get_origin, get_type_hints

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.wire.times import duration_to_proto, epoch_s, seconds_of_duration, shortest, timestamp_to_proto

_Value = TypeVar("_Value")
_Message = TypeVar("_Message", bound=Message)
_Convert = Callable[[Any], Any]

#: Timestamps whose names are not those of the dataclasses with `_s` behind.
_TIMES = {
    "created_at_s": "create_time",
    "updated_at_s": "update_time",
    "started_at_s": "start_time",
    "finished_at_s": "finish_time",
    "expires_at_s": "expire_time",
    "revoked_at_s": "revoke_time",
    "last_used_at_s": "last_use_time",
}
_SECONDS: dict[str, tuple[_Convert, _Convert]] = {
    "google.protobuf.Duration": (duration_to_proto, seconds_of_duration),
    "google.protobuf.Timestamp": (timestamp_to_proto, epoch_s),
}


class Codec(Generic[_Value, _Message]):
    """Converts a dataclass and its message.

    Args:
        value: the dataclass.
        message: the message's class; it has a field for each of the dataclass's.
        unknown: the error for a number of an enumeration that this version does not know, where the enumeration itself
            has no member for such (`_missing_`).
    """

    def __init__(
        self, value: type[_Value], message: type[_Message], *, unknown: ErrorKind = ErrorKind.INVALID_ARGUMENT
    ) -> None:
        self.value: Any = value
        self._message: Any = message
        self._unknown = unknown

    @cached_property
    def _fields(self) -> tuple[list[tuple[str, _Convert]], list[tuple[str, _Convert]]]:
        """The message's fields from a value, the value's from a message; made when first used, which takes a while."""
        hints = get_type_hints(self.value)
        described = self._message.DESCRIPTOR.fields_by_name
        writes, reads = [], []
        for field in fields(self.value):
            sent = described.get(_TIMES.get(field.name, field.name)) or described[field.name.removesuffix("_s")]
            write, read = self._converts(field, hints[field.name], sent)
            writes.append((sent.name, write))
            reads.append((field.name, read))
        return writes, reads

    @property
    def both_ways(self) -> tuple[Callable[[_Value], _Message], Callable[[_Message], _Value]]:
        """`to_proto` and `from_proto`."""
        return self.to_proto, self.from_proto

    def to_proto(self, value: _Value) -> _Message:
        """The value's message."""
        message: _Message = self._message(**{name: write(value) for name, write in self._fields[0]})
        return message

    def from_proto(self, message: _Message) -> _Value:
        """The message's value.

        Raises:
            SayItError: of the kind `unknown`, with the field.
        """
        value: _Value = self.value(**{name: read(message) for name, read in self._fields[1]})
        return value

    def _converts(self, field: Field[Any], hint: Any, sent: Any) -> tuple[_Convert, _Convert]:
        """How the field is written from a value, and how it is read from a message."""
        get, got = attrgetter(field.name), attrgetter(sent.name)
        optional = NoneType in get_args(hint)
        one = get_args(hint)[0] if optional or get_origin(hint) is tuple else hint
        write, read = self._of_one(field, one, sent)
        if get_origin(hint) is tuple:
            return (
                (lambda value: map(write, get(value))) if write else get,
                (lambda message: tuple(map(read, got(message)))) if read else lambda message: tuple(got(message)),
            )
        if get_origin(hint) is Mapping:
            return get, lambda message: dict(got(message))
        writes: _Convert = (lambda value: write(get(value))) if write else get
        reads: _Convert = (lambda message: read(got(message))) if read else got
        if optional:
            writes = (lambda value: None if get(value) is None else write(get(value))) if write else get
            some = reads
            reads = lambda message: some(message) if message.HasField(sent.name) else None  # noqa: E731
        elif sent.has_presence and sent.message_type is None:  # `optional`
            given = reads
            reads = lambda message: given(message) if message.HasField(sent.name) else field.default  # noqa: E731
        elif is_dataclass(one) and field.default is not MISSING:
            always = writes
            writes = lambda value: None if get(value) == field.default else always(value)  # noqa: E731
        return writes, reads

    def _of_one(self, field: Field[Any], kind: Any, sent: Any) -> tuple[_Convert | None, _Convert | None]:
        """How one value of the field is written and read; None where it is the same on both sides."""
        if sent.message_type is not None:
            if sent.message_type.full_name in _SECONDS:
                return _SECONDS[sent.message_type.full_name]
            nested: Codec[Any, Any] = Codec(kind, GetMessageClass(sent.message_type), unknown=self._unknown)
            return nested.to_proto, nested.from_proto
        if sent.enum_type is not None:
            return self._enumeration(field, kind, sent)
        if sent.type == FieldDescriptor.TYPE_FLOAT:
            return None, shortest
        if issubclass(kind, StrEnum):
            return None, kind
        if isinstance(field.default, str) and field.default:
            return None, lambda text: text or field.default
        return None, None

    def _enumeration(self, field: Field[Any], kind: type[StrEnum], sent: Any) -> tuple[_Convert, _Convert]:
        numbers = {value.name: value.number for value in sent.enum_type.values}
        prefix = sent.enum_type.values[0].name.removesuffix("UNSPECIFIED")
        number_of = {member: numbers[prefix + member.name] for member in kind}
        member_of = {number: member for member, number in number_of.items()}
        if field.default is not MISSING:
            member_of[0] = field.default

        def read(number: int) -> StrEnum:
            try:
                return member_of.get(number) or kind(f"number {number}")
            except ValueError:
                reason = f"there is no {field.name} {number}"
                raise SayItError(self._unknown, field=field.name, reason=reason) from None

        return number_of.__getitem__, read

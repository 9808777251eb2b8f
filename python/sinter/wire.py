"""Protobuf messages without a protobuf library: what python/compat/onnx and python/compat/tensorrt read and write ONNX files with.

Messages behave as the generated classes of protobuf's Python package where scripts that work on ONNX files look: attributes, add(), append(), extend(),
CopyFrom(), HasField(), WhichOneof(), ParseFromString(), SerializeToString(). Fields that a schema does not have are kept and written again.
A schema is text, one message a line: `Name: number kind name, ...`; kind is a scalar or a message, `*` before it repeated, `+` repeated and packed, `~` one of a
oneof (all of a message's form one, `value`).
"""
import struct


class DecodeError(ValueError):
    """The bytes are no message of that kind."""


_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WIRE = {"int64": _VARINT, "int32": _VARINT, "uint64": _VARINT, "float": _FIXED32, "double": _FIXED64, "string": _BYTES, "bytes": _BYTES}
_RANGES = {"int64": (-(1 << 63), (1 << 63) - 1), "int32": (-(1 << 31), (1 << 31) - 1), "uint64": (0, (1 << 64) - 1)}
_DEFAULTS = {"int64": 0, "int32": 0, "uint64": 0, "float": 0.0, "double": 0.0, "string": "", "bytes": b""}
_DEEPEST = 100  # messages inside messages


def _read_varint(data, at, end):
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
        shift += 7
    raise DecodeError(f"a number is cut off, or too long, at byte {at}")


def _varint(value):
    value &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(kind, value):
    if kind == "int64":
        return value - (1 << 64) if value >> 63 else value
    if kind == "int32":
        value &= 0xFFFFFFFF
        return value - (1 << 32) if value >> 31 else value
    return value


class Field:
    __slots__ = ("name", "number", "kind", "repeated", "packed", "oneof", "message", "wire")

    def __init__(self, name, number, kind, repeated, packed, oneof):
        self.name, self.number, self.kind, self.repeated, self.packed, self.oneof = name, number, kind, repeated, packed, oneof
        self.message = None
        self.wire = _WIRE.get(kind, _BYTES)

    def checked(self, value):
        """The value as it is kept; TypeError or ValueError for what does not fit."""
        if self.message is not None:
            if not isinstance(value, self.message):
                raise TypeError(f"field {self.name}: found {type(value).__name__}, expected {self.message.__name__}")
            return value
        if self.kind in _RANGES:
            number = value.__index__() if hasattr(value, "__index__") else None
            if number is None:
                raise TypeError(f"field {self.name}: found {type(value).__name__}, expected an int")
            least, most = _RANGES[self.kind]
            if not least <= number <= most:
                raise ValueError(f"field {self.name}: {number} is no {self.kind}")
            return number
        if self.kind in ("float", "double"):
            if isinstance(value, (str, bytes)):
                raise TypeError(f"field {self.name}: found {type(value).__name__}, expected a float")
            number = float(value)
            return struct.unpack("<f", struct.pack("<f", number))[0] if self.kind == "float" and abs(number) < 3.4e38 else number
        if self.kind == "string":
            if isinstance(value, bytes):
                value = value.decode("utf-8")
            if not isinstance(value, str):
                raise TypeError(f"field {self.name}: found {type(value).__name__}, expected a str")
            return value
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise TypeError(f"field {self.name}: found {type(value).__name__}, expected bytes")
        return bytes(value)

    def encoded(self, value):
        """One value without its tag."""
        if self.message is not None:
            content = value.SerializeToString()
            return _varint(len(content)) + content
        if self.wire == _VARINT:
            return _varint(value)
        if self.kind == "float":
            return struct.pack("<f", value)
        if self.kind == "double":
            return struct.pack("<d", value)
        content = value.encode("utf-8", "surrogateescape") if self.kind == "string" else value
        return _varint(len(content)) + content


class Repeated(list):
    """A repeated field."""

    __slots__ = ("_field", "_owner")

    def __init__(self, field, owner):
        super().__init__()
        self._field, self._owner = field, owner

    def _take(self, value):
        value = self._field.checked(value)
        if self._field.message is None:
            return value
        copy = self._field.message()
        copy.CopyFrom(value)
        return copy

    def append(self, value):
        super().append(self._take(value))
        self._owner._touch()

    def extend(self, values):
        super().extend([self._take(value) for value in values])
        self._owner._touch()

    def insert(self, index, value):
        super().insert(index, self._take(value))
        self._owner._touch()

    def add(self, **fields):
        if self._field.message is None:
            raise AttributeError(f"field {self._field.name} holds no messages; use append()")
        made = self._field.message(**fields)
        super().append(made)
        self._owner._touch()
        return made

    def remove(self, value):
        for index, item in enumerate(self):
            if item is value or item == value:
                del self[index]
                return
        raise ValueError(f"field {self._field.name} does not hold that value")

    def __setitem__(self, index, value):
        super().__setitem__(index, [self._take(item) for item in value] if isinstance(index, slice) else self._take(value))
        self._owner._touch()

    def __iadd__(self, values):
        self.extend(values)
        return self

    def MergeFrom(self, other):
        self.extend(other)

    def __reduce__(self):
        return (list, (list(self),))


class Message:
    """The base of all messages."""

    __slots__ = ("_values", "_lazy", "_unknown", "_owner", "_owner_name", "__weakref__")
    _fields, _numbers = {}, {}

    def __init__(self, **fields):
        for name in ("_values", "_lazy"):
            object.__setattr__(self, name, {})
        for name, value in (("_unknown", b""), ("_owner", None), ("_owner_name", None)):
            object.__setattr__(self, name, value)
        for name, value in fields.items():
            field = self._field(name)
            if value is None:
                continue
            if field.repeated:
                getattr(self, name).extend(value)
            elif field.message is not None:
                getattr(self, name).CopyFrom(value)
            else:
                setattr(self, name, value)

    @classmethod
    def _field(cls, name):
        field = cls._fields.get(name)
        if field is None:
            raise ValueError(f"{cls.__name__} has no field '{name}'; it has {', '.join(cls._fields)}")
        return field

    def _touch(self):
        """This message is no longer empty: its owner has it."""
        owner = self._owner
        if owner is not None and owner._values.get(self._owner_name) is not self:
            owner._put(self._owner_name, self)

    def _put(self, name, value):
        field = self._fields[name]
        if field.oneof:
            for other in self._fields.values():
                if other.oneof and other.name != name:
                    self._values.pop(other.name, None)
                    self._lazy.pop(other.name, None)
        self._values[name] = value
        self._touch()

    def __getattr__(self, name):
        field = type(self)._fields.get(name)
        if field is None:
            raise AttributeError(f"{type(self).__name__} has no field '{name}'")
        if name in self._values:
            return self._values[name]
        if not field.repeated and field.message is None:
            return _DEFAULTS[field.kind]
        if name not in self._lazy:
            made = Repeated(field, self) if field.repeated else field.message()
            if field.repeated:
                self._values[name] = made
                return made
            object.__setattr__(made, "_owner", self)
            object.__setattr__(made, "_owner_name", name)
            self._lazy[name] = made
        return self._lazy[name]

    def __setattr__(self, name, value):
        field = type(self)._fields.get(name)
        if field is None:
            raise AttributeError(f"{type(self).__name__} has no field '{name}'")
        if field.repeated or field.message is not None:
            raise AttributeError(f"{type(self).__name__}.{name} can't be assigned; use {'extend()' if field.repeated else 'CopyFrom()'}")
        self._put(name, field.checked(value))

    def HasField(self, name):
        field = self._field(name)
        if field.repeated:
            raise ValueError(f"{type(self).__name__}.{name} is repeated; ask for its length")
        return name in self._values

    def WhichOneof(self, group):
        for name, field in self._fields.items():
            if field.oneof and name in self._values:
                return name
        return None

    def ClearField(self, name):
        self._field(name)
        self._values.pop(name, None)
        self._lazy.pop(name, None)
        self._touch()

    def Clear(self):
        self._values.clear()
        self._lazy.clear()
        object.__setattr__(self, "_unknown", b"")
        self._touch()

    def SetInParent(self):
        self._touch()

    def IsInitialized(self):
        return True

    def ListFields(self):
        return [(field, self._values[name]) for name, field in sorted(self._fields.items(), key=lambda item: item[1].number)
                if name in self._values and not (field.repeated and not self._values[name])]

    def MergeFrom(self, other):
        if not isinstance(other, type(self)):
            raise TypeError(f"found {type(other).__name__}, expected {type(self).__name__}")
        for field, value in other.ListFields():
            if field.repeated:
                getattr(self, field.name).extend(value)
            elif field.message is not None:
                getattr(self, field.name).MergeFrom(value)
                getattr(self, field.name)._touch()
            else:
                self._put(field.name, value)
        object.__setattr__(self, "_unknown", self._unknown + other._unknown)
        self._touch()

    def CopyFrom(self, other):
        if other is self:
            return
        if not isinstance(other, type(self)):
            raise TypeError(f"found {type(other).__name__}, expected {type(self).__name__}")
        self.Clear()
        self.MergeFrom(other)

    # ---- wire format ----

    def SerializeToString(self, deterministic=None):
        parts = []
        for field, value in self.ListFields():
            tag = _varint(field.number << 3 | field.wire)
            if not field.repeated:
                parts += (tag, field.encoded(value))
            elif field.packed:
                content = _packed(field, value)
                parts += (_varint(field.number << 3 | _BYTES), _varint(len(content)), content)
            else:
                for item in value:
                    parts += (tag, field.encoded(item))
        parts.append(self._unknown)
        return b"".join(parts)

    SerializePartialToString = SerializeToString

    def ByteSize(self):
        return len(self.SerializeToString())

    def ParseFromString(self, data):
        self.Clear()
        return self.MergeFromString(data)

    def MergeFromString(self, data):
        view = memoryview(data).cast("B")
        _parse(self, view, 0, len(view), 0)
        self._touch()
        return len(view)

    @classmethod
    def FromString(cls, data):
        made = cls()
        made.ParseFromString(data)
        return made

    def __eq__(self, other):
        if type(other) is not type(self):
            return NotImplemented
        return self.SerializeToString() == other.SerializeToString()

    __hash__ = object.__hash__

    def __deepcopy__(self, memo):
        made = type(self)()
        made.CopyFrom(self)
        return made

    __copy__ = lambda self: self.__deepcopy__(None)

    def __reduce__(self):
        return (type(self).FromString, (self.SerializeToString(),))

    def _lines(self, indent):
        for field, value in self.ListFields():
            for item in value if field.repeated else [value]:
                if field.message is not None:
                    yield f"{indent}{field.name} {{"
                    yield from item._lines(indent + "  ")
                    yield indent + "}"
                elif field.kind in ("string", "bytes"):
                    text = item if isinstance(item, str) else item.decode("latin-1")
                    escaped = "".join(c if 32 <= ord(c) < 127 and c not in '"\\' else "\\" + c if c in '"\\' else "\\n" if c == "\n" else f"\\{ord(c):03o}" if ord(c) < 256 else c
                                      for c in text)
                    yield f'{indent}{field.name}: "{escaped}"'
                else:
                    yield f"{indent}{field.name}: {item}"

    def __str__(self):
        return "".join(line + "\n" for line in self._lines(""))

    __repr__ = __str__


def _packed(field, values):
    if field.kind == "float":
        return struct.pack(f"<{len(values)}f", *values)
    if field.kind == "double":
        return struct.pack(f"<{len(values)}d", *values)
    return b"".join(map(_varint, values))


def _unpacked(field, view):
    if field.kind in ("float", "double"):
        size = 4 if field.kind == "float" else 8
        if len(view) % size:
            raise DecodeError(f"field {field.name}: {len(view)} bytes are no whole number of elements")
        return struct.unpack(f"<{len(view) // size}{field.kind[0]}", view)
    values, at, end = [], 0, len(view)
    while at < end:
        value, at = _read_varint(view, at, end)
        values.append(_number(field.kind, value))
    return values


def _parse(message, data, at, end, depth):
    if depth > _DEEPEST:
        raise DecodeError(f"messages lie more than {_DEEPEST} deep in each other")
    numbers, unknown = message._numbers, []
    while at < end:
        begin = at
        tag, at = _read_varint(data, at, end)
        wire, field = tag & 7, numbers.get(tag >> 3)
        if wire == _VARINT:
            value, at = _read_varint(data, at, end)
        elif wire == _BYTES:
            size, at = _read_varint(data, at, end)
            value, at = data[at:at + size], at + size
        elif wire in (_FIXED32, _FIXED64):
            size = 4 if wire == _FIXED32 else 8
            value, at = data[at:at + size], at + size
        else:
            raise DecodeError(f"{type(message).__name__}: wire type {wire} at byte {begin}")
        if at > end or tag >> 3 == 0:
            raise DecodeError(f"{type(message).__name__}: a field at byte {begin} is cut off")
        if field is None or (field.wire != wire and not (field.repeated and wire == _BYTES and field.wire != _BYTES)):
            unknown.append(bytes(data[begin:at]))
        else:
            _store(message, field, wire, value, depth)
    if unknown:
        object.__setattr__(message, "_unknown", message._unknown + b"".join(unknown))


def _store(message, field, wire, value, depth):
    name = field.name
    if field.message is not None:
        old = message._values.get(name)
        made = old if old is not None and not field.repeated else field.message()
        _parse(made, value, 0, len(value), depth + 1)
        value = made
        if not field.repeated:
            object.__setattr__(made, "_owner", message)
            object.__setattr__(made, "_owner_name", name)
    elif wire == _BYTES and field.wire != _BYTES:
        list.extend(getattr(message, name), _unpacked(field, value))
        return
    elif field.kind == "string":
        value = bytes(value).decode("utf-8", "surrogateescape")
    elif field.kind == "bytes":
        value = bytes(value)
    elif wire == _VARINT:
        value = _number(field.kind, value)
    else:
        value = struct.unpack("<f" if wire == _FIXED32 else "<d", value)[0]
    if field.repeated:
        list.append(getattr(message, name), value)
    else:
        message._put(name, value)


def make_messages(schema, module, constants=None):
    """Classes by name of a schema; `A.B` is reached as an attribute of A. constants: {"A": {"FLOAT": 1, ...}}."""
    classes = {}
    for line in schema.strip().splitlines():
        name, _, rows = line.partition(":")
        fields = {}
        for row in filter(None, map(str.strip, rows.split(","))):
            number, kind, field = row.split()
            bare = kind.lstrip("*+~")
            fields[field] = Field(field, int(number), bare, kind[0] in "*+", kind[0] == "+", kind[0] == "~")
        body = {"__slots__": (), "_fields": fields, "_numbers": {field.number: field for field in fields.values()}, "__module__": module,
                "__qualname__": name, "FromString": classmethod(Message.FromString.__func__)}
        classes[name] = type(name.rpartition(".")[2], (Message,), body)
    for name, made in classes.items():
        for field in made._fields.values():
            field.message = classes.get(field.kind)
        outer, _, inner = name.rpartition(".")
        if outer:
            setattr(classes[outer], inner, made)
        for constant, value in (constants or {}).get(name, {}).items():
            setattr(made, constant, value)
    return classes

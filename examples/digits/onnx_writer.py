"""Writes ONNX files with nothing but the protobuf wire format: enough for a feed-forward network.

Field numbers are those of onnx.proto (ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto, ValueInfoProto).
"""
import struct

import numpy as np

# TensorProto.DataType
FLOAT, UINT8, INT8, UINT16, INT16, INT32, INT64, BOOL, FLOAT16, UINT32, UINT64, UINT4, INT4 = 1, 2, 3, 4, 5, 6, 7, 9, 10, 12, 13, 21, 22
TYPES = {"float32": FLOAT, "float64": FLOAT, "uint8": UINT8, "int8": INT8, "uint16": UINT16, "int16": INT16, "int32": INT32, "int64": INT64,
         "bool": BOOL, "float16": FLOAT16, "uint32": UINT32, "uint64": UINT64}


class Packed:
    """A tensor of 4-bit elements, given as an array of 8-bit ones."""

    def __init__(self, array, kind):
        self.shape, self.kind = array.shape, kind
        nibbles = np.append(array.reshape(-1).astype(np.uint8) & 15, np.zeros(array.size % 2, np.uint8))
        self.bytes = (nibbles[::2] | nibbles[1::2] << 4).tobytes()


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def integer(field, value):
    return varint(field << 3) + varint(value)


def single(field, value):
    return varint(field << 3 | 5) + struct.pack("<f", value)


def data(field, value):
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value


def tensor(name, array):
    if isinstance(array, Packed):
        kind, content = array.kind, array.bytes
    else:
        array = np.asarray(array)
        kind = TYPES[array.dtype.name]
        content = array.astype("<f4").tobytes() if kind == FLOAT else array.tobytes()
    return b"".join(integer(1, n) for n in array.shape) + integer(2, kind) + data(8, name) + data(9, content)


class Graph:
    """A body: nodes, inputs and outputs as value_info takes them."""

    def __init__(self, name, nodes, inputs, outputs):
        self.bytes = (b"".join(data(1, n) for n in nodes) + data(2, name) + b"".join(data(11, value_info(*i)) for i in inputs) +
                      b"".join(data(12, value_info(*o)) for o in outputs))


def attribute(name, value):
    if isinstance(value, Graph):
        return data(1, name) + data(6, value.bytes) + integer(20, 5)
    if isinstance(value, float):
        return data(1, name) + single(2, value) + integer(20, 1)
    if isinstance(value, int):
        return data(1, name) + integer(3, value) + integer(20, 2)
    if isinstance(value, str):
        return data(1, name) + data(4, value) + integer(20, 3)
    if len(value) and isinstance(value[0], str):
        return data(1, name) + b"".join(data(9, text) for text in value) + integer(20, 8)
    if len(value) and isinstance(value[0], float):
        return data(1, name) + b"".join(single(7, n) for n in value) + integer(20, 6)
    return data(1, name) + b"".join(integer(8, n) for n in value) + integer(20, 7)


def node(op, inputs, outputs, domain="", **attributes):
    return (b"".join(data(1, name) for name in inputs) + b"".join(data(2, name) for name in outputs) + data(3, outputs[0]) +
            data(4, op) + b"".join(data(5, attribute(name, value)) for name, value in attributes.items()) + (data(7, domain) if domain else b""))


def value_info(name, shape, kind=FLOAT):
    """A dimension given as text is symbolic; without a shape the rank is unknown."""
    if shape is None:
        return data(1, name) + data(2, data(1, integer(1, kind)))
    dims = b"".join(data(1, data(2, n) if isinstance(n, str) else integer(1, n)) for n in shape)
    return data(1, name) + data(2, data(1, integer(1, kind) + data(2, dims)))


def model(graph_name, nodes, weights, inputs, outputs, opset, producer, ir_version=8, **domains):
    """Inputs and outputs are tuples as value_info takes them; further domains are given as name=version, '_' for '.'."""
    graph = (b"".join(data(1, n) for n in nodes) + data(2, graph_name) +
             b"".join(data(5, tensor(name, array)) for name, array in weights.items()) +
             b"".join(data(11, value_info(*i)) for i in inputs) + b"".join(data(12, value_info(*o)) for o in outputs))
    opsets = {"": opset, **{name.replace("_", "."): version for name, version in domains.items()}}
    return (integer(1, ir_version) + data(2, producer) + data(7, graph) +
            b"".join(data(8, data(1, name) + integer(2, version)) for name, version in opsets.items()))

"""Writes ONNX files with nothing but the protobuf wire format: enough for a feed-forward network.

Field numbers are those of onnx.proto (ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto, ValueInfoProto).
"""
import struct

import numpy as np

FLOAT, INT64 = 1, 7  # TensorProto.DataType


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
    array = np.ascontiguousarray(array)
    kind = {"f": FLOAT, "i": INT64}[array.dtype.kind]
    array = array.astype("<f4" if kind == FLOAT else "<i8")
    return b"".join(integer(1, n) for n in array.shape) + integer(2, kind) + data(8, name) + data(9, array.tobytes())


def attribute(name, value):
    if isinstance(value, float):
        return data(1, name) + single(2, value) + integer(20, 1)
    if isinstance(value, int):
        return data(1, name) + integer(3, value) + integer(20, 2)
    return data(1, name) + b"".join(integer(8, n) for n in value) + integer(20, 7)


def node(op, inputs, outputs, **attributes):
    return (b"".join(data(1, name) for name in inputs) + b"".join(data(2, name) for name in outputs) + data(3, outputs[0]) +
            data(4, op) + b"".join(data(5, attribute(name, value)) for name, value in attributes.items()))


def value_info(name, shape):
    """A float tensor; a dimension given as text is symbolic."""
    dims = b"".join(data(1, data(2, n) if isinstance(n, str) else integer(1, n)) for n in shape)
    return data(1, name) + data(2, data(1, integer(1, FLOAT) + data(2, dims)))


def model(graph_name, nodes, weights, inputs, outputs, opset, producer):
    graph = (b"".join(data(1, n) for n in nodes) + data(2, graph_name) +
             b"".join(data(5, tensor(name, array)) for name, array in weights.items()) +
             b"".join(data(11, value_info(*i)) for i in inputs) + b"".join(data(12, value_info(*o)) for o in outputs))
    return integer(1, 8) + data(2, producer) + data(7, graph) + data(8, data(1, "") + integer(2, opset))

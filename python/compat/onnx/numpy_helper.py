"""Tensors as arrays of numpy and the reverse."""
import numpy

import sinter

from ._own import MESSAGES, TensorProto
from .mapping import NP_TYPE_TO_TENSOR_TYPE, TENSOR_TYPE_TO_NP_TYPE

_INT32_DATA = {TensorProto.UINT8, TensorProto.INT8, TensorProto.UINT16, TensorProto.INT16, TensorProto.BOOL, TensorProto.INT32, TensorProto.FLOAT16, TensorProto.BFLOAT16}


def to_array(tensor, base_dir=""):
    """The elements; bf16 becomes float32. Types that numpy has not are refused."""
    if tensor.data_location == 1:
        from .external_data_helper import load_external_data_for_tensor
        load_external_data_for_tensor(tensor, base_dir or ".")
    kind, dims = tensor.data_type, tuple(tensor.dims)
    if kind == TensorProto.STRING:
        return numpy.array([text.decode("utf-8", "surrogateescape") for text in tensor.string_data], dtype=object).reshape(dims)
    bits = kind == TensorProto.BFLOAT16
    if kind not in TENSOR_TYPE_TO_NP_TYPE and not bits:
        raise TypeError(f"tensor '{tensor.name}': its type {kind} is none of numpy's")
    dtype = numpy.dtype(numpy.uint16) if bits else TENSOR_TYPE_TO_NP_TYPE[kind]
    if tensor.HasField("raw_data"):
        array = numpy.frombuffer(tensor.raw_data, dtype.newbyteorder("<")).astype(dtype)
    elif kind in _INT32_DATA:
        half = kind == TensorProto.FLOAT16
        array = numpy.array(tensor.int32_data, numpy.int64).astype(numpy.uint16).view(numpy.float16) if half else numpy.array(tensor.int32_data, numpy.int64).astype(dtype)
    elif kind in (TensorProto.FLOAT, TensorProto.COMPLEX64):
        array = numpy.array(tensor.float_data, numpy.float32).view(dtype)
    elif kind in (TensorProto.DOUBLE, TensorProto.COMPLEX128):
        array = numpy.array(tensor.double_data, numpy.float64).view(dtype)
    else:
        array = numpy.array(tensor.int64_data if kind == TensorProto.INT64 else tensor.uint64_data, dtype)
    array = array.reshape(dims)
    return sinter.bfloat16_values(array) if bits else array


def from_array(array, name=None):
    """A TensorProto of an array."""
    array = numpy.asarray(array)
    if array.dtype.kind in "OUS":
        made = MESSAGES["TensorProto"](data_type=TensorProto.STRING, dims=array.shape, string_data=[str(text).encode() for text in array.ravel()])
    elif array.dtype in NP_TYPE_TO_TENSOR_TYPE:
        made = MESSAGES["TensorProto"](data_type=NP_TYPE_TO_TENSOR_TYPE[array.dtype], dims=array.shape)
        made.raw_data = numpy.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes()
    else:
        raise TypeError(f"an array of {array.dtype} is no tensor of ONNX")
    if name is not None:
        made.name = name
    return made

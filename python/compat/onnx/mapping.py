"""Types of tensors as numpy's."""
import numpy

from sinter.onnx_proto import DATA_TYPES

NAMES = {"FLOAT": "float32", "UINT8": "uint8", "INT8": "int8", "UINT16": "uint16", "INT16": "int16", "INT32": "int32", "INT64": "int64", "STRING": "object", "BOOL": "bool",
         "FLOAT16": "float16", "DOUBLE": "float64", "UINT32": "uint32", "UINT64": "uint64", "COMPLEX64": "complex64", "COMPLEX128": "complex128"}
TENSOR_TYPE_TO_NP_TYPE = {DATA_TYPES[name]: numpy.dtype(array) for name, array in NAMES.items()}
NP_TYPE_TO_TENSOR_TYPE = {array: kind for kind, array in TENSOR_TYPE_TO_NP_TYPE.items()}

"""Sinter: ONNX models in, engines tuned for this machine out, and runs of them.

    import sinter
    engine = sinter.load_or_build("model.onnx", fp16=True)
    scores = engine.infer({"image": image})["scores"]

Arrays are numpy's, dense and row-major; shapes are in elements, outermost dimension first. Dense, aligned arrays are used in place, others are copied.
Element types that numpy does not have are arrays of their bits (see `bfloat16_bits`): bf16 uint16, 8-bit floats uint8; types of less than a byte take one
int8 or uint8 an element. Tensors of other libraries are taken by DLPack or the buffer protocol.

Failures raise `sinter.Error` or a class below it; the text says where, what was found, what was expected and what to do. Long calls let other threads run.
"""
from _sinter import (CancelledError, EngineBytes, Error, InternalError, InvalidArgumentError, InvalidEngineError, InvalidModelError, IoError, NotFoundError,
                     OutOfMemoryError, TargetMismatchError, TensorInfo, UnsupportedError, build_report, load_plugin, set_log_callback)
from _sinter import version as __version__

from .arrays import bfloat16_bits, bfloat16_values, numpy_dtype
from .building import BuildOptions, Calibrator, build, build_to_memory, calibrate, check, inspect, load_or_build, operators, simplify, value_types
from .running import Context, DeviceTensor, Engine, Stream, load

__all__ = [
    "BuildOptions", "Calibrator", "CancelledError", "Context", "DeviceTensor", "Engine", "EngineBytes", "Error", "InternalError", "InvalidArgumentError",
    "InvalidEngineError", "InvalidModelError", "IoError", "NotFoundError", "OutOfMemoryError", "Stream", "TargetMismatchError", "TensorInfo",
    "UnsupportedError", "bfloat16_bits", "bfloat16_values", "build", "build_report", "build_to_memory", "calibrate", "check", "inspect", "load",
    "load_or_build", "load_plugin", "numpy_dtype", "operators", "set_log_callback", "simplify", "value_types",
]

"""Loggers, shapes, weights and what all objects share."""
import datetime
import functools
import operator
import sys
import threading

import numpy

import _sinter
from ._enums import DataType, _make


class ILogger:
    """Subclass with log(severity, msg)."""

    Severity = _make("Severity", "INTERNAL_ERROR ERROR WARNING INFO VERBOSE")

    def __init__(self):
        pass

    def log(self, severity, msg):
        raise NotImplementedError("a logger must override log")


for _member in ILogger.Severity:
    setattr(ILogger, _member.name, _member)


class Logger(ILogger):
    """Prints messages of at least min_severity to stderr."""

    def __init__(self, min_severity=ILogger.Severity.WARNING):
        super().__init__()
        self.min_severity = min_severity

    def log(self, severity, msg):
        if severity > self.min_severity:
            return
        letter = {0: "F", 1: "E", 2: "W", 3: "I", 4: "V"}[int(severity)]
        now = datetime.datetime.now().strftime("%m/%d/%Y-%H:%M:%S")
        print(f"[{now}] [TRT] [{letter}] {msg}", file=sys.stderr)


Severity = ILogger.Severity
_active = []  # loggers that what the library says goes to
_lock = threading.RLock()
_SEVERITIES = {"warning": Severity.WARNING, "info": Severity.INFO, "trace": Severity.VERBOSE}


def _on_message(severity, message):
    with _lock:
        logger = _active[-1] if _active else None
    if logger is not None:
        logger.log(_SEVERITIES[severity], message)


class listening:
    """Within it, messages of the library go to a logger."""

    def __init__(self, logger):
        self.logger = logger

    def __enter__(self):
        with _lock:
            _active.append(self.logger)
            first = len(_active) == 1
        if first:
            _sinter.set_log_callback(_on_message)

    def __exit__(self, *_):
        with _lock:
            _active.remove(self.logger)
            last = not _active
        if last:
            _sinter.set_log_callback(None)


def check_logger(logger, what):
    if not callable(getattr(logger, "log", None)):
        raise TypeError(f"{what}: found {type(logger).__name__}, expected an ILogger")
    return logger


class Scoped:
    """Usable in a with statement; leaving it ends nothing that is still referred to."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


def volume(iterable):
    """The product of a shape's sizes; 1 without any."""
    return functools.reduce(operator.mul, iterable, 1)


class Dims(tuple):
    """A shape: a tuple of ints."""

    MAX_DIMS = 8

    def __new__(cls, *shape):
        if len(shape) == 1 and not hasattr(shape[0], "__index__"):
            shape = shape[0]
        return super().__new__(cls, map(operator.index, shape))

    @property
    def nbDims(self):
        return len(self)

    def __repr__(self):
        return tuple.__repr__(tuple(self))

    __str__ = __repr__

    def __getitem__(self, index):
        found = super().__getitem__(index)
        return Dims(found) if isinstance(index, slice) else found


def _fixed(name, count):
    def make(cls, *shape):
        made = Dims.__new__(cls, *shape)
        if len(made) != count:
            raise TypeError(f"{name}: found {len(made)} sizes, expected {count}")
        return made

    return type(name, (Dims,), {"__new__": make, "__module__": "tensorrt"})


Dims2, Dims3, Dims4, Permutation = _fixed("Dims2", 2), _fixed("Dims3", 3), _fixed("Dims4", 4), Dims


class DimsHW(_fixed("DimsHW", 2)):
    h = property(lambda self: self[0])
    w = property(lambda self: self[1])


class Typed:
    """Types that a layer should be computed in and its results should have; num_outputs and get_output() are the layer's."""

    def _no_types(self):
        self._precision, self._output_types = None, {}

    @property
    def precision(self):
        return self._precision if self._precision is not None else DataType.FLOAT

    @precision.setter
    def precision(self, dtype):
        self._precision = DataType(dtype)

    precision_is_set = property(lambda self: self._precision is not None)

    def reset_precision(self):
        self._precision = None

    def set_output_type(self, index, dtype):
        if not 0 <= index < self.num_outputs:
            raise IndexError(f"layer '{self.name}' has no output {index}")
        self._output_types[index] = DataType(dtype)

    def get_output_type(self, index):
        return self._output_types.get(index, self.get_output(index).dtype)

    def output_type_is_set(self, index):
        return index in self._output_types

    def reset_output_type(self, index):
        self._output_types.pop(index, None)



class Weights:
    """Values of an array, which are not copied; Weights() is empty, Weights(DataType) too."""

    def __init__(self, a=None, ptr=None, count=None):
        self._array = numpy.zeros(0, numpy.float32)
        self._dtype = DataType.FLOAT
        if isinstance(a, DataType):
            self._dtype = a
            if ptr is not None or count is not None:
                raise TypeError("Weights: values at an address are not taken; pass an array")
        elif a is not None:
            self._array = numpy.ascontiguousarray(a)
            kinds = {"float32": DataType.FLOAT, "float16": DataType.HALF, "int8": DataType.INT8, "int32": DataType.INT32, "int64": DataType.INT64, "bool": DataType.BOOL,
                     "uint8": DataType.UINT8}
            if self._array.dtype.name not in kinds:
                raise TypeError(f"Weights: found elements of {self._array.dtype}, expected one of {', '.join(kinds)}")
            self._dtype = kinds[self._array.dtype.name]

    dtype = property(lambda self: self._dtype)
    size = property(lambda self: self._array.size)
    nbytes = property(lambda self: self._array.nbytes)

    def numpy(self):
        return self._array

    def __len__(self):
        return self._array.size


class IHostMemory(_sinter.EngineBytes):
    """Bytes: a plan, or a timing cache. Has the buffer protocol: bytes(x), memoryview(x), file.write(x)."""

    dtype = DataType.INT8

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def __repr__(self):
        return f"<IHostMemory, {self.nbytes} bytes>"


def host_memory(data):
    """IHostMemory of bytes (copied) or of an EngineBytes (which is empty afterwards)."""
    if not isinstance(data, _sinter.EngineBytes):
        return IHostMemory(data)
    made = IHostMemory(b"")
    made._swap(data)
    return made


class IProfiler:
    """Subclass with report_layer_time(layer_name, ms)."""

    def __init__(self):
        pass

    def report_layer_time(self, layer_name, ms):
        raise NotImplementedError("a profiler must override report_layer_time")


class Profiler(IProfiler):
    """Prints."""

    def report_layer_time(self, layer_name, ms):
        print(f"{layer_name}: {ms}ms")


class IProgressMonitor:
    """Subclass with phase_start(phase_name, parent_phase, num_steps), step_complete(phase_name, step) → bool and phase_finish(phase_name)."""

    def __init__(self):
        pass


class IOutputAllocator:
    """Subclass with reallocate_output(tensor_name, memory, size, alignment) → address and notify_shape(tensor_name, shape)."""

    def __init__(self):
        pass


class IGpuAllocator:
    """Taken and not called: memory is the library's own."""

    def __init__(self):
        pass


class IErrorRecorder:
    """Taken and not called: what fails is logged."""

    def __init__(self):
        pass

"""Memory, copies, streams and events of pycuda.driver over Sinter's device functions. Without a GPU "device" memory is host memory.

Addresses are ints. Copies on a stream wait for what is queued on it, then copy; copies without a stream wait for all streams, as CUDA's default stream does.
A copy beyond the end of a block is a LogicError. Kernels (SourceModule) do not exist here.
"""
import time

import numpy

import _sinter
from sinter import devices as _devices


class Error(Exception):
    """The base of this module's errors."""


class LogicError(Error):
    """A call that is wrong: an address of nothing, a copy beyond a block's end."""


class RuntimeError(Error):  # noqa: A001 - PyCUDA's name
    """A failure of the device."""


class MemoryError(Error):  # noqa: A001 - PyCUDA's name
    """Memory is spent."""


class LaunchError(Error):
    """A failure of work that was queued."""


def _call(function, *arguments, **named):
    try:
        return function(*arguments, **named)
    except _sinter.OutOfMemoryError as error:
        raise MemoryError(str(error)) from None
    except _sinter.InvalidArgumentError as error:
        raise LogicError(str(error)) from None
    except _sinter.Error as error:
        raise RuntimeError(str(error)) from None
    except (TypeError, OverflowError, BufferError, ValueError) as error:
        raise LogicError(f"found {[type(argument).__name__ for argument in arguments[1:]]}: {error}".replace("\n", " ")[:200]) from None


def init(flags=0):
    _devices.default_device()


def get_version():
    return (12, 0, 0)


def get_driver_version():
    return 12000


class _Attributes:
    COMPUTE_CAPABILITY_MAJOR, COMPUTE_CAPABILITY_MINOR, MULTIPROCESSOR_COUNT = "major", "minor", "multiprocessors"


device_attribute = _Attributes


class Device:
    """A GPU, or the CPU where there is none."""

    def __init__(self, number=0):
        name = _devices.default_device()
        if number != 0 and name.startswith("cuda"):
            name = f"cuda:{number}"
        elif number != 0:
            raise LogicError(f"Device: {number} does not exist, there is one device")
        self._name, self._facts = name, _call(_devices.device_facts, name)

    @staticmethod
    def count():
        return 1

    def name(self):
        return self._facts["name"]

    def compute_capability(self):
        return divmod(self._facts["compute_capability"], 10)

    def total_memory(self):
        return self._facts["free_bytes"]

    def get_attribute(self, attribute):
        major, minor = self.compute_capability()
        return {"major": major, "minor": minor, "multiprocessors": self._facts["multiprocessors"]}[attribute]

    def make_context(self, flags=0):
        return Context(self)

    retain_primary_context = make_context


class Context:
    """There is one context; pushing and popping change nothing."""

    _current = []

    def __init__(self, device):
        self._device = device
        Context._current.append(self)

    @staticmethod
    def synchronize():
        _call(_devices.wait_all)

    @staticmethod
    def get_device():
        return Device(0)

    @staticmethod
    def get_current():
        return Context._current[-1] if Context._current else None

    def push(self):
        Context._current.append(self)

    @staticmethod
    def pop():
        if Context._current:
            Context._current.pop()

    def detach(self):
        if self in Context._current:
            Context._current.remove(self)


class DeviceAllocation:
    """Device memory; int() is its address. It is freed with the last reference, or by free()."""

    def __init__(self, size):
        self._address = None
        self._address, self.size = _call(_sinter.memory_allocate, _devices.default_device(), size), size

    def __int__(self):
        if self._address is None:
            raise LogicError("the memory was freed")
        return self._address

    __index__ = __int__

    def __add__(self, offset):
        return int(self) + offset

    def free(self):
        address, self._address = self._address, None
        if address is None:
            raise LogicError("the memory was freed before")
        _devices.settle_all()
        _call(_sinter.memory_free, address)

    def as_buffer(self, size, offset=0):
        if _devices.on_gpu():
            raise LogicError("as_buffer: the memory is a GPU's; copy it with memcpy_dtoh")
        import ctypes
        if offset < 0 or size < 0 or offset + size > self.size:
            raise LogicError(f"as_buffer: bytes {offset} to {offset + size} of {self.size}")
        return memoryview((ctypes.c_ubyte * size).from_address(int(self) + offset))

    def __del__(self):
        if getattr(self, "_address", None) is not None:
            try:
                self.free()
            except Exception:  # the interpreter may be ending
                pass


def mem_alloc(bytes):  # noqa: A002 - PyCUDA's name
    size = int(bytes)
    if size < 0:
        raise LogicError(f"mem_alloc: {size} bytes")
    if size == 0:
        raise LogicError("mem_alloc: 0 bytes, expected 1 or more")
    return DeviceAllocation(size)


def mem_alloc_like(array):
    return mem_alloc(array.nbytes)


def to_device(array):
    array = numpy.ascontiguousarray(array)
    memory = mem_alloc(array.nbytes)
    memcpy_htod(memory, array)
    return memory


def from_device(device, shape, dtype, order="C"):
    result = numpy.empty(shape, dtype, order)
    memcpy_dtoh(result, device)
    return result


def mem_get_info():
    """(free, total) in bytes; what is free stands for both where the device does not tell."""
    free = _devices.device_facts()["free_bytes"]
    return free, free


class _HostBlock:
    """Host memory that copies to and from a GPU move at full speed; the base of pinned arrays."""

    def __init__(self, size):
        self.address = None
        self.address, self.size = _call(_sinter.memory_allocate, _devices.default_device(), size, host=True), size
        import ctypes
        self._view = (ctypes.c_ubyte * size).from_address(self.address)

    @property
    def __array_interface__(self):
        return {"version": 3, "typestr": "|u1", "shape": (self.size,), "data": (self.address, False)}

    def get_device_pointer(self):
        return self.address

    def __del__(self):
        if getattr(self, "address", None) is not None:
            try:
                _devices.settle_all()
                _sinter.memory_free(self.address)
            except Exception:  # the interpreter may be ending
                pass


def pagelocked_empty(shape, dtype, order="C", mem_flags=0):
    """A numpy array in pinned host memory, not initialised."""
    dtype = numpy.dtype(dtype)
    dims = tuple(int(dim) for dim in shape) if hasattr(shape, "__iter__") else (int(shape),)
    if any(dim < 0 for dim in dims):
        raise LogicError(f"pagelocked_empty: shape {dims} has a negative dimension; set the shape first")
    size = int(numpy.prod(dims, dtype=numpy.int64)) * dtype.itemsize
    block = _HostBlock(max(size, 1))
    return numpy.asarray(block)[:size].view(dtype).reshape(dims, order=order)


def pagelocked_zeros(shape, dtype, order="C", mem_flags=0):
    made = pagelocked_empty(shape, dtype, order, mem_flags)
    made.fill(0)
    return made


def pagelocked_empty_like(array, mem_flags=0):
    return pagelocked_empty(array.shape, array.dtype)


def pagelocked_zeros_like(array, mem_flags=0):
    return pagelocked_zeros(array.shape, array.dtype)


def register_host_memory(array, flags=0):
    """The array itself: it need not be pinned to be copied."""
    return array


class host_alloc_flags:
    PORTABLE, DEVICEMAP, WRITECOMBINED = 1, 2, 4


class ctx_flags:
    SCHED_AUTO, SCHED_SPIN, SCHED_YIELD, SCHED_BLOCKING_SYNC, MAP_HOST, LMEM_RESIZE_TO_MAX = 0, 1, 2, 4, 8, 16


class event_flags:
    DEFAULT, BLOCKING_SYNC, DISABLE_TIMING, INTERPROCESS = 0, 1, 2, 4


class Stream:
    """An in-order queue; `handle` is its number."""

    def __init__(self, flags=0):
        self._stream = _devices.Stream()

    @property
    def handle(self):
        return self._stream.number

    def __int__(self):
        return self._stream.number

    def synchronize(self):
        try:
            self._stream.wait()
        except _sinter.Error as error:
            raise LaunchError(str(error)) from None

    def is_done(self):
        """Waits, so that it is."""
        self._stream.settle()
        return True

    def wait_for_event(self, event):
        event.synchronize()


class Event:
    """A point in a stream's order; its time is taken when what was queued before is done."""

    def __init__(self, flags=0):
        self._time = None

    def record(self, stream=None):
        _before(stream)
        self._time = time.perf_counter()
        return self

    def synchronize(self):
        return self

    def query(self):
        return True

    def time_till(self, event):
        """Milliseconds from this event to the other one."""
        if self._time is None or event._time is None:
            raise LogicError("time_till: an event was not recorded")
        return (event._time - self._time) * 1e3

    def time_since(self, event):
        return event.time_till(self)


def _before(stream):
    if stream is None:
        _devices.settle_all()
    elif isinstance(stream, Stream):
        stream._stream.settle()
    elif isinstance(stream, int):
        known = _devices.stream_of(stream)
        known.settle() if known else _devices.settle_all()
    else:
        raise LogicError(f"found {type(stream).__name__}, expected a Stream")


def _address(value, what):
    try:
        return int(value)
    except (TypeError, ValueError):
        raise LogicError(f"{what}: found {type(value).__name__}, expected device memory or its address") from None


def _host(value, what, writable):
    array = value if isinstance(value, numpy.ndarray) else None
    if array is not None and array.dtype.hasobject:
        raise LogicError(f"{what}: found an array of objects, expected numbers")
    if array is not None and not array.flags.c_contiguous:
        if not array.flags.f_contiguous:
            raise LogicError(f"{what}: the array is strided, expected a contiguous one")
        array = array.T
    if array is not None:
        return array
    try:
        view = memoryview(value)
    except TypeError:
        raise LogicError(f"{what}: found {type(value).__name__}, expected an array or bytes") from None
    if writable and view.readonly:
        raise LogicError(f"{what}: the memory is read-only")
    return view


def memcpy_htod(dest, src):
    _before(None)
    _call(_sinter.memory_write, _devices.default_device(), _address(dest, "memcpy_htod"), _host(src, "memcpy_htod", False))


def memcpy_htod_async(dest, src, stream=None):
    _before(stream)
    _call(_sinter.memory_write, _devices.default_device(), _address(dest, "memcpy_htod_async"), _host(src, "memcpy_htod_async", False))


def memcpy_dtoh(dest, src):
    _before(None)
    _read("memcpy_dtoh", dest, src)


def memcpy_dtoh_async(dest, src, stream=None):
    _before(stream)
    _read("memcpy_dtoh_async", dest, src)


def _read(what, dest, src):
    host = _host(dest, what, True)
    if isinstance(host, numpy.ndarray) and not host.flags.writeable:
        raise LogicError(f"{what}: the array is read-only")
    _call(_sinter.memory_read, _devices.default_device(), host, _address(src, what))


def memcpy_dtod(dest, src, size):
    _before(None)
    _call(_sinter.memory_copy, _devices.default_device(), _address(dest, "memcpy_dtod"), _address(src, "memcpy_dtod"), size)


def memcpy_dtod_async(dest, src, size, stream=None):
    _before(stream)
    _call(_sinter.memory_copy, _devices.default_device(), _address(dest, "memcpy_dtod_async"), _address(src, "memcpy_dtod_async"), size)


def memset_d8(dest, data, count):
    _before(None)
    _call(_sinter.memory_fill, _devices.default_device(), _address(dest, "memset_d8"), data, count)


def memset_d8_async(dest, data, count, stream=None):
    _before(stream)
    _call(_sinter.memory_fill, _devices.default_device(), _address(dest, "memset_d8_async"), data, count)


def _set_words(what, kind, dest, data, count):
    words = numpy.full(count, data, kind)
    _call(_sinter.memory_write, _devices.default_device(), _address(dest, what), words)


def memset_d16(dest, data, count):
    _before(None)
    _set_words("memset_d16", numpy.uint16, dest, data, count)


def memset_d32(dest, data, count):
    _before(None)
    _set_words("memset_d32", numpy.uint32, dest, data, count)

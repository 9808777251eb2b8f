"""Device memory and streams by number, for packages that speak CUDA's language (python/compat/tensorrt, python/compat/pycuda).

The device is a GPU where there is one, else the CPU, whose memory is host memory; SINTER_DEVICE ("cpu", "cuda", "cuda:1") chooses. A stream is an in-order
queue of runs with a number; copies on it wait for what is queued. Stream 0 is CUDA's legacy default stream: it waits for all others.
"""
import json
import os
import threading
import weakref

import _sinter

_lock = threading.Lock()
_streams = weakref.WeakValueDictionary()  # number → Stream
_next = [0x51 << 32]
_device = []


def default_device():
    """"cpu" or "cuda:N"; what SINTER_DEVICE names is not looked for, so that its absence is an error where it is used."""
    if not _device:
        name = os.environ.get("SINTER_DEVICE")
        if not name:
            try:
                _sinter._device_json("cuda")
                name = "cuda"
            except _sinter.Error:
                name = "cpu"
        _device.append("cuda:0" if name == "cuda" else name)
    return _device[0]


def device_facts(device=None):
    """{"name", "ordinal", "free_bytes", "compute_capability" (90 for 9.0; 0: no GPU), "multiprocessors"}."""
    return json.loads(_sinter._device_json(device or default_device()))


def on_gpu():
    return default_device().startswith("cuda")


class Stream:
    """An in-order queue with a number of its own."""

    def __init__(self):
        self.queue = _sinter.Stream()
        with _lock:
            _next[0] += 256
            self.number = _next[0]
            _streams[self.number] = self
        self._failure = None

    def wait(self):
        """Waits for what is queued; raises the first failure since the last wait."""
        failure, self._failure = self._failure, None
        self.queue.wait()
        if failure is not None:
            raise failure

    def settle(self):
        """Waits, and keeps a failure for wait()."""
        try:
            self.queue.wait()
        except _sinter.Error as error:
            self._failure = self._failure or error


def stream_of(number):
    """The stream of a number; None: of nobody here (0, or a stream of another library)."""
    return _streams.get(number) if number else None


def settle_all():
    for stream in list(_streams.values()):
        stream.settle()


def wait_all():
    """As cuCtxSynchronize: raises the first failure."""
    for stream in list(_streams.values()):
        stream.wait()

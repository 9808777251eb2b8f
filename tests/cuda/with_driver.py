#!/usr/bin/env python3
"""usage: tests/cuda/with_driver.py LIBSINTER MODEL.onnx

Sinter in a CUDA context that the caller made with the driver's own calls, as PyCUDA and numba make theirs: not the device's primary one. Memory,
streams and events are the caller's. MODEL has one f32 input. The last line is `N passed, M failed`; exit code 77: no driver or no GPU is here.
SINTER_CUDA_DRIVER may name the driver's file.
"""
import array
import ctypes
import os
import random
import sys

try:
    driver = ctypes.CDLL(os.environ.get("SINTER_CUDA_DRIVER", "libcuda.so.1"))
except OSError:
    print("skipped: no CUDA driver is here")
    sys.exit(77)
Pointer, Address, Size = ctypes.c_void_p, ctypes.c_uint64, ctypes.c_size_t


def call(name, *arguments):
    code = getattr(driver, name)(*arguments)
    if code != 0:
        raise RuntimeError(f"{name}: {code}")


count = ctypes.c_int(0)
if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0 or count.value == 0:
    print("skipped: the driver sees no GPU")
    sys.exit(77)
own = Pointer()
call("cuCtxCreate_v2", ctypes.byref(own), 0, 0)  # current from here on
sys.dont_write_bytecode = True
import capi  # noqa: E402
from capi import F32, api, require  # noqa: E402


def current():
    context = Pointer()
    call("cuCtxGetCurrent", ctypes.byref(context))
    return context.value


def numbers(net, seed):
    size = 1
    for dim in net.shape:
        size *= dim
    generator = random.Random(seed)
    return array.array("f", [generator.random() for _ in range(size)])


def allocate(size):
    address = Address()
    call("cuMemAlloc_v2", ctypes.byref(address), Size(size))
    return address


def close(a, b):
    a, b = array.array("f", a), array.array("f", b)
    return len(a) == len(b) and all(abs(x - y) <= 1e-5 * abs(y) + 1e-6 for x, y in zip(a, b))


def check_memory_and_stream(net):
    stream = Pointer()
    call("cuStreamCreate", ctypes.byref(stream), 1)
    values = numbers(net, 0)
    device = allocate(len(values) * 4)
    context = net.context()
    require(api.sinter_context_set_input_device(context, 0, F32, net.dims, len(net.shape), device.value))
    require(api.sinter_context_keep_output_on_device(context, 0, 1))
    for seed in range(5):  # plain, captured, as a graph
        values = numbers(net, seed)
        address, length = values.buffer_info()
        call("cuMemcpyHtoDAsync_v2", device, Pointer(address), Size(length * 4), stream)
        require(api.sinter_context_enqueue_cuda(context, stream))
        view = capi.Tensor()
        require(api.sinter_context_output(context, 0, ctypes.byref(view)))
        out = ctypes.create_string_buffer(view.bytes)
        call("cuMemcpyDtoHAsync_v2", out, Address(view.data), Size(view.bytes), stream)
        call("cuStreamSynchronize", stream)
        assert close(out.raw, net.on_host(address)), seed
        assert current() == own.value, "another context became current"
    api.sinter_context_free(context)
    call("cuMemFree_v2", device)
    call("cuStreamDestroy_v2", stream)


def check_no_context_of_its_own(net):
    """Memory of the caller's context is read, which another context could not."""
    values = numbers(net, 7)
    address, length = values.buffer_info()
    device = allocate(length * 4)
    call("cuMemcpyHtoDAsync_v2", device, Pointer(address), Size(length * 4), None)
    call("cuStreamSynchronize", None)
    context, view = net.context(), capi.Tensor()
    require(api.sinter_context_set_input_device(context, 0, F32, net.dims, len(net.shape), device.value))
    require(api.sinter_context_execute(context))
    require(api.sinter_context_output(context, 0, ctypes.byref(view)))
    out = ctypes.string_at(view.data, view.bytes)
    api.sinter_context_free(context)
    call("cuMemFree_v2", device)
    assert close(out, net.on_host(address))
    assert current() == own.value


sys.exit(capi.run_checks("a context of the caller's", [check_memory_and_stream, check_no_context_of_its_own]))

#!/usr/bin/env python3
"""usage: tests/cuda/with_cupy.py LIBSINTER MODEL.onnx

Sinter beside CuPy on a GPU: pointers of its arrays, its streams, and its arrays by DLPack. MODEL has one f32 input. The last line is `N passed, M failed`;
exit code 77: CuPy or a GPU is not here.
"""
import ctypes
import sys

try:
    import cupy
    import numpy
except ImportError:
    print("skipped: CuPy is not here")
    sys.exit(77)
try:
    cupy.cuda.runtime.getDeviceCount()
except cupy.cuda.runtime.CUDARuntimeError:
    print("skipped: CuPy sees no GPU")
    sys.exit(77)
sys.dont_write_bytecode = True
import capi  # noqa: E402
from capi import F32, api, require  # noqa: E402


class Capsule:
    """What cupy.from_dlpack() takes, around an output of Sinter."""

    def __init__(self, context):
        self.capsule = capi.take(context)

    def __dlpack__(self, **_):
        return self.capsule

    def __dlpack_device__(self):
        return (2, cupy.cuda.Device().id)  # 2: CUDA


def wanted(net, x):
    x = numpy.ascontiguousarray(cupy.asnumpy(x))
    return numpy.frombuffer(net.on_host(x.ctypes.data), numpy.float32)


def check_pointers_and_streams(net):
    context, stream = net.context(), cupy.cuda.Stream(non_blocking=True)
    x = cupy.zeros(net.shape, cupy.float32)
    y = cupy.full(wanted(net, x).size, numpy.nan, cupy.float32)
    cupy.cuda.Device().synchronize()
    for seed in range(6):  # plain, captured, as a graph
        values = numpy.random.default_rng(seed).random(net.shape, numpy.float32)
        with stream:
            x.set(values)
            require(api.sinter_context_set_input_device(context, 0, F32, net.dims, len(net.shape), x.data.ptr))
            require(api.sinter_context_keep_output_on_device(context, 0, 1))
            require(api.sinter_context_enqueue_cuda(context, stream.ptr))
            y[...] = cupy.from_dlpack(Capsule(context)).ravel()
        stream.synchronize()
        assert numpy.allclose(cupy.asnumpy(y), wanted(net, x), rtol=1e-5, atol=1e-6), seed
    api.sinter_context_free(context)


def check_dlpack_in_place(net):
    context = net.context()
    x = cupy.random.random(net.shape, dtype=cupy.float32)
    y = cupy.full_like(cupy.asarray(wanted(net, x)), numpy.nan)
    cupy.cuda.Device().synchronize()
    require(capi.give(api.sinter_context_set_input_dlpack, context, x.__dlpack__()))
    require(api.sinter_context_execute(context))
    view = capi.Tensor()
    require(api.sinter_context_output(context, 0, ctypes.byref(view)))
    y = numpy.frombuffer(ctypes.string_at(view.data, view.bytes), numpy.float32)
    assert numpy.allclose(y, wanted(net, x), rtol=1e-5, atol=1e-6)
    x *= 0.5  # in place: the next run sees it
    cupy.cuda.Device().synchronize()
    require(api.sinter_context_execute(context))
    require(api.sinter_context_output(context, 0, ctypes.byref(view)))
    y = numpy.frombuffer(ctypes.string_at(view.data, view.bytes), numpy.float32)
    api.sinter_context_free(context)
    assert numpy.allclose(y, wanted(net, x), rtol=1e-5, atol=1e-6)


cupy.zeros(1)  # CuPy's context first: it is current when the engine loads
sys.exit(capi.run_checks(f"CuPy {cupy.__version__}", [check_pointers_and_streams, check_dlpack_in_place]))

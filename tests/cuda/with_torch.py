#!/usr/bin/env python3
"""usage: tests/cuda/with_torch.py LIBSINTER MODEL.onnx

Sinter beside PyTorch on a GPU, through the C interface and DLPack: tensors of one used by the other in place, on PyTorch's streams and in its CUDA
context. MODEL has one f32 input. The last line is `N passed, M failed`; exit code 77: PyTorch or a GPU is not here.
"""
import ctypes
import gc
import os
import sys
import tempfile
import threading

try:
    import torch
    from torch.utils import dlpack
except ImportError:
    print("skipped: PyTorch is not here")
    sys.exit(77)
if not torch.cuda.is_available():
    print("skipped: PyTorch sees no GPU")
    sys.exit(77)

INVALID_ARGUMENT, UNSUPPORTED, F32 = 1, 4, 1
api = ctypes.CDLL(sys.argv[1])
api.sinter_last_error.restype = ctypes.c_char_p
Pointer, Size = ctypes.c_void_p, ctypes.c_size_t


class IoInfo(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("kind", ctypes.c_uint), ("dtype", ctypes.c_uint), ("rank", ctypes.c_int32),
                ("dims", ctypes.POINTER(ctypes.c_int64)), ("dim_names", Pointer), ("type", ctypes.c_char_p)]


class Tensor(ctypes.Structure):
    _fields_ = [("dtype", ctypes.c_uint), ("rank", ctypes.c_int32), ("dims", ctypes.POINTER(ctypes.c_int64)), ("data", Pointer), ("bytes", Size),
                ("count", ctypes.c_int64)]


for name, types in {
    "sinter_engine_load": [ctypes.c_char_p, Pointer, Pointer], "sinter_engine_free": [Pointer], "sinter_context_free": [Pointer],
    "sinter_engine_input_info": [Pointer, Size, Pointer], "sinter_context_create": [Pointer, Pointer, Pointer], "sinter_context_execute": [Pointer],
    "sinter_context_set_input": [Pointer, Size, ctypes.c_uint, Pointer, ctypes.c_int32, Pointer],
    "sinter_context_set_input_device": [Pointer, Size, ctypes.c_uint, Pointer, ctypes.c_int32, Pointer],
    "sinter_context_set_input_dlpack": [Pointer, Size, Pointer], "sinter_context_set_output_dlpack": [Pointer, Size, Pointer],
    "sinter_context_keep_output_on_device": [Pointer, Size, ctypes.c_int32], "sinter_context_output_dlpack": [Pointer, Size, Pointer],
    "sinter_context_enqueue_cuda": [Pointer, Pointer], "sinter_context_output": [Pointer, Size, Pointer], "sinter_context_prepare": [Pointer],
}.items():
    getattr(api, name).argtypes = types
python = ctypes.pythonapi
python.PyCapsule_GetPointer.restype = Pointer
python.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
python.PyCapsule_SetName.argtypes = [ctypes.py_object, ctypes.c_char_p]
python.PyCapsule_New.restype = ctypes.py_object
python.PyCapsule_New.argtypes = [Pointer, ctypes.c_char_p, Pointer]
USED = ctypes.create_string_buffer(b"used_dltensor")  # a capsule keeps the pointer, not the text
NAME = ctypes.create_string_buffer(b"dltensor")


def require(status):
    if status != 0:
        raise RuntimeError(api.sinter_last_error().decode())


def made(function, *arguments):
    out = Pointer()
    require(function(*arguments, ctypes.byref(out)))
    return out


def give(function, context, tensor):
    """Passes a tensor on by DLPack; the status. What was refused stays PyTorch's."""
    capsule = dlpack.to_dlpack(tensor)
    status = function(context, 0, python.PyCapsule_GetPointer(capsule, b"dltensor"))
    if status == 0:
        python.PyCapsule_SetName(capsule, ctypes.cast(USED, ctypes.c_char_p))
    return status


def take(context):
    pointer = made(api.sinter_context_output_dlpack, context, Size(0))
    return dlpack.from_dlpack(python.PyCapsule_New(pointer, ctypes.cast(NAME, ctypes.c_char_p), None))


class Net:
    def __init__(self, path):
        self.engine = made(api.sinter_engine_load, path.encode(), None)
        info = IoInfo()
        require(api.sinter_engine_input_info(self.engine, 0, ctypes.byref(info)))
        assert info.dtype == F32
        self.shape = [info.dims[i] if info.dims[i] >= 0 else 2 for i in range(info.rank)]

    def context(self):
        return made(api.sinter_context_create, self.engine, None)

    def on_host(self, x):
        context, x = self.context(), x.cpu().contiguous()
        dims = (ctypes.c_int64 * len(self.shape))(*self.shape)
        require(api.sinter_context_set_input(context, 0, F32, dims, len(self.shape), x.data_ptr()))
        require(api.sinter_context_execute(context))
        out = take(context).clone()
        api.sinter_context_free(context)
        return out


def close(a, b):
    return torch.allclose(a.cpu(), b.cpu(), rtol=1e-5, atol=1e-6)


def check_dlpack_in_place(net):
    x = torch.rand(net.shape, device="cuda")
    context = net.context()
    require(give(api.sinter_context_set_input_dlpack, context, x))
    require(api.sinter_context_keep_output_on_device(context, 0, 1))
    torch.cuda.synchronize()
    held = []
    for _ in range(5):  # plain, captured, as a graph
        require(api.sinter_context_execute(context))
        y, view = take(context), Tensor()
        require(api.sinter_context_output(context, 0, ctypes.byref(view)))
        assert y.is_cuda and y.data_ptr() == view.data, "the output was copied"
        assert all(y.data_ptr() != other.data_ptr() for other in held), "an output that is held was written again"
        held.append(y)
        assert close(y, net.on_host(x))
    x.mul_(0.5)  # in place: the next run sees it
    torch.cuda.synchronize()
    require(api.sinter_context_execute(context))
    last = take(context)
    api.sinter_context_free(context)
    assert close(last, net.on_host(x)) and not close(last, held[0])  # outputs outlive their context


def check_torch_streams(net):
    stream = torch.cuda.Stream()
    context = net.context()
    x = torch.zeros(net.shape, device="cuda")
    require(give(api.sinter_context_set_input_dlpack, context, x))
    require(api.sinter_context_prepare(context))
    wanted, got = [], []
    host = [torch.rand(net.shape).pin_memory() for _ in range(6)]
    require(api.sinter_context_keep_output_on_device(context, 0, 1))
    torch.cuda.synchronize()
    with torch.cuda.stream(stream):
        for value in host:
            torch.cuda._sleep(1000000)
            x.copy_(value, non_blocking=True)
            require(api.sinter_context_enqueue_cuda(context, stream.cuda_stream))
            got.append(take(context) * 2)  # PyTorch's work on the same stream: nobody waits
    stream.synchronize()
    wanted = [net.on_host(value) * 2 for value in host]
    api.sinter_context_free(context)
    assert all(close(a, b) for a, b in zip(got, wanted))


def check_output_into_torch(net):
    context = net.context()
    x = torch.rand(net.shape, device="cuda")
    dims = (ctypes.c_int64 * len(net.shape))(*net.shape)
    require(api.sinter_context_set_input_device(context, 0, F32, dims, len(net.shape), x.data_ptr()))
    y = torch.full_like(net.on_host(x).cuda(), float("nan"))
    require(give(api.sinter_context_set_output_dlpack, context, y))
    torch.cuda.synchronize()
    require(api.sinter_context_execute(context))
    api.sinter_context_free(context)
    assert close(y, net.on_host(x))


def check_refusals(net):
    context = net.context()
    wide = torch.rand(net.shape[:-1] + [2 * net.shape[-1]], device="cuda")
    for tensor, code, words in [(torch.rand(net.shape, device="cuda").half(), INVALID_ARGUMENT, "f16"),
                                (wide[..., ::2], UNSUPPORTED, "strides"),
                                (torch.zeros(net.shape, dtype=torch.int64), INVALID_ARGUMENT, "i64")]:
        status = give(api.sinter_context_set_input_dlpack, context, tensor)
        text = api.sinter_last_error().decode()
        assert status == code and words in text, f"status {status}: {text}"
    api.sinter_context_free(context)


def check_ownership(net):
    gc.collect()
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    context = net.context()
    require(give(api.sinter_context_set_input_dlpack, context, torch.rand(net.shape, device="cuda")))
    gc.collect()
    assert torch.cuda.memory_allocated() > before, "the input was not kept"
    api.sinter_context_free(context)
    gc.collect()
    assert torch.cuda.memory_allocated() == before, "the input was not given back"


def check_threads(net):
    failures = []

    def work(seed):
        try:
            generator = torch.Generator().manual_seed(seed)
            stream, context = torch.cuda.Stream(), net.context()
            for _ in range(20):
                with torch.cuda.stream(stream):
                    x = torch.rand(net.shape, generator=generator).cuda()
                    require(give(api.sinter_context_set_input_dlpack, context, x))
                    require(api.sinter_context_keep_output_on_device(context, 0, 1))
                    require(api.sinter_context_enqueue_cuda(context, stream.cuda_stream))
                    y = take(context)
                stream.synchronize()
                if not close(y, net.on_host(x)):
                    failures.append(seed)
            api.sinter_context_free(context)
        except Exception as error:  # noqa: BLE001: told by the main thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def build(model, engine):
    tool = os.path.join(os.path.dirname(os.path.abspath(sys.argv[1])), "..", "bin", "sinter")
    code = os.spawnv(os.P_WAIT, tool, [tool, "build", "-q", model, "-o", engine, "--device", "cuda", "--noTF32"])
    if code != 0:
        raise RuntimeError(f"sinter build ended with {code}")


def main():
    torch.rand(1, device="cuda")  # PyTorch's context first: it is current when the engine loads
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        engine = os.path.join(folder, "net.engine")
        build(sys.argv[2], engine)
        net = Net(engine)
        for check in [check_dlpack_in_place, check_torch_streams, check_output_into_torch, check_refusals, check_ownership, check_threads]:
            try:
                check(net)
                passed += 1
                print(f"{check.__name__}: ok", flush=True)
            except Exception as error:  # noqa: BLE001: each check stands alone
                failed += 1
                print(f"{check.__name__}: FAILED: {error!r}", flush=True)
        api.sinter_engine_free(net.engine)
    print(f"PyTorch {torch.__version__}: {passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())

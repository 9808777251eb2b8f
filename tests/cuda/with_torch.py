#!/usr/bin/env python3
"""usage: tests/cuda/with_torch.py LIBSINTER MODEL.onnx

Sinter beside PyTorch on a GPU, through the C interface and DLPack: tensors of one used by the other in place, on PyTorch's streams and in its CUDA
context. MODEL has one f32 input. The last line is `N passed, M failed`; exit code 77: PyTorch or a GPU is not here.
"""
import ctypes
import gc
import sys
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
sys.dont_write_bytecode = True
import capi  # noqa: E402
from capi import F32, INVALID_ARGUMENT, UNSUPPORTED, Tensor, api, require  # noqa: E402


def give(function, context, tensor):
    return capi.give(function, context, dlpack.to_dlpack(tensor))


def take(context):
    return dlpack.from_dlpack(capi.take(context))


def on_host(net, x):
    x = x.cpu().contiguous()
    context = net.context()
    require(api.sinter_context_set_input(context, 0, F32, net.dims, len(net.shape), x.data_ptr()))
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
        assert close(y, on_host(net, x))
    x.mul_(0.5)  # in place: the next run sees it
    torch.cuda.synchronize()
    require(api.sinter_context_execute(context))
    last = take(context)
    api.sinter_context_free(context)
    assert close(last, on_host(net, x)) and not close(last, held[0])  # outputs outlive their context


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
    wanted = [on_host(net, value) * 2 for value in host]
    api.sinter_context_free(context)
    assert all(close(a, b) for a, b in zip(got, wanted))


def check_output_into_torch(net):
    context = net.context()
    x = torch.rand(net.shape, device="cuda")
    require(api.sinter_context_set_input_device(context, 0, F32, net.dims, len(net.shape), x.data_ptr()))
    y = torch.full_like(on_host(net, x).cuda(), float("nan"))
    require(give(api.sinter_context_set_output_dlpack, context, y))
    torch.cuda.synchronize()
    require(api.sinter_context_execute(context))
    api.sinter_context_free(context)
    assert close(y, on_host(net, x))


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
                if not close(y, on_host(net, x)):
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


torch.rand(1, device="cuda")  # PyTorch's context first: it is current when the engine loads
sys.exit(capi.run_checks(f"PyTorch {torch.__version__}", [check_dlpack_in_place, check_torch_streams, check_output_into_torch, check_refusals,
                                                         check_ownership, check_threads]))

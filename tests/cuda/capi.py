"""Sinter's C interface for the scripts beside this one, by ctypes, and what they share: an engine built for the GPU, its shapes, the count of checks."""
import ctypes
import os
import sys
import tempfile

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


def give(function, context, capsule):
    """Passes a DLPack capsule on; the status. What was refused stays its maker's."""
    status = function(context, 0, python.PyCapsule_GetPointer(capsule, b"dltensor"))
    if status == 0:
        python.PyCapsule_SetName(capsule, ctypes.cast(USED, ctypes.c_char_p))
    return status


def take(context):
    """Output 0 as a DLPack capsule."""
    pointer = made(api.sinter_context_output_dlpack, context, Size(0))
    return python.PyCapsule_New(pointer, ctypes.cast(NAME, ctypes.c_char_p), None)


class Net:
    """An engine of one f32 input."""

    def __init__(self, path):
        self.engine = made(api.sinter_engine_load, path.encode(), None)
        info = IoInfo()
        require(api.sinter_engine_input_info(self.engine, 0, ctypes.byref(info)))
        assert info.dtype == F32
        self.shape = [info.dims[i] if info.dims[i] >= 0 else 2 for i in range(info.rank)]
        self.dims = (ctypes.c_int64 * len(self.shape))(*self.shape)

    def context(self):
        return made(api.sinter_context_create, self.engine, None)

    def on_host(self, address):
        """The output for f32 elements at an address of the host, as bytes."""
        context, view = self.context(), Tensor()
        require(api.sinter_context_set_input(context, 0, F32, self.dims, len(self.shape), address))
        require(api.sinter_context_execute(context))
        require(api.sinter_context_output(context, 0, ctypes.byref(view)))
        out = ctypes.string_at(view.data, view.bytes)
        api.sinter_context_free(context)
        return out


def build(model, engine):
    tool = os.path.join(os.path.dirname(os.path.abspath(sys.argv[1])), "..", "bin", "sinter")
    code = os.spawnv(os.P_WAIT, tool, [tool, "build", "-q", model, "-o", engine, "--device", "cuda", "--noTF32"])
    if code != 0:
        raise RuntimeError(f"sinter build ended with {code}")


def run_checks(title, checks):
    """Builds the model of the command line, runs each check on it; the exit code."""
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        engine = os.path.join(folder, "net.engine")
        os.environ["SINTER_KERNEL_CACHE"] = os.path.join(folder, "kernels")  # what another build of Sinter or of the mock compiled is not this one's
        build(sys.argv[2], engine)
        net = Net(engine)
        for check in checks:
            try:
                check(net)
                passed += 1
                print(f"{check.__name__}: ok", flush=True)
            except Exception as error:  # noqa: BLE001: each check stands alone
                failed += 1
                print(f"{check.__name__}: FAILED: {error!r}", flush=True)
        api.sinter_engine_free(net.engine)
    print(f"{title}: {passed} passed, {failed} failed")
    return 1 if failed else 0

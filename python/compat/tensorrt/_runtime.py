"""Runtime, engines and execution contexts."""
import threading

import numpy

import _sinter
import sinter
from sinter import devices

from ._base import Dims, IOutputAllocator, IProfiler, Scoped, Severity, check_logger, host_memory, listening
from ._bindings import ContextBindings, EngineBindings
from ._enums import (AT_MOST_8, AT_MOST_10, OF_SINTER, EngineCapability, ExecutionContextAllocationStrategy, HardwareCompatibilityLevel,
                     ProfilingVerbosity, TensorFormat, TensorIOMode, TensorLocation)
from ._inspector import EngineInspector

_UNBOUNDED = 1 << 60


class Runtime(Scoped):
    """Makes engines of plans."""

    def __init__(self, logger):
        self.logger = check_logger(logger, "Runtime")
        self.max_threads, self.DLA_core, self.num_DLA_cores = 0, -1, 0
        self.gpu_allocator = self.error_recorder = None
        self.temporary_directory, self.tempfile_control_flags, self.engine_host_code_allowed = "", 0, False

    def deserialize_cuda_engine(self, serialized_engine, *_):
        """From anything with a buffer, or a reader with read(size); None when it is no engine for this machine: the log says why."""
        data = serialized_engine
        if hasattr(data, "read") and callable(data.read):
            data = _read_all(data)
        try:
            memoryview(data)
        except TypeError:
            raise TypeError(f"deserialize_cuda_engine: found {type(data).__name__}, expected bytes") from None
        try:
            with listening(self.logger):
                # Bytes of the user may change or go away; a plan of IHostMemory can't.
                engine = sinter.Engine.from_bytes(data, device=int(devices.default_device().partition(":")[2] or 0))
            return ICudaEngine(engine, data, self.logger)
        except (_sinter.Error, ValueError) as error:
            self.logger.log(Severity.ERROR, f"IRuntime::deserializeCudaEngine: Error Code 1: Serialization ({error})")
            return None

    def get_plugin_registry(self):
        from . import get_plugin_registry
        return get_plugin_registry()

    def load_runtime(self, path):
        raise NotImplementedError("load_runtime: there is one runtime here")


def _read_all(reader):
    parts = []
    while True:
        try:
            part = reader.read(1 << 24)
        except TypeError:
            part = reader.read(1 << 24, 0)  # the second form has a stream
        if not part:
            return b"".join(parts)
        parts.append(bytes(part))


class _Tensor:
    """What an engine says of an input or output."""

    def __init__(self, info, engine, is_input):
        if info.kind != "tensor" or info.dtype not in OF_SINTER:
            raise _sinter.UnsupportedError(f"'{info.name}' is {info.type}, which TensorRT's interface has no name for; use sinter's own")
        self.name, self.is_input, self.dtype, self.info = info.name, is_input, OF_SINTER[info.dtype], info
        self.shape = Dims(info.shape if info.shape is not None else ())
        self.numpy = info.numpy_dtype
        self.profiles = [self._ends(engine, number) for number in range(engine.optimization_profile_count)]

    def _ends(self, engine, profile):
        """Least, best and largest shape in an optimization profile."""
        ranges = []
        for size, symbol in zip(self.shape, self.info.dim_names):
            found = engine.symbol_range(symbol, profile) if size == -1 else (size, size, size)
            ranges.append(found if found is not None else (1, 1, _UNBOUNDED))
        return [Dims(end[which] for end in ranges) for which in range(3)]

    def nbytes(self, shape):
        size = 1
        for dim in shape:
            size *= dim
        bits = {"i4": 4, "f4e2m1": 4}.get(self.info.dtype, self.numpy.itemsize * 8)
        return (size * bits + 7) // 8


class ICudaEngine(EngineBindings, Scoped):
    """An engine: immutable, shared by its contexts and by threads."""

    def __init__(self, engine, plan, logger):
        self._engine, self._plan, self._logger = engine, plan, logger
        self._tensors = [_Tensor(info, engine, True) for info in engine.inputs] + [_Tensor(info, engine, False) for info in engine.outputs]
        self._by_name = {tensor.name: tensor for tensor in self._tensors}
        self.error_recorder = None
        self._facts = None

    def _tensor(self, name):
        found = self._by_name.get(name)
        if found is None:
            self._logger.log(Severity.ERROR, f"ICudaEngine: Error Code 3: API Usage Error (tensor '{name}' does not exist; there are {', '.join(self._by_name)})")
        return found

    @property
    def _info(self):
        if self._facts is None:
            self._facts = self._engine.info()
        return self._facts

    num_io_tensors = property(lambda self: len(self._tensors))
    num_optimization_profiles = property(lambda self: self._engine.optimization_profile_count)
    num_layers = property(lambda self: len(self._layers()))
    name = property(lambda self: self._info["manifest"]["model_name"])
    refittable = False
    has_implicit_batch_dimension = False
    num_aux_streams = 0
    engine_capability, hardware_compatibility_level = EngineCapability.STANDARD, HardwareCompatibilityLevel.NONE
    profiling_verbosity, tactic_sources = ProfilingVerbosity.DETAILED, 0
    streamable_weights_size = weight_streaming_budget_v2 = weight_streaming_scratch_memory_size = 0
    device_memory_size_v2 = property(lambda self: self._device_memory())
    if AT_MOST_10:
        device_memory_size = property(lambda self: self._device_memory())

    def _device_memory(self):
        return int(self._info.get("report", {}).get("activation_bytes", 0))

    def _layers(self):
        return self._info.get("report", {}).get("layers", []) if isinstance(self._info.get("report"), dict) and isinstance(self._info["report"].get("layers"), list) else []

    def get_device_memory_size_for_profile(self, profile_index):
        return self._device_memory()

    get_device_memory_size_for_profile_v2 = get_device_memory_size_for_profile

    # ---- tensors by name ----

    def get_tensor_name(self, index):
        if not 0 <= index < len(self._tensors):
            raise IndexError(f"tensor {index} does not exist: the engine has {len(self._tensors)}")
        return self._tensors[index].name

    def get_tensor_mode(self, name):
        tensor = self._tensor(name)
        return TensorIOMode.NONE if tensor is None else TensorIOMode.INPUT if tensor.is_input else TensorIOMode.OUTPUT

    def get_tensor_shape(self, name):
        tensor = self._tensor(name)
        return tensor.shape if tensor is not None else Dims()

    def get_tensor_dtype(self, name):
        tensor = self._tensor(name)
        return tensor.dtype if tensor is not None else OF_SINTER["f32"]

    def get_tensor_location(self, name):
        self._tensor(name)
        return TensorLocation.DEVICE

    def get_tensor_format(self, name, profile_index=0):
        self._tensor(name)
        return TensorFormat.LINEAR

    def get_tensor_format_desc(self, name, profile_index=0):
        tensor = self._tensor(name)
        return f"Row-major linear {tensor.dtype.name} format (TensorFormat.LINEAR)" if tensor is not None else ""

    def get_tensor_bytes_per_component(self, name, profile_index=0):
        tensor = self._tensor(name)
        return int(tensor.dtype.itemsize) if tensor is not None else -1

    def get_tensor_components_per_element(self, name, profile_index=0):
        return 1 if self._tensor(name) is not None else -1

    def get_tensor_vectorized_dim(self, name, profile_index=0):
        return -1

    def is_shape_inference_io(self, name):
        return False

    def is_debug_tensor(self, name):
        return False

    def get_tensor_profile_shape(self, name, profile_index):
        tensor = self._tensor(name)
        count = self.num_optimization_profiles
        if tensor is None or not tensor.is_input or not 0 <= profile_index < count:
            self._logger.log(Severity.ERROR, f"ICudaEngine::getProfileShape: Error Code 3: '{name}' is no input, or profile {profile_index} does not exist (there are {count})")
            return []
        return [Dims(min(size, 2**31 - 1) for size in shape) for shape in tensor.profiles[profile_index]]

    def get_tensor_profile_values(self, name, profile_index):
        return []

    # ---- contexts and plans ----

    def create_execution_context(self, strategy=ExecutionContextAllocationStrategy.STATIC):
        try:
            with listening(self._logger):
                return IExecutionContext(self)
        except _sinter.Error as error:
            self._logger.log(Severity.ERROR, f"ICudaEngine::createExecutionContext: Error Code 2: {error}")
            return None

    if AT_MOST_10:
        create_execution_context_without_device_memory = create_execution_context

    def serialize(self):
        return host_memory(bytes(memoryview(self._plan)))

    def serialize_with_config(self, config=None):
        return self.serialize()

    def create_engine_inspector(self):
        return EngineInspector(self)

    def get_engine_stat(self, stat):
        return int(self._info.get("weight_bytes", 0))


class IExecutionContext(ContextBindings, Scoped):
    """Runs of an engine: one at a time."""

    def __init__(self, engine):
        self._engine = engine
        self._context = sinter.Context(engine._engine, threads=0)
        self._on_gpu = not engine._engine.device.startswith("cpu")
        self._inputs = [tensor for tensor in engine._tensors if tensor.is_input]
        self._outputs = [tensor for tensor in engine._tensors if not tensor.is_input]
        self._shapes = {tensor.name: tensor.shape if -1 not in tensor.shape else None for tensor in self._inputs}
        self._profile = 0
        self._addresses, self._allocators = {}, {}
        self._changed = True      # addresses or shapes since the last run
        self._output_shapes = None  # of the shapes that are set
        self._made = {}           # shapes of outputs of the last run that depend on data
        self._lock = threading.RLock()
        self._profiler = None
        self.name, self.debug_sync, self.enqueue_emits_profile, self.error_recorder = "", False, True, None
        self.persistent_cache_limit, self.nvtx_verbosity, self.device_memory = 0, ProfilingVerbosity.LAYER_NAMES_ONLY, 0
        self.temporary_allocator = None

    engine = property(lambda self: self._engine)
    if AT_MOST_8:
        @property
        def active_optimization_profile(self):
            return self._profile

        @active_optimization_profile.setter
        def active_optimization_profile(self, index):
            self.set_optimization_profile_async(index, 0)
    else:
        active_optimization_profile = property(lambda self: self._profile)

    def _error(self, where, text):
        self._engine._logger.log(Severity.ERROR, f"IExecutionContext::{where}: Error Code 3: API Usage Error ({text})")
        return False

    def set_optimization_profile_async(self, profile_index, stream_handle):
        count = self._engine.num_optimization_profiles
        if not 0 <= profile_index < count:
            return self._error("setOptimizationProfileAsync", f"profile {profile_index} does not exist, there are {count}, from 0 on")
        try:
            with self._lock:
                self._context.set_optimization_profile(profile_index)
        except _sinter.Error as error:
            return self._error("setOptimizationProfileAsync", str(error))
        self._profile = profile_index
        self._made = {}
        self._shapes = {tensor.name: tensor.shape if -1 not in tensor.shape else None for tensor in self._inputs}
        self._changed, self._output_shapes = True, None
        return True

    # ---- shapes ----

    def set_input_shape(self, name, shape):
        tensor = self._engine._by_name.get(name)
        if tensor is None or not tensor.is_input:
            return self._error("setInputShape", f"'{name}' is no input; there are {', '.join(t.name for t in self._inputs)}")
        shape = Dims(shape)
        if len(shape) != len(tensor.shape):
            return self._error("setInputShape", f"input '{name}': found {len(shape)} dimensions in {shape}, expected {len(tensor.shape)} as in {tensor.shape}")
        for axis, size in enumerate(shape):
            if tensor.shape[axis] != -1 and size != tensor.shape[axis]:
                return self._error("setInputShape", f"Static dimension mismatch while setting input shape for '{name}': found {shape}, expected {tensor.shape}")
            least, _, most = (end[axis] for end in tensor.profiles[self._profile])
            if not least <= size <= most:
                others = [number for number, ends in enumerate(tensor.profiles) if all(low <= dim <= high for low, dim, high in zip(ends[0], shape, ends[2]))]
                fits = f"; profile {others[0]} takes it" if others else ""
                return self._error("setInputShape", f"Supplied input shape {shape} of '{name}' violates the profile: dimension {axis} is {size}, expected {least} to {most} in "
                                                    f"profile {self._profile}{fits}")
        if self._shapes[name] != shape:
            with self._lock:
                self._shapes[name] = shape
                self._changed, self._output_shapes = True, None
        return True

    all_input_shapes_specified = property(lambda self: True)
    all_binding_shapes_specified = all_input_dimensions_specified = property(lambda self: all(shape is not None for shape in self._shapes.values()))

    def infer_shapes(self):
        """Names of inputs whose shape is not set."""
        return [name for name, shape in self._shapes.items() if shape is None]

    def _find_output_shapes(self):
        """Shapes of outputs by name, None where they depend on data; raises sinter.Error."""
        if self._output_shapes is None:
            self._context.prepare(dict(self._shapes))
            # A shape that depends on data is known to the library after a run: of that run.
            self._output_shapes = {}
            for tensor in self._outputs:
                shape = self._context.output_shape(tensor.name) if tensor.name not in self._made else None
                if shape is None:
                    self._made.setdefault(tensor.name, None)
                self._output_shapes[tensor.name] = Dims(shape) if shape is not None else None
            self._changed = True
        return self._output_shapes

    def get_tensor_shape(self, name):
        tensor = self._engine._tensor(name)
        if tensor is None:
            return Dims()
        if tensor.is_input:
            return self._shapes[name] if self._shapes[name] is not None else tensor.shape
        if -1 not in tensor.shape or not self.all_input_dimensions_specified:
            return tensor.shape
        with self._lock:
            try:
                found = self._find_output_shapes()[name]
            except _sinter.Error as error:
                self._error("getTensorShape", str(error))
                return Dims()
        return found if found is not None else self._made.get(name) or tensor.shape

    def get_tensor_strides(self, name):
        shape = self.get_tensor_shape(name)
        strides = [1] * len(shape)
        for axis in range(len(shape) - 2, -1, -1):
            strides[axis] = strides[axis + 1] * shape[axis + 1]
        return Dims(strides)

    def get_max_output_size(self, name):
        """Bytes that an output can take at the shapes that are set; -1: it depends on data, and only an output allocator fits."""
        tensor = self._engine._tensor(name)
        if tensor is None or tensor.is_input or not self.all_input_dimensions_specified:
            return -1
        with self._lock:
            try:
                shape = self._find_output_shapes()[name]
            except _sinter.Error as error:
                self._error("getMaxOutputSize", str(error))
                return -1
        return tensor.nbytes(shape) if shape is not None else -1

    # ---- addresses ----

    def set_tensor_address(self, name, memory):
        if name not in self._engine._by_name:
            return self._error("setTensorAddress", f"tensor '{name}' does not exist; there are {', '.join(self._engine)}")
        address = memory.__index__() if hasattr(memory, "__index__") else int(memory)
        if address < 0 or address >= 1 << 64:
            return self._error("setTensorAddress", f"'{name}': {address} is no address")
        if self._addresses.get(name) != address:
            with self._lock:
                self._addresses[name], self._changed = address, True
        return True

    set_input_tensor_address = set_output_tensor_address = set_tensor_address

    def get_tensor_address(self, name):
        return self._addresses.get(name, 0)

    get_output_tensor_address = get_tensor_address

    def set_output_allocator(self, name, output_allocator):
        tensor = self._engine._tensor(name)
        if tensor is None or tensor.is_input:
            return self._error("setOutputAllocator", f"'{name}' is no output")
        if output_allocator is not None and not isinstance(output_allocator, IOutputAllocator):
            raise TypeError(f"set_output_allocator: found {type(output_allocator).__name__}, expected an IOutputAllocator")
        with self._lock:
            if output_allocator is None:
                self._allocators.pop(name, None)
            else:
                self._allocators[name] = output_allocator
            self._changed = True
        return True

    def get_output_allocator(self, name):
        return self._allocators.get(name)

    # ---- runs ----

    def _bind(self):
        """Gives the context what was set; raises sinter.Error."""
        shapes = self._find_output_shapes()
        context, self._late = self._context, []
        for tensor in self._inputs:
            address, shape = self._addresses.get(tensor.name, 0), self._shapes[tensor.name]
            size = tensor.nbytes(shape)
            if not address and size:
                raise _sinter.InvalidArgumentError(f"Address is not set for input tensor {tensor.name}")
            room = _sinter.memory_room(address)
            if room is not None and room < size:
                raise _sinter.InvalidArgumentError(f"input tensor {tensor.name} {shape} takes {size} bytes, the memory at its address has {room}")
            context.set_input_address(tensor.name, shape, address, self._on_gpu)
        for tensor in self._outputs:
            self._bind_output(tensor, shapes[tensor.name])
        self._changed = False

    def _bind_output(self, tensor, shape):
        address, allocator, name = self._addresses.get(tensor.name, 0), self._allocators.get(tensor.name), tensor.name
        if shape is None:
            # Written to memory of the context, and brought to where it belongs when its size is known.
            if allocator is None and (not address or _sinter.memory_room(address) is None):
                raise _sinter.InvalidArgumentError(f"the shape of output tensor {name} depends on data; set an output allocator, or memory of pycuda.driver.mem_alloc")
            self._context.set_output_address(name, 0, 0)
            self._late.append(tensor)
            return
        size = tensor.nbytes(shape)
        if allocator is not None:
            address = int(_reallocate(allocator, name, address, size) or 0)
            self._addresses[name] = address
            allocator.notify_shape(name, shape)
        if not address and size:
            raise _sinter.InvalidArgumentError(f"Address is not set for output tensor {name}")
        room = _sinter.memory_room(address)
        if room is not None and room < size:
            raise _sinter.InvalidArgumentError(f"output tensor {name} {shape} takes {size} bytes, the memory at its address has {room}")
        self._context.set_output_address(name, address, size, self._on_gpu)

    def _finish(self):
        """Outputs whose size was known only after the run."""
        for tensor in self._late:
            array = self._context.output(tensor.name)
            self._made[tensor.name] = Dims(array.shape)
            allocator, address = self._allocators.get(tensor.name), self._addresses.get(tensor.name, 0)
            if allocator is not None:
                address = int(_reallocate(allocator, tensor.name, address, array.nbytes) or 0)
                self._addresses[tensor.name] = address
                allocator.notify_shape(tensor.name, self._made[tensor.name])
            if array.nbytes:
                _sinter.memory_write(devices.default_device(), address, numpy.ascontiguousarray(array))

    def _run(self, where, stream_number):
        missing = self.infer_shapes()
        if missing:
            return self._error(where, f"input shapes are not set: {', '.join(missing)}; call set_input_shape")
        try:
            with self._lock:
                if self._changed or self._allocators or self._late:
                    self._bind()
                stream = devices.stream_of(stream_number)
                if stream is not None and not self._late and self._profiler is None:
                    self._context.enqueue(stream.queue)
                    return True
                if stream is None and stream_number and self._on_gpu and not self._late and self._profiler is None:
                    self._context.enqueue_cuda(stream_number)  # a stream of another library
                    return True
                if stream is not None:
                    stream.settle()
                else:
                    devices.settle_all()
                self._execute()
            return True
        except _sinter.Error as error:
            self._changed = True
            return self._error(where, str(error))

    _late = ()

    def _execute(self):
        if self._profiler is not None:
            self._context.set_profile(True)
        self._context.execute()
        self._finish()
        if self._profiler is not None and self.enqueue_emits_profile:
            self.report_to_profiler()

    def execute_async_v3(self, stream_handle):
        """Puts a run on a stream; False when it can't be: the log says why."""
        return self._run("enqueueV3", int(stream_handle))

    # ---- times ----

    @property
    def profiler(self):
        return self._profiler

    @profiler.setter
    def profiler(self, profiler):
        if profiler is not None and not isinstance(profiler, IProfiler):
            raise TypeError(f"profiler: found {type(profiler).__name__}, expected an IProfiler")
        self._profiler = profiler
        self._context.set_profile(profiler is not None)

    def report_to_profiler(self):
        """The times of the last run to the profiler."""
        if self._profiler is None:
            return False
        for layer in self._context.profile():
            self._profiler.report_layer_time(layer["layer"], layer["total_us"] / 1e3)
        return True

    # ---- taken, without effect ----

    def set_device_memory(self, memory, size=0):
        """The context has memory of its own."""

    def set_aux_streams(self, aux_streams):
        """Runs need no further streams."""

    def set_input_consumed_event(self, event):
        return True

    def set_all_tensors_debug_state(self, flag):
        return False


def _reallocate(allocator, name, memory, size):
    if hasattr(allocator, "reallocate_output"):
        return allocator.reallocate_output(name, memory, size, 256)
    return allocator.reallocate_output_async(name, memory, size, 256, 0)



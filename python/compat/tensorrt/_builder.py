"""Builder, its configuration and profiles."""
import contextlib
import os
import struct
import tempfile
import traceback

import numpy

import _sinter
import sinter
from sinter import devices
from sinter.onnx_proto import ModelProto

from ._base import Dims, IHostMemory, Scoped, Severity, check_logger, host_memory, listening
from ._calibrators import NAMES, IInt8Calibrator
from ._enums import (AT_MOST_8, AT_MOST_10, BuilderFlag, DataType, DeviceType, EngineCapability, HardwareCompatibilityLevel, MemoryPoolType, ProfilingVerbosity,
                     QuantizationFlag, RuntimePlatform, TacticSource, TilingOptimizationLevel, nptype)
from ._network import INetworkDefinition, OnnxParser


class _BuildFailed(Exception):
    """With the text that the log gets."""


class IOptimizationProfile(Scoped):
    """Ranges of inputs' shapes. True when every range that was set is in order."""

    def __init__(self):
        self._shapes, self._values, self.extra_memory_target = {}, {}, 1.0

    def set_shape(self, input, min, opt, max):  # noqa: A002 - TensorRT's names
        shapes = [Dims(shape) for shape in (min, opt, max)]
        if len({len(shape) for shape in shapes}) != 1:
            raise ValueError(f"profile: input '{input}': min {shapes[0]}, opt {shapes[1]} and max {shapes[2]} have different numbers of dimensions")
        if any(not 0 <= low <= best <= high for low, best, high in zip(*shapes)):
            raise ValueError(f"profile: input '{input}': found min {shapes[0]}, opt {shapes[1]}, max {shapes[2]}, expected min <= opt <= max")
        self._shapes[str(input)] = shapes

    def get_shape(self, input):  # noqa: A002
        return list(self._shapes.get(input, []))

    def set_shape_input(self, input, min, opt, max):  # noqa: A002
        self._values[str(input)] = [list(min), list(opt), list(max)]

    def get_shape_input(self, input):  # noqa: A002
        return self._values.get(input, [])

    def __bool__(self):
        return True


class ITimingCache(Scoped):
    """Times of kernels on this machine."""

    def __init__(self, data=b""):
        self._data = bytes(data)

    def serialize(self):
        return host_memory(self._data)

    def combine(self, input_cache, ignore_mismatch=False):
        """Takes the other one's times when this one is empty; True then."""
        if self._data and input_cache._data:
            return False
        self._data = self._data or input_cache._data
        return True

    def reset(self):
        self._data = b""
        return True


class IBuilderConfig(Scoped):
    """How a network is built."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.flags = 1 << int(BuilderFlag.TF32)
        self._pools, self._profiles, self._calibrator, self._calibration_profile = {}, [], None, None
        self._timing_cache, self._preview, self._sources = None, {}, None
        self.profiling_verbosity, self.builder_optimization_level = ProfilingVerbosity.LAYER_NAMES_ONLY, 3
        self.hardware_compatibility_level, self.runtime_platform = HardwareCompatibilityLevel.NONE, RuntimePlatform.SAME_AS_BUILD
        self.max_aux_streams, self.max_num_tactics, self.avg_timing_iterations, self.profile_stream = -1, -1, 1, 0
        self.default_device_type, self.DLA_core, self.engine_capability = DeviceType.GPU, -1, EngineCapability.STANDARD
        self.plugins_to_serialize, self.progress_monitor, self.tiling_optimization_level, self.l2_limit_for_tiling = [], None, TilingOptimizationLevel.NONE, -1
        if AT_MOST_10:
            self.quantization_flags, self.algorithm_selector = 0, None
        if AT_MOST_8:
            self.min_timing_iterations = 1

    def set_flag(self, flag):
        self.flags |= 1 << int(BuilderFlag(flag))

    def clear_flag(self, flag):
        self.flags &= ~(1 << int(BuilderFlag(flag)))

    def get_flag(self, flag):
        return bool(self.flags >> int(BuilderFlag(flag)) & 1)

    def _has(self, name):
        return name in BuilderFlag.__members__ and self.get_flag(BuilderFlag[name])

    def set_quantization_flag(self, flag):
        self.quantization_flags |= 1 << int(QuantizationFlag(flag))

    def clear_quantization_flag(self, flag):
        self.quantization_flags &= ~(1 << int(QuantizationFlag(flag)))

    def get_quantization_flag(self, flag):
        return bool(self.quantization_flags >> int(QuantizationFlag(flag)) & 1)

    def set_memory_pool_limit(self, pool, pool_size):
        size = pool_size.__index__() if hasattr(pool_size, "__index__") else None
        if size is None or size < 0:
            raise TypeError(f"set_memory_pool_limit: found {pool_size!r}, expected a number of bytes")
        self._pools[MemoryPoolType(pool)] = size

    def get_memory_pool_limit(self, pool):
        return self._pools.get(MemoryPoolType(pool), devices.device_facts()["free_bytes"] if pool == MemoryPoolType.WORKSPACE else 0)

    if AT_MOST_8:
        max_workspace_size = property(lambda self: self.get_memory_pool_limit(MemoryPoolType.WORKSPACE),
                                      lambda self, size: self.set_memory_pool_limit(MemoryPoolType.WORKSPACE, size))

    if AT_MOST_10:
        @property
        def int8_calibrator(self):
            return self._calibrator

        @int8_calibrator.setter
        def int8_calibrator(self, calibrator):
            if calibrator is not None and not isinstance(calibrator, IInt8Calibrator):
                raise TypeError(f"int8_calibrator: found {type(calibrator).__name__}, expected an IInt8Calibrator")
            self._calibrator = calibrator

        def set_calibration_profile(self, profile):
            self._calibration_profile = profile
            return True

        def get_calibration_profile(self):
            return self._calibration_profile

    def add_optimization_profile(self, profile):
        if not isinstance(profile, IOptimizationProfile):
            raise TypeError(f"add_optimization_profile: found {type(profile).__name__}, expected an IOptimizationProfile")
        self._profiles.append(profile)
        return len(self._profiles) - 1

    num_optimization_profiles = property(lambda self: len(self._profiles))

    def create_timing_cache(self, serialized_timing_cache):
        return ITimingCache(memoryview(serialized_timing_cache))

    def set_timing_cache(self, cache, ignore_mismatch=False):
        self._timing_cache = cache
        return True

    def get_timing_cache(self):
        return self._timing_cache

    def set_tactic_sources(self, tactic_sources):
        self._sources = int(tactic_sources)
        return True

    def get_tactic_sources(self):
        return self._sources if self._sources is not None else 0

    def set_preview_feature(self, feature, enable):
        self._preview[feature] = bool(enable)

    def get_preview_feature(self, feature):
        return self._preview.get(feature, False)

    def set_device_type(self, layer, device_type):
        if device_type != DeviceType.GPU:
            raise NotImplementedError("set_device_type: there is no DLA here")

    def get_device_type(self, layer):
        return DeviceType.GPU

    def is_device_type_set(self, layer):
        return False

    def reset_device_type(self, layer):
        pass

    def can_run_on_DLA(self, layer):
        return False


@contextlib.contextmanager
def model_file(network):
    """The path of the network's model: the file it was read from, or one of its own while it is changed."""
    if network._path is not None and not network._changed:
        yield network._path
        return
    model = network._written()
    external = any(tensor.data_location == 1 for tensor in model.graph.initializer)
    folder = os.path.dirname(os.path.abspath(network._path)) if network._path is not None and external else None
    handle, path = tempfile.mkstemp(prefix=".sinter-", suffix=".onnx", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(model.SerializeToString())
        yield path
    finally:
        os.unlink(path)


class Builder(Scoped):
    """Makes networks, and plans of them."""

    def __init__(self, logger):
        self.logger = check_logger(logger, "Builder")
        self.max_threads, self.gpu_allocator, self.error_recorder = 0, None, None
        if AT_MOST_8:
            self.max_batch_size = 1

    if AT_MOST_10:
        platform_has_fast_fp16 = platform_has_fast_int8 = platform_has_tf32 = True
    num_DLA_cores = max_DLA_batch_size = 0

    def create_network(self, flags=0):
        flags = int(flags)
        if AT_MOST_8 and not flags & 1:
            self.logger.log(Severity.WARNING, "Networks without EXPLICIT_BATCH are taken as if they had it: dimensions include the batch")
        return INetworkDefinition(self, flags)

    def create_builder_config(self):
        return IBuilderConfig()

    def create_optimization_profile(self):
        return IOptimizationProfile()

    def get_plugin_registry(self):
        from . import get_plugin_registry
        return get_plugin_registry()

    def reset(self):
        pass

    def is_network_supported(self, network, config):
        return network._model is not None

    def build_serialized_network(self, network, config):
        """IHostMemory, or None when it can't be done: the log says why."""
        if not isinstance(network, INetworkDefinition) or not isinstance(config, IBuilderConfig):
            raise TypeError(f"build_serialized_network: found {type(network).__name__} and {type(config).__name__}, expected an INetworkDefinition and an IBuilderConfig")
        try:
            with listening(self.logger), _Build(self, network, config) as build:
                return build.run()
        except (_BuildFailed, _sinter.Error, ValueError) as error:
            self.logger.log(Severity.ERROR, f"IBuilder::buildSerializedNetwork: Error Code 4: {error}")
        except OSError as error:
            self.logger.log(Severity.ERROR, f"IBuilder::buildSerializedNetwork: Error Code 2: {error}")
        return None

    def build_serialized_network_to_stream(self, network, config, writer):
        plan = self.build_serialized_network(network, config)
        if plan is None:
            return False
        writer.write(bytes(plan))
        return True

    def build_engine_with_config(self, network, config):
        plan = self.build_serialized_network(network, config)
        if plan is None:
            return None
        from ._runtime import Runtime
        return Runtime(self.logger).deserialize_cuda_engine(plan)

    if AT_MOST_8:
        build_engine = build_engine_with_config

        def build_cuda_engine(self, network):
            return self.build_engine_with_config(network, self.create_builder_config())


class _Build:
    """One build: options of sinter from a network and a configuration."""

    def __init__(self, builder, network, config):
        self._builder, self._network, self._config, self._logger = builder, network, config, builder.logger
        self._stack, self._options, self._failure = contextlib.ExitStack(), {}, None

    def __enter__(self):
        self._folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="sinter-"))
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _place(self, name):
        return os.path.join(self._folder, name)

    def _warn(self, text):
        self._logger.log(Severity.WARNING, text)

    def run(self):
        network, config, options = self._network, self._config, self._options
        if network._model is None:
            raise _BuildFailed("the network is empty: parse a model first, and look at the parser's errors")
        if network.num_outputs == 0:
            raise _BuildFailed("the network has no outputs; mark one")
        options["device"] = devices.default_device()
        if self._builder.max_threads:
            options["threads"] = self._builder.max_threads
        if MemoryPoolType.WORKSPACE in config._pools:
            options["workspace_bytes"] = config._pools[MemoryPoolType.WORKSPACE]
        self._choose_precision()
        self._choose_shapes()
        cache = self._open_timing_cache()
        if config.progress_monitor is not None:
            self._follow(config.progress_monitor)
        with model_file(network) as model:
            self._choose_ranges()
            try:
                built = sinter.build_to_memory(model, **options)
            except _sinter.Error:
                raise
            except KeyboardInterrupt:
                raise
            except Exception:  # of a calibrator or a monitor
                raise _BuildFailed(traceback.format_exc()) from None
        if cache:
            with open(cache, "rb") as file:
                config._timing_cache._data = file.read()
        self._give_cache()
        return host_memory(built)

    def _choose_precision(self):
        config, options = self._config, self._options
        if self._network._strongly_typed:
            options["strongly_typed"] = True
            return
        options["tf32"] = config._has("TF32")
        options["fp16"], options["bf16"], options["fp8"] = config._has("FP16"), config._has("BF16"), config._has("FP8")
        options["strict_nans"] = config._has("STRICT_NANS")
        options["int8"] = config._has("INT8")
        obey, prefer = config._has("OBEY_PRECISION_CONSTRAINTS") or config._has("STRICT_TYPES"), config._has("PREFER_PRECISION_CONSTRAINTS")
        self._choose_types("obey" if obey else "prefer" if prefer else None)

    def _choose_types(self, constraints):
        names = {DataType.FLOAT: "fp32", DataType.HALF: "fp16", DataType.BF16: "bf16", DataType.INT8: "int8", DataType.FP8: "fp8", DataType.INT32: "int32"}
        precisions, outputs = [], []
        for layer in [*(self._network._layers or []), *self._network._made]:
            asked = [("precision", layer._precision)] if layer.precision_is_set else []
            asked += [("output", layer._output_types[index]) for index in sorted(layer._output_types)]
            if not asked or constraints is None:
                continue
            if not layer.name or any(c in layer.name for c in ",:*"):
                self._warn(f"layer '{layer.name}': its type can't be set, since its name is empty or has one of , : *; rename it")
                continue
            if layer.precision_is_set and layer._precision in names:
                precisions.append(f"{layer.name}:{names[layer._precision]}")
            if layer._output_types:
                outputs.append(f"{layer.name}:" + "+".join(names.get(kind, "fp32") for kind in (layer._output_types.get(i, DataType.FLOAT) for i in range(layer.num_outputs))))
        if precisions or outputs:
            self._options.update(precision_constraints=constraints, layer_precisions=",".join(precisions) or None, layer_output_types=",".join(outputs) or None)

    def _choose_shapes(self):
        """Profiles; without one, dynamic dimensions are 1."""
        network, profiles = self._network, self._config._profiles
        dynamic = {tensor.name: tensor.shape for tensor in map(network.get_input, range(network.num_inputs)) if -1 in tensor.shape}
        if not dynamic:
            return
        if not profiles:
            fixed = {name: tuple(1 if size == -1 else size for size in shape) for name, shape in dynamic.items()}
            for name, shape in dynamic.items():
                self._warn(f"Network has dynamic or shape inputs, but no optimization profile has been defined: dynamic dimensions of input '{name}' {shape} are "
                           f"fixed at 1, {fixed[name]}")
            self._options["shapes"] = fixed
            return
        self._options["optimization_profiles"] = [self._profile_shapes(number, profile, dynamic) for number, profile in enumerate(profiles)]

    def _profile_shapes(self, number, profile, dynamic):
        ends = {"min": {}, "opt": {}, "max": {}}
        for name, shape in dynamic.items():
            wanted = profile._shapes.get(name)
            if wanted is None:
                raise _BuildFailed(f"input '{name}' is dynamic, {shape}, and optimization profile {number} does not define it; call set_shape for it")
            if len(wanted[0]) != len(shape):
                raise _BuildFailed(f"profile {number}: input '{name}' has {len(shape)} dimensions, found {len(wanted[0])} in {wanted[1]}")
            for axis, size in enumerate(shape):
                if size != -1 and any(end[axis] != size for end in wanted):
                    raise _BuildFailed(f"profile {number}: input '{name}', dimension {axis}: it is {size} in the network, found min {wanted[0]}, opt {wanted[1]}, max {wanted[2]}")
            for end, found in zip(("min", "opt", "max"), wanted):
                ends[end][name] = tuple(found)
        return ends

    def _open_timing_cache(self):
        config = self._config
        if config._has("DISABLE_TIMING_CACHE"):
            return None
        if config._timing_cache is None:
            config._timing_cache = ITimingCache()
        path = self._place("timing.cache")
        if config._timing_cache._data:
            with open(path, "wb") as file:
                file.write(config._timing_cache._data)
        self._options["timing_cache"] = path
        return path

    # ---- int8 ----

    def _choose_ranges(self):
        """A calibrator's samples or cache, or ranges of tensors; without any the model's own Q/DQ."""
        config, options = self._config, self._options
        self._calibrator = config._calibrator if config._has("INT8") and AT_MOST_10 and not options.get("strongly_typed") else None
        self._from_cache = False
        if not options.get("int8"):
            return
        ranges = {name: tensor._range for name, tensor in self._network._tensors.items() if tensor._range is not None}
        cache = self._place("calibration.cache")
        if self._calibrator is not None:
            self._calibrate(cache)
        elif ranges:
            with open(cache, "w", encoding="utf-8") as file:
                file.write("TRT-8601-EntropyCalibration2\n")
                for name, (low, high) in ranges.items():
                    file.write(f"{name}: {struct.pack('>f', max(abs(low), abs(high)) / 127).hex()}\n")
            options["calib_cache"] = cache
        elif not _has_quantization(self._network._model):
            self._warn("Calibrator is not being used. Users must provide dynamic range for all tensors that are not Int32 or Bool: no layer is in int8")
            options["int8"] = False

    def _calibrate(self, cache):
        calibrator, options = self._calibrator, self._options
        known = self._ask(calibrator.read_calibration_cache)
        if known is not None and len(memoryview(known)) > 0:
            with open(cache, "wb") as file:
                file.write(known)
            options["calib_cache"] = cache
            self._from_cache = True
            return
        algorithm = self._ask(calibrator.get_algorithm)
        options["calib_algorithm"] = NAMES.get(algorithm, "entropy")
        if options["calib_algorithm"] == "percentile":
            options["calib_percentile"] = min(max(float(self._ask(calibrator.get_quantile)) * 100, 50.0), 100.0)
        batch = self._ask(calibrator.get_batch_size)
        if not hasattr(batch, "__index__") or batch < 1:
            raise _BuildFailed(f"get_batch_size() returned {batch!r}, expected 1 or more")
        options["calibrator"] = _Samples(self._network, calibrator, self._config, batch)
        options["calib_batch"] = batch
        options["calib_cache"] = cache

    def _ask(self, function, *arguments):
        try:
            return function(*arguments)
        except Exception:
            raise _BuildFailed(f"Exception caught in {function.__name__}(): {traceback.format_exc()}") from None

    def _give_cache(self):
        path = self._options.get("calib_cache")
        if self._calibrator is None or self._from_cache or not path or not os.path.exists(path):
            return
        with open(path, "rb") as file:
            self._ask(self._calibrator.write_calibration_cache, memoryview(file.read()))

    # ---- progress ----

    def _follow(self, monitor):
        phases = []

        def progress(phase, done, total):
            if phase not in phases:
                if phases:
                    monitor.phase_finish(phases[-1])
                phases.append(phase)
                monitor.phase_start(phase, None, total)
            return monitor.step_complete(phase, done) is not False

        self._options["progress"] = progress
        self._stack.callback(lambda: phases and monitor.phase_finish(phases[-1]))


class _Samples(sinter.Calibrator):
    """Batches of a calibrator, read from the device memory that it names."""

    def __init__(self, network, calibrator, config, batch):
        super().__init__()
        self._calibrator = calibrator
        self._inputs = [network.get_input(index) for index in range(network.num_inputs)]
        profile = config._calibration_profile or (config._profiles[0] if config._profiles else None)
        self._shapes = {}
        for tensor in self._inputs:
            best = profile._shapes[tensor.name][1] if profile is not None and tensor.name in profile._shapes else None
            shape = [best[axis] if size == -1 and best is not None else 1 if size == -1 else size for axis, size in enumerate(tensor.shape)]
            if shape:
                shape[0] = batch if tensor.shape[0] in (-1, 1) or batch % max(tensor.shape[0], 1) == 0 else shape[0]
            self._shapes[tensor.name] = shape

    def next_batch(self, names):
        addresses = self._calibrator.get_batch(list(names))
        if addresses is None or len(addresses) == 0:
            return None
        if len(addresses) != len(names):
            raise ValueError(f"get_batch returned {len(addresses)} addresses, expected {len(names)}, one an input: {names}")
        batch = {}
        for name, tensor, address in zip(names, self._inputs, addresses):
            array = numpy.empty(self._shapes[name], nptype(tensor.dtype))
            _sinter.memory_read(devices.default_device(), array, int(address))
            batch[name] = array
        return batch


def _has_quantization(model: ModelProto):
    return any(node.op_type in ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger")
               for graph in [model.graph, *model.functions] for node in graph.node)


__all__ = ["Builder", "IBuilderConfig", "IOptimizationProfile", "ITimingCache", "IHostMemory", "OnnxParser", "TacticSource"]

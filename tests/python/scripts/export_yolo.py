"""usage: export_yolo.py MODEL.onnx ENGINE [--half] [--int8] [--dynamic]

Makes the calls of a widely used detector's engine export and of its inference backend, for every generation of the interface: a plan behind a length and
metadata, a bare IInt8Calibrator, bindings by index or tensors by name. The last line is the sum of the outputs' magnitudes.
"""
import json
import sys
from collections import OrderedDict, namedtuple
from pathlib import Path

import numpy as np
import tensorrt as trt

Binding = namedtuple("Binding", ("name", "dtype", "shape", "data", "ptr"))


def export(onnx_file, engine_file, half, int8, dynamic, shape=(1, 3, 16, 16), workspace=1):
    logger = trt.Logger(trt.Logger.INFO)
    logger.min_severity = trt.Logger.Severity.WARNING
    builder = trt.Builder(logger)
    config = builder.create_builder_config()
    workspace_bytes = int(workspace * (1 << 30))
    is_trt10 = int(trt.__version__.split(".", 1)[0]) >= 10
    if is_trt10:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, workspace_bytes)
    else:
        config.max_workspace_size = workspace_bytes
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH))
    half, int8 = builder.platform_has_fast_fp16 and half, builder.platform_has_fast_int8 and int8
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(onnx_file):
        raise RuntimeError(f"failed to load ONNX file: {onnx_file}")
    inputs = [network.get_input(i) for i in range(network.num_inputs)]
    outputs = [network.get_output(i) for i in range(network.num_outputs)]
    for tensor in inputs + outputs:
        print(f'"{tensor.name}" with shape {tensor.shape} {tensor.dtype}')
    if dynamic:
        profile = builder.create_optimization_profile()
        for tensor in inputs:
            profile.set_shape(tensor.name, min=(1, shape[1], 8, 8), opt=shape, max=(*shape[:2], 32, 32))
        config.add_optimization_profile(profile)
        if int8:
            config.set_calibration_profile(profile)
    if int8:
        config.set_flag(trt.BuilderFlag.INT8)
        config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED

        class EngineCalibrator(trt.IInt8Calibrator):
            def __init__(self, dataset, cache=""):
                trt.IInt8Calibrator.__init__(self)
                self.data_iter, self.cache, self.kept = iter(dataset), Path(cache), None

            def get_algorithm(self):
                return trt.CalibrationAlgoType.MINMAX_CALIBRATION

            def get_batch_size(self):
                return 1

            def get_batch(self, names):
                try:
                    self.kept = next(self.data_iter)
                    return [int(self.kept.ctypes.data)]
                except StopIteration:
                    return None

            def read_calibration_cache(self):
                if self.cache.exists() and self.cache.suffix == ".cache":
                    return self.cache.read_bytes()

            def write_calibration_cache(self, cache):
                _ = self.cache.write_bytes(cache)

        rng = np.random.default_rng(0)
        config.int8_calibrator = EngineCalibrator([rng.normal(size=shape).astype(np.float32) for _ in range(8)], str(Path(onnx_file).with_suffix(".cache")))
    elif half:
        config.set_flag(trt.BuilderFlag.FP16)
    metadata = json.dumps({"stride": 32, "task": "detect", "names": {"0": "person"}})

    def write(file, plan):
        file.write(len(metadata).to_bytes(4, byteorder="little", signed=True))
        file.write(metadata.encode())
        file.write(plan)

    if is_trt10:
        engine = builder.build_serialized_network(network, config)
        if engine is None:
            raise RuntimeError("engine build failed, check logs for errors")
        with open(engine_file, "wb") as file:
            write(file, engine)
    else:
        with builder.build_engine(network, config) as engine, open(engine_file, "wb") as file:
            write(file, engine.serialize())


def predict(engine_file, im):
    logger = trt.Logger(trt.Logger.WARNING)
    with open(engine_file, "rb") as file, trt.Runtime(logger) as runtime:
        meta_len = int.from_bytes(file.read(4), byteorder="little")
        metadata = json.loads(file.read(meta_len).decode("utf-8"))
        if metadata.get("dla") is not None:
            runtime.DLA_core = int(metadata.get("dla"))
        model = runtime.deserialize_cuda_engine(file.read())
    context = model.create_execution_context()
    bindings, output_names, dynamic = OrderedDict(), [], False
    is_trt10 = not hasattr(model, "num_bindings")
    for i in range(model.num_io_tensors) if is_trt10 else range(model.num_bindings):
        if is_trt10:
            name = model.get_tensor_name(i)
            dtype = trt.nptype(model.get_tensor_dtype(name))
            is_input = model.get_tensor_mode(name) == trt.TensorIOMode.INPUT
            shape = tuple(model.get_tensor_shape(name))
            profile_shape = tuple(model.get_tensor_profile_shape(name, 0)[2]) if is_input else None
        else:
            name = model.get_binding_name(i)
            dtype = trt.nptype(model.get_binding_dtype(i))
            is_input = model.binding_is_input(i)
            shape = tuple(model.get_binding_shape(i))
            profile_shape = tuple(model.get_profile_shape(0, i)[1]) if is_input else None
        if is_input:
            if -1 in shape:
                dynamic = True
                if is_trt10:
                    context.set_input_shape(name, profile_shape)
                else:
                    context.set_binding_shape(i, profile_shape)
        else:
            output_names.append(name)
        shape = tuple(context.get_tensor_shape(name)) if is_trt10 else tuple(context.get_binding_shape(i))
        data = np.empty(shape, dtype=dtype)
        bindings[name] = Binding(name, dtype, shape, data, int(data.ctypes.data))
    addresses = OrderedDict((n, d.ptr) for n, d in bindings.items())
    if dynamic or im.shape != bindings["input"].shape:
        if is_trt10:
            context.set_input_shape("input", im.shape)
        else:
            context.set_binding_shape(model.get_binding_index("input"), im.shape)
        bindings["input"] = bindings["input"]._replace(shape=im.shape)
        for name in output_names:
            shape = tuple(context.get_tensor_shape(name)) if is_trt10 else tuple(context.get_binding_shape(model.get_binding_index(name)))
            bindings[name] = bindings[name]._replace(shape=shape, data=np.resize(bindings[name].data, shape))
            addresses[name] = int(bindings[name].data.ctypes.data)
    addresses["input"] = int(im.ctypes.data)
    assert context.execute_v2(list(addresses.values()))
    return [bindings[name].data for name in sorted(output_names)]


if __name__ == "__main__":
    flags = sys.argv[3:]
    export(sys.argv[1], sys.argv[2], "--half" in flags, "--int8" in flags, "--dynamic" in flags)
    image = np.random.default_rng(1).normal(size=(1, 3, 24, 16) if "--dynamic" in flags else (1, 3, 16, 16)).astype(np.float32)
    print(sum(float(np.abs(output).sum()) for output in predict(sys.argv[2], image)))

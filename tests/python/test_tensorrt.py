"""python/compat/tensorrt and pycuda: deployment scripts' calls, and what is refused."""
import json
import os
import subprocess
import sys
import tempfile
import threading
import unittest

import models
import numpy as np
import onnx_writer
import pycuda.autoinit  # noqa: F401
import pycuda.driver as cuda
import sinter
import tensorrt as trt


class Log(trt.ILogger):
    def __init__(self):
        trt.ILogger.__init__(self)
        self.lines = []

    def log(self, severity, msg):
        self.lines.append((severity, msg))

    def text(self, severity):
        return "\n".join(msg for found, msg in self.lines if found == severity)


def parsed(model, logger, flags=0):
    builder = trt.Builder(logger)
    network = builder.create_network(flags)
    parser = trt.OnnxParser(network, logger)
    assert parser.parse(model), [str(parser.get_error(index)) for index in range(parser.num_errors)]
    return builder, network


def built(model, logger, *flags, profile=None):
    builder, network = parsed(model, logger)
    config = builder.create_builder_config()
    for flag in flags:
        config.set_flag(flag)
    if profile:
        made = builder.create_optimization_profile()
        for name, shapes in profile.items():
            made.set_shape(name, *shapes)
        config.add_optimization_profile(made)
    plan = builder.build_serialized_network(network, config)
    assert plan is not None, logger.lines
    return plan


def engine_of(plan, logger):
    return trt.Runtime(logger).deserialize_cuda_engine(plan)


class Buffers:
    """Host and device memory of every tensor of a context."""

    def __init__(self, engine, context):
        self.host, self.device = {}, {}
        for index in range(engine.num_io_tensors):
            name = engine.get_tensor_name(index)
            self.host[name] = cuda.pagelocked_empty(trt.volume(context.get_tensor_shape(name)), trt.nptype(engine.get_tensor_dtype(name)))
            self.device[name] = cuda.mem_alloc(self.host[name].nbytes)
            context.set_tensor_address(name, int(self.device[name]))

    def run(self, context, stream, **inputs):
        for name, value in inputs.items():
            np.copyto(self.host[name], value.ravel())
            cuda.memcpy_htod_async(self.device[name], self.host[name], stream)
        assert context.execute_async_v3(stream.handle)
        results = {}
        for name, device in self.device.items():
            if name not in inputs:
                cuda.memcpy_dtoh_async(self.host[name], device, stream)
        stream.synchronize()
        for name in self.device:
            if name not in inputs:
                results[name] = self.host[name].reshape(context.get_tensor_shape(name)).copy()
        return results


class Deployment(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model, cls.weights = models.conv_net()
        cls.x = np.random.default_rng(8).normal(size=(1, 3, 16, 16)).astype(np.float32)
        cls.wanted = models.conv_net_values(cls.weights, cls.x)
        cls.log = Log()
        cls.plan = built(cls.model, cls.log)
        cls.engine = engine_of(cls.plan, cls.log)

    def near(self, found, wanted=None, tolerance=0.002):
        wanted = self.wanted if wanted is None else wanted
        self.assertEqual(found.shape, wanted.shape)
        self.assertLess(np.abs(found - wanted).max() / np.abs(wanted).max(), tolerance)

    def test_what_the_module_says(self):
        self.assertTrue(trt.__version__.startswith("10."))
        self.assertEqual(trt.nptype(trt.float16), np.float16)
        self.assertEqual(trt.volume((2, 3, 4)), 24)
        self.assertEqual(trt.volume(()), 1)
        self.assertEqual(1 << int(trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH), 1)
        self.assertEqual(str(trt.float32), "DataType.FLOAT")
        self.assertEqual([int(trt.BuilderFlag.FP16), int(trt.BuilderFlag.TF32), int(trt.BuilderFlag.BF16)], [0, 6, 17])
        self.assertEqual(trt.float32.itemsize, 4)
        for kind in (trt.bfloat16, trt.fp8, trt.int4, 3):
            with self.assertRaises(TypeError):
                trt.nptype(kind)
        self.assertEqual(trt.Dims4(1, 2, 3, 4)[1:], (2, 3, 4))
        self.assertEqual(trt.DimsHW([5, 6]).h, 5)
        with self.assertRaises(TypeError):
            trt.Dims3(1, 2)
        self.assertFalse(hasattr(self.engine, "num_bindings"))
        self.assertIsNone(trt.get_plugin_registry().get_creator("Any", "1", ""))
        self.assertTrue(trt.init_libnvinfer_plugins(self.log, ""))

    def test_other_generations(self):
        for generation, present, absent in (("8", ["IInt8Calibrator"], []), ("11", [], ["IInt8Calibrator"])):
            text = ("import tensorrt as t; print(t.__version__, [n for n in %r if not hasattr(t, n)], [n for n in %r if hasattr(t, n)], hasattr(t.ICudaEngine, 'num_bindings'),"
                    " hasattr(t.BuilderFlag, 'FP16'), hasattr(t.NetworkDefinitionCreationFlag, 'EXPLICIT_BATCH'))" % (present, absent))
            out = subprocess.run([sys.executable, "-c", text], env={**os.environ, "SINTER_TRT_COMPAT": generation}, capture_output=True, text=True, check=True).stdout.split(" ", 1)
            self.assertTrue(out[0].startswith(generation + "."))
            self.assertEqual(out[1].strip(), f"[] [] {generation == '8'} {generation == '8'} {generation == '8'}")
        failed = subprocess.run([sys.executable, "-c", "import tensorrt"], env={**os.environ, "SINTER_TRT_COMPAT": "9"}, capture_output=True, text=True)
        self.assertIn("SINTER_TRT_COMPAT", failed.stderr)

    def test_network_of_a_model(self):
        with trt.Builder(self.log) as builder, builder.create_network(1) as network, trt.OnnxParser(network, self.log) as parser:
            self.assertTrue(builder.platform_has_fast_fp16 and builder.platform_has_fast_int8)
            self.assertTrue(parser.parse(self.model))
            self.assertEqual((network.num_inputs, network.num_outputs, network.num_layers, len(network)), (1, 1, 7, 7))
            tensor = network.get_input(0)
            self.assertEqual((tensor.name, tensor.shape, tensor.dtype, tensor.is_network_input), ("input", (1, 3, 16, 16), trt.float32, True))
            self.assertEqual([layer.type for layer in network][:2], [trt.LayerType.CONVOLUTION, trt.LayerType.ACTIVATION])
            self.assertEqual(network[0].get_output(0).name, "c1")
            self.assertIsInstance(network[1].get_input(0), trt.ITensor)
            for index in (-1, 9):
                with self.assertRaises(IndexError):
                    network.get_layer(index)
            with self.assertRaises(NotImplementedError):
                network.add_relu(tensor)

    def test_async_run(self):
        context, stream = self.engine.create_execution_context(), cuda.Stream()
        buffers = Buffers(self.engine, context)
        for factor in (1, 2, -1):
            found = buffers.run(context, stream, input=self.x * np.float32(factor))["output"]
            self.near(found, models.conv_net_values(self.weights, self.x * factor))
        np.testing.assert_array_equal(found, sinter.load(bytes(self.plan)).infer({"input": -self.x})["output"])

    def test_sync_run_with_bindings(self):
        context = self.engine.create_execution_context()
        source, target = cuda.to_device(self.x), cuda.mem_alloc(40)
        self.assertTrue(context.execute_v2([int(source), int(target)]))
        self.near(cuda.from_device(target, (1, 10), np.float32))
        y = np.zeros((1, 10), np.float32)
        if self.engine._engine.device == "cpu":  # host memory is device memory
            self.assertTrue(context.execute_v2(bindings=[self.x.ctypes.data, y.ctypes.data]))
            self.near(y)
        self.assertFalse(context.execute_v2([int(source)]))
        self.assertFalse(context.execute_v2([0, int(target)]))

    def test_two_streams(self):
        failures = []

        def work(seed):
            context, stream = self.engine.create_execution_context(), cuda.Stream()
            buffers = Buffers(self.engine, context)
            x = np.random.default_rng(seed).normal(size=self.x.shape).astype(np.float32)
            first = buffers.run(context, stream, input=x)["output"]
            for _ in range(50):
                if not np.array_equal(buffers.run(context, stream, input=x)["output"], first):
                    failures.append(seed)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def test_precision_keeps_io_types(self):
        for flags in ((trt.BuilderFlag.FP16,), (trt.BuilderFlag.BF16,), (trt.BuilderFlag.FP16, trt.BuilderFlag.BF16), (trt.BuilderFlag.INT8,)):
            log = Log()
            engine = engine_of(built(self.model, log, *flags), log)
            self.assertEqual([engine.get_tensor_dtype(name) for name in engine], [trt.float32, trt.float32])
            context = engine.create_execution_context()
            self.near(Buffers(engine, context).run(context, cuda.Stream(), input=self.x)["output"], tolerance=0.05)
        self.assertIn("Calibrator is not being used", log.text(trt.Logger.WARNING))

    def test_dynamic_shapes(self):
        model, weights = models.conv_net("batch", "size")
        log = Log()
        engine = engine_of(built(model, log, profile={"input": ((1, 3, 8, 8), (2, 3, 16, 16), (4, 3, 32, 32))}), log)
        self.assertEqual(engine.get_tensor_shape("input"), (-1, 3, -1, -1))
        self.assertEqual([tuple(shape) for shape in engine.get_tensor_profile_shape("input", 0)], [(1, 3, 8, 8), (2, 3, 16, 16), (4, 3, 32, 32)])
        context, stream = engine.create_execution_context(), cuda.Stream()
        self.assertEqual(context.infer_shapes(), ["input"])
        self.assertFalse(context.execute_async_v3(stream.handle))
        self.assertFalse(context.all_input_dimensions_specified)
        for shape in ((1, 3, 8, 8), (4, 3, 32, 32), (3, 3, 20, 9), (1, 3, 8, 8)):
            self.assertTrue(context.set_input_shape("input", shape))
            self.assertEqual(context.get_tensor_shape("output"), (shape[0], 10))
            x = np.random.default_rng(3).normal(size=shape).astype(np.float32)
            self.near(Buffers(engine, context).run(context, stream, input=x)["output"], models.conv_net_values(weights, x))
        for bad in ((5, 3, 16, 16), (1, 4, 16, 16), (1, 3, 16), (0, 3, 16, 16), (1, 3, 7, 16)):
            self.assertFalse(context.set_input_shape("input", bad), bad)
        self.assertFalse(context.set_input_shape("output", (1, 10)))
        self.assertIn("violates the profile", log.text(trt.Logger.ERROR))
        self.assertTrue(context.set_optimization_profile_async(0, stream.handle))
        self.assertFalse(context.set_optimization_profile_async(1, stream.handle))
        self.assertEqual(context.infer_shapes(), ["input"])

    def test_dynamic_without_a_profile(self):
        model, weights = models.conv_net("batch")
        log = Log()
        engine = engine_of(built(model, log), log)
        self.assertEqual(engine.get_tensor_shape("input"), (1, 3, 16, 16))
        self.assertIn("fixed at 1", log.text(trt.Logger.WARNING))
        context = engine.create_execution_context()
        self.near(Buffers(engine, context).run(context, cuda.Stream(), input=self.x)["output"], models.conv_net_values(weights, self.x))

    def test_profiles_that_do_not_fit(self):
        model, _ = models.conv_net("batch")
        builder, network = parsed(model, self.log)
        profile = builder.create_optimization_profile()
        with self.assertRaises(ValueError):
            profile.set_shape("input", (2, 3, 16, 16), (1, 3, 16, 16), (4, 3, 16, 16))
        with self.assertRaises(ValueError):
            profile.set_shape("input", (2, 3, 16), (1, 3, 16, 16), (4, 3, 16, 16))
        for shapes in (((1, 3, 8, 16), (1, 3, 16, 16), (1, 3, 16, 16)), ((1, 3), (2, 3), (3, 3)), None):
            log = Log()
            builder, network = parsed(model, log)
            config, profile = builder.create_builder_config(), builder.create_optimization_profile()
            if shapes:
                profile.set_shape("input", *shapes)
            config.add_optimization_profile(profile)
            self.assertIsNone(builder.build_serialized_network(network, config))
            self.assertIn("input", log.text(trt.Logger.ERROR))

    def test_data_dependent_outputs(self):
        log = Log()
        engine = engine_of(built(models.nonzero(), log), log)

        class Allocator(trt.IOutputAllocator):
            memory, shape = None, None

            def reallocate_output(self, tensor_name, memory, size, alignment):
                self.memory = cuda.mem_alloc(max(size, 1))
                return int(self.memory)

            def notify_shape(self, tensor_name, shape):
                self.shape = tuple(shape)

        context, allocator, stream = engine.create_execution_context(), Allocator(), cuda.Stream()
        y = cuda.mem_alloc(24)
        context.set_tensor_address("y", int(y))
        self.assertFalse(context.execute_async_v3(stream.handle))
        context.set_output_allocator("where", allocator)
        for x in (np.eye(2, 3, dtype=np.float32), np.ones((2, 3), np.float32), np.zeros((2, 3), np.float32)):
            source = cuda.to_device(x)
            context.set_tensor_address("x", int(source))
            self.assertTrue(context.execute_async_v3(stream.handle), log.lines)
            stream.synchronize()
            wanted = np.array(np.nonzero(x))
            self.assertEqual(allocator.shape, wanted.shape)
            self.assertEqual(context.get_tensor_shape("where"), wanted.shape)
            if wanted.size:
                np.testing.assert_array_equal(cuda.from_device(allocator.memory, wanted.shape, np.int64), wanted)
        room = cuda.mem_alloc(96)
        context.set_output_allocator("where", None)
        context.set_tensor_address("where", int(room))
        source = cuda.to_device(np.eye(2, 3, dtype=np.float32))
        context.set_tensor_address("x", int(source))
        self.assertTrue(context.execute_async_v3(stream.handle))
        np.testing.assert_array_equal(cuda.from_device(room, (2, 2), np.int64), [[0, 1], [0, 1]])

    def test_calibrators(self):
        for base, algorithm in ((trt.IInt8EntropyCalibrator2, None), (trt.IInt8MinMaxCalibrator, None), (trt.IInt8Calibrator, trt.CalibrationAlgoType.MINMAX_CALIBRATION)):
            class Calibrator(base):
                def __init__(self):
                    base.__init__(self)
                    self.left, self.written, self.cache, self.names = 3, None, None, None
                    self.memory = cuda.mem_alloc(4 * 3 * 16 * 16 * 4)

                def get_batch_size(self):
                    return 4

                def get_batch(self, names):
                    self.names = names
                    if self.left == 0:
                        return None
                    self.left -= 1
                    cuda.memcpy_htod(self.memory, np.random.default_rng(self.left).normal(size=(4, 3, 16, 16)).astype(np.float32).tobytes())
                    return [int(self.memory)]

                def read_calibration_cache(self):
                    return self.cache

                def write_calibration_cache(self, cache):
                    self.written = bytes(cache)

            if algorithm is not None:
                Calibrator.get_algorithm = lambda self: algorithm
            builder, network = parsed(self.model, self.log)
            config = builder.create_builder_config()
            config.set_flag(trt.BuilderFlag.INT8)
            calibrator = config.int8_calibrator = Calibrator()
            plan = builder.build_serialized_network(network, config)
            self.assertIsNotNone(plan, self.log.lines[-3:])
            self.assertEqual((calibrator.names, calibrator.left), (["input"], 0))
            self.assertTrue(calibrator.written.startswith(b"TRT-"))
            self.near(sinter.load(plan).infer(self.x)["output"], tolerance=0.05)
            again = config.int8_calibrator = Calibrator()
            again.cache = calibrator.written
            self.assertIsNotNone(builder.build_serialized_network(network, config))
            self.assertEqual((again.left, again.written), (3, None))
        for broken in ("get_batch", "get_batch_size", "read_calibration_cache", "write_calibration_cache"):
            class Broken(Calibrator):
                pass

            def fail(self, *_):
                raise KeyError("broken on purpose")

            setattr(Broken, broken, fail)
            builder, network, log = *parsed(self.model, Log()), None
            log = builder.logger
            config = builder.create_builder_config()
            config.set_flag(trt.BuilderFlag.INT8)
            config.int8_calibrator = Broken()
            self.assertIsNone(builder.build_serialized_network(network, config), broken)
            self.assertIn("broken on purpose", log.text(trt.Logger.ERROR))
        for batch in ([], [1, 2], [0], ["text"]):
            class Wrong(Calibrator):
                def get_batch(self, names, batch=batch):
                    return batch

            config.int8_calibrator = Wrong()
            self.assertIsNone(builder.build_serialized_network(network, config), batch)
        with self.assertRaises(TypeError):
            config.int8_calibrator = 3

    def test_dynamic_ranges(self):
        builder, network = parsed(self.model, self.log)
        config = builder.create_builder_config()
        config.set_flag(trt.BuilderFlag.INT8)
        values = {"input": 4.0, "c1": 6.0, "r1": 6.0, "c2": 8.0, "r2": 8.0, "p": 4.0, "output": 8.0, "f": 4.0}
        for layer in network:
            for index in range(layer.num_outputs):
                tensor = layer.get_output(index)
                self.assertTrue(tensor.set_dynamic_range(-values[tensor.name], values[tensor.name]))
        network.get_input(0).dynamic_range = (-4.0, 4.0)
        plan = builder.build_serialized_network(network, config)
        self.assertIsNotNone(plan)
        self.near(sinter.load(plan).infer(self.x)["output"], tolerance=0.1)

    def test_changes_of_a_network(self):
        builder, network = parsed(self.model, self.log)
        network.get_input(0).name = "picture"
        network.get_output(0).name = "scores"
        network.mark_output(network.get_layer(4).get_output(0))
        plan = builder.build_serialized_network(network, builder.create_builder_config())
        self.assertIsNotNone(plan, self.log.lines[-1:])
        found = sinter.load(plan).infer({"picture": self.x})
        self.near(found["scores"])
        self.assertEqual(found["p"].shape, (1, 16, 1, 1))
        builder, network = parsed(self.model, self.log)
        network.get_input(0).dtype = trt.float16
        network.get_output(0).dtype = trt.float16
        engine = sinter.load(builder.build_serialized_network(network, builder.create_builder_config()))
        self.assertEqual((engine.inputs[0].dtype, engine.outputs[0].dtype), ("f16", "f16"))
        self.near(engine.infer(self.x.astype(np.float16))["output"], tolerance=0.01)
        model, weights = models.conv_net("batch", "size")
        builder, network = parsed(model, self.log)
        network.get_input(0).shape = (2, 3, 16, 16)
        engine = sinter.load(builder.build_serialized_network(network, builder.create_builder_config()))
        self.assertEqual(engine.inputs[0].shape, (2, 3, 16, 16))

    def test_layer_precisions(self):
        builder, network = parsed(self.model, self.log)
        config = builder.create_builder_config()
        config.set_flag(trt.BuilderFlag.FP16)
        config.set_flag(trt.BuilderFlag.OBEY_PRECISION_CONSTRAINTS)
        network.get_layer(0).precision = trt.float32
        network.get_layer(0).set_output_type(0, trt.float32)
        self.assertTrue(network.get_layer(0).precision_is_set)
        self.assertIsNotNone(builder.build_serialized_network(network, config), self.log.lines[-1:])

    def test_timing_cache_memory_and_progress(self):
        seen = []

        class Monitor(trt.IProgressMonitor):
            def phase_start(self, phase_name, parent_phase, num_steps):
                seen.append("start " + phase_name)

            def step_complete(self, phase_name, step):
                seen.append("step")
                return True

            def phase_finish(self, phase_name):
                seen.append("finish " + phase_name)

        builder, network = parsed(self.model, self.log)
        config = builder.create_builder_config()
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, 1 << 28)
        self.assertEqual(config.get_memory_pool_limit(trt.MemoryPoolType.WORKSPACE), 1 << 28)
        config.set_timing_cache(config.create_timing_cache(b""), ignore_mismatch=False)
        config.progress_monitor = Monitor()
        self.assertIsNotNone(builder.build_serialized_network(network, config))
        data = bytes(config.get_timing_cache().serialize())
        self.assertGreater(len(data), 0)
        self.assertIn("step", seen)
        again = builder.create_builder_config()
        again.set_timing_cache(again.create_timing_cache(data), True)
        self.assertIsNotNone(builder.build_serialized_network(network, again))
        Monitor.step_complete = lambda self, phase_name, step: False
        self.assertIsNone(builder.build_serialized_network(network, config))
        for bad in (-1, "1", None, 1.5):
            with self.assertRaises(TypeError):
                config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, bad)

    def test_profiler_and_inspector(self):
        class Times(trt.IProfiler):
            def __init__(self):
                trt.IProfiler.__init__(self)
                self.layers = []

            def report_layer_time(self, layer_name, ms):
                self.layers.append((layer_name, ms))

        context = self.engine.create_execution_context()
        context.profiler = times = Times()
        Buffers(self.engine, context).run(context, cuda.Stream(), input=self.x)
        self.assertTrue(times.layers and all(ms >= 0 for _, ms in times.layers))
        inspector = self.engine.create_engine_inspector()
        facts = json.loads(inspector.get_engine_information(trt.LayerInformationFormat.JSON))
        self.assertEqual(len(facts["Layers"]), self.engine.num_layers)
        self.assertIn("output", inspector.get_engine_information(trt.LayerInformationFormat.ONELINE))
        json.loads(inspector.get_layer_information(0, trt.LayerInformationFormat.JSON))
        with self.assertRaises(IndexError):
            inspector.get_layer_information(1000, trt.LayerInformationFormat.JSON)

    def test_plans(self):
        with self.plan as plan:
            self.assertEqual(len(bytes(plan)), plan.nbytes)
        self.assertEqual(bytes(self.engine.serialize()), bytes(self.plan))
        with tempfile.TemporaryFile() as file:
            file.write(self.plan)
            file.seek(0)
            engine = engine_of(file, self.log)
            self.assertEqual(engine.num_io_tensors, 2)
        meta = json.dumps({"stride": 32, "names": {"0": "person"}}).encode()
        self.assertIsNotNone(engine_of(len(meta).to_bytes(4, "little", signed=True) + meta + bytes(self.plan), self.log))
        rng = np.random.default_rng(1)
        for bad in (b"", b"plan", bytes(self.plan)[:500], bytes(1000), rng.bytes(5000), (5).to_bytes(4, "little") + b"{....", (1 << 30).to_bytes(4, "little") + b"{}"):
            log = Log()
            self.assertIsNone(engine_of(bad, log))
            self.assertTrue(log.text(trt.Logger.ERROR))
        for bad in (None, 3, "text"):
            with self.assertRaises(TypeError):
                engine_of(bad, self.log)

    def test_parser_errors(self):
        log = Log()
        network = trt.Builder(log).create_network()
        parser = trt.OnnxParser(network, log)
        for bad in (b"", b"\x00\x01garbage", self.model[:300], onnx_writer.model("m", [onnx_writer.node("NoSuchOp", ["x"], ["y"])], {}, [("x", [1])], [("y", [1])], 17, "t")):
            parser.clear_errors()
            self.assertFalse(parser.parse(bad))
            self.assertGreater(parser.num_errors, 0)
            self.assertTrue(str(parser.get_error(0)))
            self.assertIsInstance(parser.get_error(0).code(), trt.ErrorCode)
        self.assertFalse(parser.parse_from_file("no/such/file.onnx"))
        self.assertTrue(parser.supports_operator("Conv"))
        self.assertFalse(parser.supports_operator("NoSuchOp"))
        with self.assertRaises(TypeError):
            parser.parse(3)
        with self.assertRaises(TypeError):
            trt.OnnxParser(None, log)
        with self.assertRaises(TypeError):
            trt.Builder(None)
        builder = trt.Builder(log)
        self.assertIsNone(builder.build_serialized_network(builder.create_network(), builder.create_builder_config()))
        with self.assertRaises(TypeError):
            builder.build_serialized_network(None, None)

    def test_refit_says_no(self):
        with self.assertRaises(NotImplementedError):
            trt.Refitter(self.engine, self.log)
        self.assertFalse(self.engine.refittable)

    def test_bad_addresses(self):
        context, stream, log = self.engine.create_execution_context(), cuda.Stream(), self.log
        self.assertFalse(context.execute_async_v3(stream.handle))
        self.assertIn("Address is not set", log.text(trt.Logger.ERROR))
        self.assertFalse(context.set_tensor_address("other", 1))
        for bad in (None, "text", 1.5j):
            with self.assertRaises((TypeError, ValueError)):
                context.set_tensor_address("input", bad)
        small = cuda.mem_alloc(100)
        room = cuda.mem_alloc(4096)
        context.set_tensor_address("input", int(small))
        context.set_tensor_address("output", int(room))
        self.assertFalse(context.execute_async_v3(stream.handle))
        context.set_tensor_address("input", int(room) + 2048)
        self.assertFalse(context.execute_async_v3(stream.handle))
        context.set_tensor_address("input", int(room))
        context.set_tensor_address("output", int(small) + 90)
        self.assertFalse(context.execute_async_v3(stream.handle))
        self.assertEqual(self.engine.get_tensor_mode("nothing"), trt.TensorIOMode.NONE)
        with self.assertRaises(IndexError):
            self.engine.get_tensor_name(7)

    def test_destruction_in_any_order(self):
        import gc
        import itertools
        for order in itertools.permutations(range(5)):
            runtime = trt.Runtime(self.log)
            engine = runtime.deserialize_cuda_engine(bytes(self.plan))
            context, stream = engine.create_execution_context(), cuda.Stream()
            buffers = Buffers(engine, context)
            cuda.memcpy_htod(buffers.device["input"], self.x)
            self.assertTrue(context.execute_async_v3(stream.handle))
            held = [runtime, engine, context, stream, buffers]
            del runtime, engine, context, stream, buffers
            for index in order:
                held[index] = None
                gc.collect()


class Driver(unittest.TestCase):
    def test_copies(self):
        x = np.arange(1000, dtype=np.int32)
        first, second = cuda.to_device(x), cuda.mem_alloc(x.nbytes)
        cuda.memcpy_dtod(second, first, x.nbytes)
        found = np.zeros_like(x)
        cuda.memcpy_dtoh(found, second)
        np.testing.assert_array_equal(found, x)
        cuda.memset_d8(second, 255, 4000)
        cuda.memset_d32(int(second) + 4, 7, 2)
        cuda.memcpy_dtoh(found, second)
        np.testing.assert_array_equal(found[:4], [-1, 7, 7, -1])
        self.assertEqual(int(first) % 256, 0)

    def test_what_is_refused(self):
        memory, x = cuda.mem_alloc(100), np.zeros(26, np.float32)
        for call in (lambda: cuda.memcpy_htod(memory, x), lambda: cuda.memcpy_dtoh(x, memory), lambda: cuda.memcpy_dtod(memory, memory, 101), lambda: cuda.mem_alloc(-1),
                     lambda: cuda.mem_alloc(0), lambda: cuda.memcpy_htod(0, x), lambda: cuda.memcpy_htod(None, x), lambda: cuda.memcpy_htod(memory, None),
                     lambda: cuda.memcpy_dtoh(b"bytes", memory), lambda: cuda.memcpy_htod(memory, x[::2]), lambda: cuda.memset_d8(memory, 0, 101),
                     lambda: cuda.memcpy_htod(memory, np.array([None])), lambda: cuda.pagelocked_empty(-1, np.float32), lambda: cuda.memcpy_htod_async(memory, x[:3], "stream"),
                     lambda: cuda.memcpy_htod(int(memory) + 90, x[:3]), lambda: cuda.Device(5)):
            with self.assertRaises(cuda.Error):
                call()
        with self.assertRaises((cuda.Error, MemoryError)):
            cuda.mem_alloc(1 << 60)
        memory.free()
        for call in (memory.free, lambda: int(memory), lambda: cuda.memcpy_htod(memory, x)):
            with self.assertRaises(cuda.LogicError):
                call()

    def test_pinned_memory_and_events(self):
        pinned = cuda.pagelocked_empty((3, 4), np.float16)
        pinned[:] = 3
        view = pinned[1:]
        del pinned
        self.assertEqual(float(view.sum()), 24)
        self.assertEqual(cuda.pagelocked_zeros(0, np.float32).shape, (0,))
        start, end, stream = cuda.Event(), cuda.Event(), cuda.Stream()
        start.record(stream)
        end.record(stream)
        end.synchronize()
        self.assertGreaterEqual(start.time_till(end), 0)
        with self.assertRaises(cuda.LogicError):
            start.time_till(cuda.Event())
        self.assertGreater(cuda.mem_get_info()[1], 0)
        self.assertTrue(cuda.Device(0).name())
        cuda.Context.synchronize()


if __name__ == "__main__":
    unittest.main()

"""python/sinter: builds, loads, runs, and what is refused."""
import gc
import os
import signal
import tempfile
import threading
import time
import unittest

import models
import numpy as np
import onnx_writer
import sinter


def near(test, found, wanted, tolerance=1e-5):
    test.assertEqual(found.shape, wanted.shape)
    scale = max(float(np.abs(wanted).max()), 1e-30)
    test.assertLess(float(np.abs(found.astype(np.float64) - wanted).max()) / scale, tolerance)


class Running(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model, cls.weights = models.conv_net("batch")
        cls.engine = sinter.load_or_build(cls.model, tf32=False, min_shapes={"input": (1, 3, 16, 16)}, shapes={"input": (2, 3, 16, 16)},
                                          max_shapes={"input": (8, 3, 16, 16)})
        cls.x = np.random.default_rng(1).normal(size=(4, 3, 16, 16)).astype(np.float32)
        cls.wanted = models.conv_net_values(cls.weights, cls.x)

    def test_what_an_engine_says(self):
        info = self.engine.input("input")
        self.assertEqual((info.name, info.dtype, info.shape, info.kind, info.type), ("input", "f32", (-1, 3, 16, 16), "tensor", "f32[batch,3,16,16]"))
        self.assertEqual(info.dim_names, ("batch", "3", "16", "16"))
        self.assertEqual(info.numpy_dtype, np.float32)
        self.assertEqual(self.engine.symbol_range("batch"), (1, 2, 8))
        self.assertIsNone(self.engine.symbol_range("other"))
        self.assertEqual(self.engine.device, "cpu")
        self.assertIn("output", repr(self.engine))
        self.assertIsInstance(self.engine.info(), dict)

    def test_results_for_every_batch(self):
        for batch in (1, 2, 4, 3, 1):
            near(self, self.engine.infer({"input": self.x[:batch]})["output"], self.wanted[:batch])

    def test_strided_and_misaligned_arrays(self):
        flipped = np.ascontiguousarray(self.x[:, :, ::-1])[:, :, ::-1]
        near(self, self.engine.infer({"input": flipped})["output"], self.wanted)
        transposed = np.ascontiguousarray(self.x.transpose(3, 2, 1, 0)).transpose(3, 2, 1, 0)
        near(self, self.engine.infer({"input": transposed})["output"], self.wanted)
        raw = np.zeros(self.x.nbytes + 8, np.uint8)
        for offset in (1, 4):
            view = raw[offset:offset + self.x.nbytes].view(np.float32) if offset == 4 else np.frombuffer(raw.data, np.float32, self.x.size, offset)
            view[:] = self.x.ravel()
            near(self, self.engine.infer({"input": view.reshape(self.x.shape)})["output"], self.wanted)
        spread = np.zeros((8, 3, 16, 16), np.float32)
        spread[::2] = self.x
        near(self, self.engine.infer({"input": spread[::2]})["output"], self.wanted)

    def test_dense_arrays_are_used_in_place(self):
        context = self.engine.create_context()
        x = self.x.copy()
        context.set_input("input", x)
        context.execute()
        near(self, context.output("output"), self.wanted)
        x[:] = 0
        context.execute()
        near(self, context.output("output"), models.conv_net_values(self.weights, x))

    def test_outputs_are_the_callers(self):
        context = self.engine.create_context()
        first = context.infer({"input": self.x})["output"]
        kept = first.copy()
        context.infer({"input": self.x * 2})
        context.execute()
        np.testing.assert_array_equal(first, kept)

    def test_outputs_into_given_arrays(self):
        context = self.engine.create_context()
        out = np.zeros((4, 10), np.float32)
        result = context.infer({"input": self.x}, {"output": out})
        self.assertIs(result["output"], out)
        near(self, out, self.wanted)
        out[:] = 0
        context.set_input("input", self.x)
        context.set_output("output", out)
        context.execute()
        near(self, out, self.wanted)
        for bad in (np.zeros((4, 11), np.float32), np.zeros((4, 10)), np.zeros((4, 20), np.float32)[:, ::2], 3):
            with self.assertRaises(sinter.InvalidArgumentError):
                context.infer({"input": self.x}, {"output": bad})
        out.flags.writeable = False
        with self.assertRaises(sinter.InvalidArgumentError):
            context.set_output("output", out)
        context.set_output("output", np.zeros(3, np.float32))
        context.set_input("input", self.x)
        with self.assertRaisesRegex(sinter.InvalidArgumentError, "output"):
            context.execute()

    def test_streams(self):
        stream, context = sinter.Stream(), self.engine.create_context()
        context.set_input("input", self.x)
        for _ in range(5):
            context.enqueue(stream)
        stream.wait()
        near(self, context.output("output"), self.wanted)
        context.enqueue(stream)
        context.set_input("input", self.x[:1].copy())  # waits
        context.enqueue(stream)
        near(self, context.output("output"), self.wanted[:1])

    def test_a_failure_shows_at_wait(self):
        stream, context = sinter.Stream(), self.engine.create_context()
        context.set_input("input", np.zeros((9, 3, 16, 16), np.float32))
        with self.assertRaisesRegex(sinter.InvalidArgumentError, "9"):
            context.enqueue(stream)
            stream.wait()

    def test_threads_share_an_engine(self):
        failures = []

        def work(seed):
            x = np.random.default_rng(seed).normal(size=(1 + seed % 4, 3, 16, 16)).astype(np.float32)
            wanted = self.engine.create_context(threads=1).infer({"input": x})["output"]
            for _ in range(100):
                if not np.array_equal(self.engine.infer({"input": x})["output"], wanted):
                    failures.append(seed)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def test_threads_that_call_one_context_take_turns(self):
        context = self.engine.create_context()
        failures = []

        def work(batch):
            for _ in range(100):
                found = context.infer({"input": self.x[:batch]})["output"]
                if found.shape != (batch, 10) or np.abs(found - self.wanted[:batch]).max() > 1e-4:
                    failures.append(batch)

        threads = [threading.Thread(target=work, args=(batch,)) for batch in (1, 2, 3, 4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def test_other_threads_run_while_one_waits(self):
        stop, turns = threading.Event(), [0]

        def count():
            while not stop.is_set():
                turns[0] += 1
                time.sleep(0.0005)

        thread = threading.Thread(target=count)
        thread.start()
        sinter.build_to_memory(self.model)
        before = turns[0]
        stop.set()
        thread.join()
        self.assertGreater(before, 3)

    def test_profile(self):
        context = self.engine.create_context(profile=True)
        for _ in range(3):
            context.infer({"input": self.x})
        layers = context.profile()
        self.assertTrue(all(layer["runs"] == 3 for layer in layers))
        self.assertTrue({"layer", "op", "tactic", "total_us", "mean_us"} <= set(layers[0]))
        context.set_profile(False)
        self.assertGreaterEqual(context.threads, 1)
        self.assertGreaterEqual(context.arena_bytes, 0)

    def test_prepare_says_shapes(self):
        context = self.engine.create_context()
        self.assertIsNone(context.output_shape("output"))
        context.prepare({"input": (5, 3, 16, 16)})
        self.assertEqual(context.output_shape("output"), (5, 10))
        with self.assertRaises(sinter.InvalidArgumentError):
            context.execute()  # no data

    def test_dlpack_and_buffers(self):
        near(self, self.engine.infer({"input": memoryview(self.x)})["output"], self.wanted)

        class Foreign:
            def __init__(self, array):
                self.array = array

            def __dlpack__(self, **options):
                return self.array.__dlpack__(**options)

            def __dlpack_device__(self):
                return self.array.__dlpack_device__()

        near(self, self.engine.infer({"input": Foreign(self.x)})["output"], self.wanted)
        near(self, self.engine.infer({"input": Foreign(self.x[:, :, ::-1])})["output"], models.conv_net_values(self.weights, self.x[:, :, ::-1]))
        context = self.engine.create_context()
        context.infer({"input": self.x})
        context.set_input("input", self.x)
        context.execute()
        tensor = context.output_dlpack("output")
        self.assertEqual(tensor.__dlpack_device__(), (1, 0))
        near(self, np.from_dlpack(tensor), self.wanted)
        with self.assertRaises(sinter.InvalidArgumentError):
            tensor.__dlpack__()
        context.output_dlpack("output")  # never taken: freed
        out = np.zeros((4, 10), np.float32)
        context.set_output("output", Foreign(out))
        context.execute()
        near(self, out, self.wanted)


class Types(unittest.TestCase):
    def test_every_type_passes(self):
        cases = [(1, np.float32), (2, np.uint8), (3, np.int8), (4, np.uint16), (5, np.int16), (6, np.int32), (7, np.int64), (9, np.bool_), (10, np.float16),
                 (11, np.float64), (12, np.uint32), (13, np.uint64), (14, np.complex64), (15, np.complex128)]
        for kind, dtype in cases:
            x = (np.arange(12).reshape(3, 4) % 7).astype(dtype)
            engine = sinter.load_or_build(models.identity(kind, (3, 4)))
            found = engine.infer({"x": x})["y"]
            self.assertEqual(found.dtype, np.dtype(dtype))
            np.testing.assert_array_equal(found, x)
            self.assertEqual(engine.inputs[0].numpy_dtype, np.dtype(dtype))

    def test_types_that_numpy_has_not(self):
        for kind, dtype, values in [(16, np.uint16, np.arange(12) * 5000), (17, np.uint8, np.arange(12) * 9), (22, np.int8, np.arange(-6, 6)), (21, np.uint8, np.arange(12)),
                                    (22, np.int8, np.arange(-8, 5))]:
            x = values.astype(dtype)
            engine = sinter.load_or_build(models.identity(kind, x.shape))
            found = engine.infer({"x": x})["y"]
            self.assertEqual(found.dtype, np.dtype(dtype))
            np.testing.assert_array_equal(found, x)
        engine = sinter.load_or_build(models.identity(22, (4,)))
        with self.assertRaisesRegex(sinter.InvalidArgumentError, "8"):
            engine.infer({"x": np.array([1, 2, 8, 3], np.int8)})

    def test_bfloat16_helpers(self):
        x = np.array([[1.0, -2.5, np.inf, np.nan, 1.00390625, 3.4e38, 1e-40]], np.float32)
        bits = sinter.bfloat16_bits(x)
        self.assertEqual(bits.shape, x.shape)
        back = sinter.bfloat16_values(bits)
        self.assertTrue(np.isnan(back[0, 3]))
        np.testing.assert_array_equal(back[0, :3], x[0, :3])
        self.assertEqual(back[0, 4], 1.0)  # a tie goes to even

    def test_strings(self):
        engine = sinter.load_or_build(models.identity(8, (2, 2)))
        x = np.array([["a", "é"], ["", "long text"]], dtype=object)
        for given in (x, x.astype(str), x.tolist()):
            np.testing.assert_array_equal(engine.infer({"x": given})["y"], x)
        with self.assertRaises(sinter.InvalidArgumentError):
            engine.infer({"x": np.array([[1, 2], [3, 4]], dtype=object)})

    def test_other_byte_order_is_refused(self):
        engine = sinter.load_or_build(models.add((4,)))
        with self.assertRaises(sinter.InvalidArgumentError):
            engine.infer({"a": np.zeros(4, ">f4"), "b": np.zeros(4, np.float32)})

    def test_shapes_that_depend_on_data(self):
        engine = sinter.load_or_build(models.nonzero())
        context = engine.create_context()
        for x in (np.eye(2, 3, dtype=np.float32), np.ones((2, 3), np.float32), np.zeros((2, 3), np.float32), -np.eye(2, 3, dtype=np.float32)):
            found = context.infer({"x": x})
            np.testing.assert_array_equal(found["where"], np.array(np.nonzero(x)))
            np.testing.assert_array_equal(found["y"], np.maximum(x, 0))

    def test_sequences_and_optionals(self):
        split = onnx_writer.model("split", [onnx_writer.node("SplitToSequence", ["x"], ["s"], axis=0, keepdims=1),
                                            onnx_writer.node("SequenceLength", ["s"], ["n"])], {}, [("x", [3, 2])], [("n", [], onnx_writer.INT64)], 17, "test")
        self.assertEqual(sinter.load_or_build(split).infer(np.zeros((3, 2), np.float32))["n"], 3)

    def test_numbers_and_lists(self):
        engine = sinter.load_or_build(models.add((2,)))
        np.testing.assert_array_equal(engine.infer({"a": [1, 2], "b": (0.5, 1)})["y"], np.array([1.5, 3], np.float32))


class Building(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "m.onnx")
        self.engine = os.path.join(self.folder.name, "m.engine")
        self.model, self.weights = models.conv_net()
        with open(self.path, "wb") as file:
            file.write(self.model)
        self.x = np.random.default_rng(3).normal(size=(1, 3, 16, 16)).astype(np.float32)

    def test_file_memory_and_model_agree(self):
        cache = os.path.join(self.folder.name, "timing.cache")
        sinter.build(self.path, self.engine, timing_cache=cache, threads=1)
        held = sinter.build_to_memory(self.path, timing_cache=cache, threads=1)
        results = [engine.create_context(threads=1).infer(self.x)["output"] for engine in
                   (sinter.load(self.engine), sinter.load(held), sinter.load(bytes(held)), sinter.load(bytearray(held)), sinter.load_or_build(self.engine))]
        for result in results[1:]:
            np.testing.assert_array_equal(result, results[0])
        self.assertIn("conv", sinter.build_report().lower() + "conv")
        self.assertEqual(len(held), os.path.getsize(self.engine))
        self.assertTrue(memoryview(held).readonly)

    def test_options(self):
        options = sinter.BuildOptions(fp16=True, threads=1)
        self.assertIsInstance(sinter.build_to_memory(self.path, options, tf32=False), sinter.EngineBytes)
        for bad in ({"fp61": True}, {"threads": "many"}, {"shapes": 3}, {"shapes": {"input": 3}}, {"device": "tpu"}, {"fallback": "gpu"}, {"progress": 3},
                    {"calibrator": object()}, {"calib_algorithm": "best", "int8": True}, {"workspace_bytes": -1}, {"timing_cache": 4}):
            with self.assertRaises(sinter.Error, msg=str(bad)):
                sinter.build_to_memory(self.path, **bad)
        for bad in ({"options": 3}, {"model": None}, {"model": 5}):
            with self.assertRaises(sinter.Error, msg=str(bad)):
                sinter.build_to_memory(**{"model": self.path, **bad})

    def test_int8_by_a_calibrator(self):
        class Calibrator(sinter.Calibrator):
            left, seen = 4, None

            def next_batch(self, names):
                type(self).seen = names
                if self.left == 0:
                    return None
                self.left -= 1
                return {"input": np.random.default_rng(self.left).normal(size=(2, 3, 16, 16)).astype(np.float32)}

        cache = os.path.join(self.folder.name, "ranges.cache")
        engine = sinter.load_or_build(self.path, int8=True, calibrator=Calibrator(cache=cache, algorithm="minmax"))
        self.assertEqual(Calibrator.seen, ["input"])
        near(self, engine.infer(self.x)["output"], models.conv_net_values(self.weights, self.x), 0.05)
        self.assertGreater(os.path.getsize(cache), 0)

        class Broken(sinter.Calibrator):
            def next_batch(self, names):
                raise KeyError("no samples")

        with self.assertRaisesRegex(KeyError, "no samples"):
            sinter.build_to_memory(self.path, int8=True, calibrator=Broken())
        for batch in ([], {"other": self.x}, {"input": "text"}, {"input": np.zeros((1, 3, 16, 15), np.float32)}, {"input": np.zeros((1, 3, 16, 16))}, 3):
            class Wrong(sinter.Calibrator):
                def next_batch(self, names, batch=batch):
                    return batch

            with self.assertRaises(sinter.Error, msg=str(batch)[:60]):
                sinter.build_to_memory(self.path, int8=True, calibrator=Wrong())
        with self.assertRaises(NotImplementedError):
            sinter.build_to_memory(self.path, int8=True, calibrator=sinter.Calibrator())
        report = sinter.calibrate(self.path, calibrator=Calibrator(cache=cache))
        self.assertEqual(report["samples"], 8)

    def test_progress_and_cancelling(self):
        seen = []
        sinter.build_to_memory(self.path, progress=lambda phase, done, total: seen.append((phase, done, total)))
        self.assertTrue(seen)
        with self.assertRaises(sinter.CancelledError):
            sinter.build(self.path, self.engine, progress=lambda *_: False)
        self.assertFalse(os.path.exists(self.engine))

        def fail(*_):
            raise ZeroDivisionError("mine")

        with self.assertRaisesRegex(ZeroDivisionError, "mine"):
            sinter.build_to_memory(self.path, progress=fail)

    def test_ctrl_c_stops_a_build(self):
        def interrupt(*_):
            os.kill(os.getpid(), signal.SIGINT)

        # A process started in the background begins with SIGINT ignored.
        self.addCleanup(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, signal.default_int_handler))
        with self.assertRaises(KeyboardInterrupt):
            sinter.build_to_memory(self.path, progress=interrupt)
        sinter.build_to_memory(self.path)  # and the next goes on as ever

    def test_plugins(self):
        folder = os.path.join(os.path.dirname(__file__), "../..", os.environ.get("SINTER_BUILD", "build"), "plugins")
        plugin = os.path.join(folder, "example.so")
        if not os.path.exists(plugin):
            self.skipTest("the example's plugin was not built")
        frame = onnx_writer.node("Frame", ["x"], ["y"], domain="example", size=4, step=2, window="none")
        path = os.path.join(tempfile.mkdtemp(), "frame.onnx")
        with open(path, "wb") as file:
            file.write(onnx_writer.model("g", [frame], {}, [("x", (9,))], [("y", None)], 18, "test", example=1))
        with self.assertRaisesRegex(sinter.NotFoundError, "no such file"):
            sinter.load_plugin(os.path.join(folder, "absent.so"))
        engine = sinter.load_or_build(path, plugins=[plugin], check_plugins=True)
        sinter.load_plugin(plugin)
        x = np.arange(9, dtype=np.float32)
        np.testing.assert_array_equal(engine.infer({"x": x})["y"], np.stack([x[i:i + 4] for i in (0, 2, 4)]))

    def test_log(self):
        lines = []
        sinter.set_log_callback(lambda severity, message: lines.append((severity, message)))
        self.addCleanup(sinter.set_log_callback, None)
        sinter.build_to_memory(self.path, verbose=True, fp16=True, trace_passes=True)
        self.assertTrue(any(severity == "trace" for severity, _ in lines))
        with self.assertRaises(sinter.InvalidArgumentError):
            sinter.set_log_callback(3)

    def test_inspect_and_check(self):
        facts = sinter.inspect(self.path)
        self.assertEqual(facts["inputs"][0]["name"], "input")
        self.assertEqual(sinter.check(self.path)["problems"], [])
        self.assertTrue(sinter.check(onnx_writer.model("bad", [onnx_writer.node("NoSuchOp", ["x"], ["y"])], {}, [("x", [1])], [("y", [1])], 17, "t"))["problems"])

    def test_bad_models(self):
        for model, error in ((b"", sinter.Error), (b"\x00" * 64, sinter.Error), (self.model[:200], sinter.Error),
                             (os.path.join(self.folder.name, "none.onnx"), sinter.NotFoundError), (self.folder.name, sinter.Error)):
            with self.assertRaises(error):
                sinter.build_to_memory(model)
        with self.assertRaises(sinter.Error):
            sinter.build(self.path, os.path.join(self.folder.name, "no", "such", "folder.engine"))


class BadUse(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bytes = bytes(sinter.build_to_memory(models.add()))

    def setUp(self):
        self.engine = sinter.load(self.bytes)
        self.a = np.ones((1, 16), np.float32)

    def test_inputs(self):
        a = self.a
        for bad, error in (({"a": a}, ValueError), ({"a": a, "b": None}, ValueError), ({"a": a, "b": a, "c": a}, LookupError), ({"a": a, "b": a.astype(np.float64)}, ValueError),
                           ({"a": a, "b": a[:, :8]}, ValueError), ({"a": a, "b": a.ravel()}, ValueError), ({1: a, "b": a}, ValueError), (None, ValueError), ([a, a], ValueError),
                           ({"a": a, "b": object()}, ValueError), ({"a": a, "b": {}}, ValueError), ({"a": a, "b": np.array(["x"] * 16).reshape(1, 16)}, ValueError)):
            with self.assertRaises(error, msg=str(bad)[:80]) as caught:
                self.engine.infer(bad)
            self.assertIsInstance(caught.exception, sinter.Error)
            self.assertIn(caught.exception.code, (1, 5))
        np.testing.assert_array_equal(self.engine.infer({"a": a, "b": a})["y"], a + a)

    def test_names_and_numbers(self):
        context = self.engine.create_context()
        for bad in ("c", 2, -1, None, 1.5, b"a", 2**70):
            with self.assertRaises((sinter.Error, OverflowError)):
                context.set_input(bad, self.a)
            with self.assertRaises((sinter.Error, OverflowError)):
                context.output(bad)
        context.set_input(0, self.a)
        with self.assertRaises(sinter.Error):
            context.execute()
        with self.assertRaises(sinter.Error):
            context.output("y")
        with self.assertRaises(sinter.Error):
            context.output_dlpack("y")
        for shape in ((1, -16), (1,), "1x16", 3, (1 << 62, 16), [1.5], tuple([1] * 65)):
            with self.assertRaises((sinter.Error, TypeError)):
                context.prepare({"a": shape})
        with self.assertRaises(sinter.Error):
            context.prepare([1])
        with self.assertRaises(sinter.Error):
            context.enqueue(None)
        with self.assertRaises(sinter.Error):
            context.enqueue_cuda(0)
        with self.assertRaises(sinter.Error):
            context.keep_output_on_device("y")
        for options in ({"threads": -1}, {"threads": 100000}, {"max_shapes": 0}):
            with self.assertRaises(sinter.Error):
                self.engine.create_context(**options)
        with self.assertRaises(sinter.Error):
            sinter.Context(None)
        with self.assertRaises(sinter.Error):
            sinter.Engine(None)

    def test_after_close(self):
        context, stream = self.engine.create_context(), sinter.Stream()
        context.set_input("a", self.a)
        context.set_input("b", self.a)
        context.enqueue(stream)
        self.engine.close()
        context.execute()  # a context keeps what it needs
        stream.close()
        for call in (lambda: self.engine.inputs, lambda: self.engine.infer({}), self.engine.create_context, self.engine.info, lambda: context.enqueue(stream), stream.wait):
            with self.assertRaises(sinter.InvalidArgumentError):
                call()
        context.close()
        context.close()
        self.engine.close()
        stream.close()
        for call in (context.execute, lambda: context.output("y"), context.profile, lambda: context.infer({}), lambda: context.threads, lambda: context.set_input("a", self.a)):
            with self.assertRaises(sinter.InvalidArgumentError):
                call()
        self.assertIn("closed", repr(self.engine))

    def test_destruction_in_any_order(self):
        import itertools
        for order in itertools.permutations(range(4)):
            engine = sinter.load(bytearray(self.bytes))
            context, stream, a = engine.create_context(), sinter.Stream(), self.a.copy()
            context.set_input("a", a)
            context.set_input("b", a)
            context.set_output("y", np.empty_like(a))
            context.enqueue(stream)
            held = [engine, context, stream, a]
            del engine, context, stream, a
            for index in order:
                held[index] = None
                gc.collect()

    def test_garbage_engines(self):
        rng = np.random.default_rng(5)
        for data in (b"", b"S", b"SINTER", self.bytes[:100], self.bytes[:-1], self.bytes[64:], b"\x05\x00\x00\x00{}   " + self.bytes[:50], bytes(1000)):
            with self.assertRaises(sinter.Error):
                sinter.load(data)
        for _ in range(200):
            broken = bytearray(self.bytes)
            for position in rng.integers(0, len(broken), 3):
                broken[position] ^= int(rng.integers(1, 256))
            try:
                sinter.load(broken).infer({"a": self.a, "b": self.a})
            except sinter.Error:
                pass
        for data in (None, 3, "no such file", [1, 2]):
            with self.assertRaises((sinter.Error, TypeError)):
                sinter.load(data)
        with self.assertRaises(sinter.InvalidArgumentError):
            sinter.load(self.bytes, verify="some")

    def test_classes_are_made_by_functions(self):
        import _sinter
        with self.assertRaises(TypeError):
            _sinter.Engine()
        with self.assertRaises(Exception):
            _sinter.Context(None)


if __name__ == "__main__":
    unittest.main()

"""Several optimization profiles: of sinter, and of the tensorrt package."""
import os
import subprocess
import tempfile
import unittest

import numpy as np
import pycuda.autoinit  # noqa: F401
import pycuda.driver as cuda
import tensorrt as trt

import models
import sinter
from test_tensorrt import Buffers, Log, engine_of


def near(array, expected):
    np.testing.assert_allclose(array, expected, rtol=1e-4, atol=1e-4)


class Sinter(unittest.TestCase):
    def test_optimization_profiles(self):
        model, weights = models.conv_net("batch")
        shape = lambda batch: {"input": (batch, 3, 16, 16)}  # noqa: E731
        built = sinter.build_to_memory(model, optimization_profiles=[{"min": shape(1), "opt": shape(1), "max": shape(2)}, {"min": shape(3), "opt": shape(4), "max": shape(9)}])
        engine = sinter.load(built)
        self.assertEqual(engine.optimization_profile_count, 2)
        self.assertEqual([engine.symbol_range("batch", number) for number in (0, 1)], [(1, 1, 2), (3, 4, 9)])
        self.assertEqual(engine.find_optimization_profile(shape(7)), 1)
        with self.assertRaisesRegex(sinter.NotFoundError, "0: 'batch' 1 to 2; 1: 'batch' 3 to 9"):
            engine.find_optimization_profile(shape(10))
        arrays = {batch: np.random.default_rng(batch).normal(size=(batch, 3, 16, 16)).astype(np.float32) for batch in (1, 2, 3, 9)}
        for x in arrays.values():  # the engine's own infer() takes the profile that fits
            np.testing.assert_allclose(engine.infer({"input": x})["output"], models.conv_net_values(weights, x), rtol=1e-4, atol=1e-4)
        context = engine.create_context(optimization_profile=1)
        self.assertEqual(context.optimization_profile, 1)
        context.infer(arrays[9])
        with self.assertRaisesRegex(sinter.InvalidArgumentError, "profile 0 takes these shapes"):
            context.infer(arrays[2])
        context.set_optimization_profile(0)
        context.infer(arrays[2])
        for wrong in (2, -1):
            with self.assertRaises((sinter.InvalidArgumentError, TypeError)):
                context.set_optimization_profile(wrong)
        with self.assertRaises(sinter.InvalidArgumentError):
            engine.create_context(optimization_profile=2)
        for profiles, text in (([{"least": shape(1)}], "expected a dict with 'min', 'opt' and 'max'"), ([{}], "it has no shapes"),
                               ([{"min": shape(4), "max": shape(2)}], "min <= opt <= max"), ([{"opt": "y:1x3x16x16"}], "input 'y' does not exist")):
            with self.assertRaisesRegex(sinter.InvalidArgumentError, text):
                sinter.build_to_memory(model, optimization_profiles=profiles)
        with self.assertRaisesRegex(sinter.InvalidArgumentError, "leave these out"):
            sinter.build_to_memory(model, shapes=shape(1), optimization_profiles=[{"opt": shape(1)}])

    def test_shapes_to_warm(self):
        model, weights = models.conv_net("batch")
        shape = lambda batch: {"input": (batch, 3, 16, 16)}  # noqa: E731
        ends = {"min_shapes": shape(1), "shapes": shape(2), "max_shapes": shape(8)}
        engine = sinter.load(sinter.build_to_memory(model, shapes_to_warm=[shape(5), "input:3x3x16x16"], **ends))
        self.assertEqual(engine.info()["manifest"]["shapes_to_warm"], [[[5, 3, 16, 16]], [[3, 3, 16, 16]]])
        context = engine.create_context()
        self.assertEqual(context.output_shape("output"), (5, 10))  # ready before anything was asked for
        x = np.random.default_rng(4).normal(size=(3, 3, 16, 16)).astype(np.float32)
        near(context.infer(x)["output"], models.conv_net_values(weights, x))
        for wrong, text in (([shape(9)], "lies in none"), (["y:1x3x16x16"], "input 'y' does not exist"), ([3], "expected a dict of shapes")):
            with self.assertRaisesRegex(sinter.InvalidArgumentError, text):
                sinter.build_to_memory(model, shapes_to_warm=wrong, **ends)

    def test_command_line(self):
        tool = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..", os.environ.get("SINTER_BUILD", "build"), "bin", "sinter")
        with tempfile.TemporaryDirectory() as folder:
            model, engine = os.path.join(folder, "net.onnx"), os.path.join(folder, "net.engine")
            with open(model, "wb") as file:
                file.write(models.conv_net("batch")[0])
            run = lambda *words: subprocess.run([tool, *words], capture_output=True, text=True, check=False)  # noqa: E731
            ends = [word for low, best, high in ((1, 1, 2), (3, 6, 8)) for word in
                    ("--min-shapes", f"input:{low}x3x16x16", "--shapes", f"input:{best}x3x16x16", "--max-shapes", f"input:{high}x3x16x16")]
            built = run("build", model, "-o", engine, *ends, "--shapes-to-warm", "input:2x3x16x16", "--shapes-to-warm", "input:7x3x16x16")
            self.assertEqual(built.returncode, 0, built.stderr)
            self.assertEqual(sinter.load(engine).optimization_profile_count, 2)
            for batch, code in ((2, 0), (7, 0), (9, 1)):  # the profile is the one that takes the inputs
                ran = run("run", engine, "--random-inputs", "1", "--shapes", f"input:{batch}x3x16x16")
                self.assertEqual(ran.returncode, code, ran.stderr)
            self.assertIn("none of the engine's optimization profiles takes them: 0: 'batch' 1 to 2; 1: 'batch' 3 to 8", ran.stderr)
            refused = run("build", model, "-o", engine, *ends[:-2])
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn("--max-shapes 1 times", refused.stderr)


class TensorRT(unittest.TestCase):
    def two_profiles(self):
        model, weights = models.conv_net("batch", "size")
        log = Log()
        builder = trt.Builder(log)
        network = builder.create_network(1)
        self.assertTrue(trt.OnnxParser(network, log).parse(model))
        config = builder.create_builder_config()
        for shapes in (((1, 3, 8, 8), (1, 3, 16, 16), (2, 3, 32, 32)), ((3, 3, 8, 8), (6, 3, 16, 16), (8, 3, 40, 40))):
            profile = builder.create_optimization_profile()
            profile.set_shape("input", *shapes)
            config.add_optimization_profile(profile)
        self.assertEqual(config.num_optimization_profiles, 2)
        return engine_of(builder.build_serialized_network(network, config), log), weights, log

    def test_two_profiles(self):
        engine, weights, log = self.two_profiles()
        self.assertEqual(engine.num_optimization_profiles, 2)
        self.assertEqual([tuple(shape) for shape in engine.get_tensor_profile_shape("input", 1)], [(3, 3, 8, 8), (6, 3, 16, 16), (8, 3, 40, 40)])
        self.assertEqual(engine.get_tensor_profile_shape("input", 2), [])
        context, stream = engine.create_execution_context(), cuda.Stream()
        for index, shapes in ((0, ((1, 3, 8, 8), (2, 3, 32, 32))), (1, ((3, 3, 8, 8), (8, 3, 40, 40), (6, 3, 16, 16))), (0, ((2, 3, 9, 11),))):
            self.assertTrue(context.set_optimization_profile_async(index, stream.handle))
            self.assertEqual(context.active_optimization_profile, index)
            self.assertEqual(context.infer_shapes(), ["input"])
            for shape in shapes:
                self.assertTrue(context.set_input_shape("input", shape))
                x = np.random.default_rng(3).normal(size=shape).astype(np.float32)
                near(Buffers(engine, context).run(context, stream, input=x)["output"], models.conv_net_values(weights, x))
        self.assertFalse(context.set_input_shape("input", (6, 3, 16, 16)))
        self.assertIn("dimension 0 is 6, expected 1 to 2 in profile 0; profile 1 takes it", log.text(trt.Logger.ERROR))
        self.assertFalse(context.set_optimization_profile_async(2, stream.handle))
        self.assertFalse(context.set_optimization_profile_async(-1, stream.handle))
        # Two contexts, a profile each.
        other = engine.create_execution_context()
        self.assertTrue(other.set_optimization_profile_async(1, stream.handle))
        x = np.ones((4, 3, 8, 8), np.float32)
        self.assertTrue(other.set_input_shape("input", x.shape))
        near(Buffers(engine, other).run(other, stream, input=x)["output"], models.conv_net_values(weights, x))

    def test_bindings_of_two_profiles(self):
        engine, _, _ = self.two_profiles()
        self.assertEqual(list(engine), ["input", "output", "input [profile 1]", "output [profile 1]"])
        self.assertEqual((len(engine), engine["input [profile 1]"], engine[3]), (4, 2, "output [profile 1]"))

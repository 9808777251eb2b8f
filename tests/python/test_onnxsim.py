"""python/compat/onnxsim."""
import os
import subprocess
import sys
import tempfile
import unittest

import models
import numpy as np
import onnx
import onnx_writer
import onnxsim
import sinter


def clumsy():
    """Work on constants and nodes that do nothing, around one product."""
    weights = {"w": np.eye(4, dtype=np.float32) * 2, "one": np.float32(1).reshape(1), "shape": np.array([2, 2, 2], np.int64), "back": np.array([-1, 4], np.int64)}
    nodes = [onnx_writer.node("Add", ["w", "one"], ["w1"]), onnx_writer.node("MatMul", ["x", "w1"], ["m"]), onnx_writer.node("Identity", ["m"], ["i"]),
             onnx_writer.node("Reshape", ["i", "shape"], ["r"]), onnx_writer.node("Reshape", ["r", "back"], ["y"])]
    return onnx_writer.model("clumsy", nodes, weights, [("x", [2, 4])], [("y", [2, 4])], 17, "test")


class Simplify(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path, self.out = os.path.join(folder.name, "in.onnx"), os.path.join(folder.name, "out.onnx")
        with open(self.path, "wb") as file:
            file.write(clumsy())

    def same(self, model):
        x = np.arange(8, dtype=np.float32).reshape(2, 4)
        np.testing.assert_allclose(sinter.load_or_build(model, tf32=False).infer(x)["y"], x @ (np.eye(4) * 2 + 1), rtol=1e-5)

    def test_function(self):
        for given in (onnx.load(self.path), self.path):
            model, agrees = onnxsim.simplify(given)
            self.assertTrue(agrees)
            self.assertLess(len(model.graph.node), 5)
            onnx.checker.check_model(model)
            self.same(model)
        untouched, _ = onnxsim.simplify(self.path, skip_constant_folding=True, check_n=2)
        self.assertIn("Add", [node.op_type for node in untouched.graph.node])
        fixed, agrees = onnxsim.simplify(onnx.load_from_string(models.conv_net("batch")[0]), overwrite_input_shapes={"input": [2, 3, 16, 16]})
        self.assertTrue(agrees)
        self.assertEqual(fixed.graph.input[0].type.tensor_type.shape.dim[0].dim_value, 2)
        for bad in (None, 3, b""):
            with self.assertRaises(TypeError):
                onnxsim.simplify(bad)
        with self.assertRaises(sinter.Error):
            onnxsim.simplify(os.path.join(self.path, "none"))

    def test_command(self):
        done = subprocess.run([sys.executable, "-m", "onnxsim", self.path, self.out], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("MatMul", done.stdout)
        self.same(self.out)
        failed = subprocess.run([sys.executable, "-m", "onnxsim", self.path + "x", self.out], capture_output=True, text=True)
        self.assertEqual(failed.returncode, 1)
        self.assertIn("onnxsim: ", failed.stderr)

    def test_types_of_inner_values(self):
        model = onnx.shape_inference.infer_shapes(onnx.load(self.path))
        shapes = {info.name: [dim.dim_value for dim in info.type.tensor_type.shape.dim] for info in model.graph.value_info}
        self.assertEqual((shapes["m"], shapes["r"]), ([2, 4], [2, 2, 2]))
        self.assertEqual(sinter.value_types(self.path)["m"], ("f32", (2, 4)))


if __name__ == "__main__":
    unittest.main()

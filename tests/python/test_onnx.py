"""python/compat/onnx and the messages below it."""
import copy
import os
import pickle
import re
import subprocess
import sys
import tempfile
import unittest

import models
import numpy as np
import onnx
import sinter
from onnx import TensorProto, checker, helper, numpy_helper
from sinter import onnx_proto, wire

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def schema_of(text):
    """The schema, in wire.py's form, of the messages of a .proto file."""
    tokens = re.findall(r"[A-Za-z_.0-9]+|[{}=;\[\]\"]", re.sub(r"//[^\n]*", "", text))
    rows, order = {}, []

    def block(i, path, oneof=False):
        while tokens[i] != "}":
            if tokens[i] == "message":
                inner = f"{path}.{tokens[i + 1]}" if path else tokens[i + 1]
                rows[inner] = []
                order.append(inner)
                i = block(i + 3, inner)
            elif tokens[i] == "oneof":
                i = block(i + 3, path, True)
            else:
                mark = "~" if oneof else "*" if tokens[i] == "repeated" else ""
                i += tokens[i] in ("optional", "repeated")
                kind, name, number = tokens[i], tokens[i + 1], tokens[i + 3]
                i += 4
                if tokens[i] == "[":
                    mark, i = "+", i + 5
                rows[path].append((number, mark, kind, name))
                i += 1
        return i + 1

    i = tokens.index("message")
    while i < len(tokens):
        rows[tokens[i + 1]] = []
        order.append(tokens[i + 1])
        i = block(i + 3, tokens[i + 1])

    def full(kind, path):
        parts = path.split(".")
        while parts:
            if ".".join([*parts, kind]) in rows:
                return ".".join([*parts, kind])
            parts.pop()
        return kind

    return "".join(name + ": " + ", ".join(f"{number} {mark}{full(kind, name)} {field}" for number, mark, kind, field in rows[name]) + "\n" for name in order)


class Messages(unittest.TestCase):
    def test_the_schema_is_that_of_the_importer(self):
        with open(os.path.join(ROOT, "src", "onnx", "onnx.proto"), encoding="utf-8") as file:
            self.assertEqual(schema_of(file.read()).strip(), onnx_proto.SCHEMA.strip())

    def test_models_are_written_as_they_were(self):
        for data in (models.conv_net("batch")[0], models.nonzero(), open(os.path.join(ROOT, "examples", "digits", "digits.onnx"), "rb").read()):
            model = onnx.ModelProto.FromString(data)
            again = onnx.ModelProto.FromString(model.SerializeToString())
            self.assertEqual(model, again)
            for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
                self.assertEqual(other, model)
            self.assertIn("node {", str(model))

    def test_presence_oneofs_and_unknown_fields(self):
        dim = onnx.TensorShapeProto.Dimension()
        self.assertIsNone(dim.WhichOneof("value"))
        dim.dim_value = 0
        self.assertEqual((dim.WhichOneof("value"), dim.HasField("dim_value")), ("dim_value", True))
        dim.dim_param = "n"
        self.assertEqual((dim.WhichOneof("value"), dim.dim_value), ("dim_param", 0))
        info = onnx.ValueInfoProto()
        self.assertFalse(info.HasField("type"))
        self.assertEqual(info.type.tensor_type.elem_type, 0)
        self.assertFalse(info.HasField("type"))
        info.type.tensor_type.shape.dim.add().dim_value = 3
        self.assertTrue(info.HasField("type"))
        self.assertEqual(onnx.ValueInfoProto.FromString(info.SerializeToString()).type.tensor_type.shape.dim[0].dim_value, 3)
        unknown = b"\xa2\x06\x03abc" + info.SerializeToString()
        self.assertIn(b"abc", onnx.ValueInfoProto.FromString(unknown).SerializeToString())
        tensor = onnx.TensorProto(int64_data=[-1, 5, 1 << 40], int32_data=[-7], float_data=[0.5], double_data=[0.1], uint64_data=[1 << 63])
        self.assertEqual(onnx.TensorProto.FromString(tensor.SerializeToString()).int64_data, [-1, 5, 1 << 40])
        self.assertEqual(onnx.TensorProto.FromString(tensor.SerializeToString()), tensor)

    def test_what_is_refused(self):
        node = onnx.NodeProto()
        for wrong in (lambda: setattr(node, "name", 3), lambda: setattr(node, "nothing", 3), lambda: setattr(node, "input", []), lambda: node.input.append(3),
                      lambda: node.attribute.append(node), lambda: node.HasField("input"), lambda: onnx.NodeProto(nothing=1), lambda: node.attribute.add(i=1.5),
                      lambda: node.attribute.add(i=1 << 64), lambda: node.CopyFrom(onnx.GraphProto())):
            with self.assertRaises((TypeError, ValueError, AttributeError)):
                wrong()

    def test_garbage(self):
        data, rng = models.conv_net()[0], np.random.default_rng(3)
        for bad in (b"\x08", b"\xff" * 20, data[:50], b"\x3a\xff\xff\xff\xff\x0f", b"\x0b", (b"\x3a\x7f" * 60)):
            with self.assertRaises(wire.DecodeError):
                onnx.load_from_string(bad)
        deep = b""
        for _ in range(200):
            body = b"\x32" + wire._varint(len(deep)) + deep  # attribute.g
            deep = b"\x0a" + wire._varint(len(b"\x2a" + wire._varint(len(body)) + body)) + b"\x2a" + wire._varint(len(body)) + body
        with self.assertRaises(wire.DecodeError):
            onnx.GraphProto.FromString(deep)
        for _ in range(200):
            broken = bytearray(data[:600])
            for position in rng.integers(0, len(broken), 3):
                broken[position] = int(rng.integers(0, 256))
            try:
                str(onnx.load_from_string(bytes(broken)))
            except wire.DecodeError:
                pass


class Functions(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.path = os.path.join(folder.name, "m.onnx")
        self.data, self.weights = models.conv_net("batch")
        with open(self.path, "wb") as file:
            file.write(self.data)

    def test_a_model_is_looked_at(self):
        model = onnx.load(self.path)
        onnx.checker.check_model(model)
        self.assertEqual(model.opset_import[0].version, 17)
        self.assertEqual([d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim], [0, 3, 16, 16])
        self.assertEqual([node.op_type for node in model.graph.node][:2], ["Conv", "Relu"])
        np.testing.assert_array_equal(numpy_helper.to_array(model.graph.initializer[0]), self.weights["w1"])
        self.assertIn("Conv", helper.printable_graph(model.graph))

    def test_models_are_checked(self):
        checker.check_model(self.path)
        model = onnx.load(self.path)
        model.graph.node[0].op_type = "NoSuchOp"
        with self.assertRaisesRegex(checker.ValidationError, "NoSuchOp"):
            checker.check_model(model)
        model.graph.node[0].op_type = "Conv"
        del model.graph.node[1].input[0]
        with self.assertRaises(checker.ValidationError):
            checker.check_model(model)
        for bad in (None, 3):
            with self.assertRaises(TypeError):
                checker.check_model(bad)
        with self.assertRaises(FileNotFoundError):
            onnx.load(os.path.join(self.folder, "none.onnx"))

    def test_a_model_is_made(self):
        w = np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32)
        graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("LeakyRelu", ["m"], ["y"], alpha=0.5, name="leak")], "g",
                                  [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])], [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
                                  [numpy_helper.from_array(w, "w")])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        onnx.save(model, self.path)
        x = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)
        wanted = np.where(x @ w > 0, x @ w, 0.5 * (x @ w))
        for engine in (sinter.load_or_build(self.path), sinter.load_or_build(onnx.load(self.path))):
            np.testing.assert_allclose(engine.infer({"x": x})["y"], wanted, rtol=1e-2, atol=1e-2)
        self.assertEqual(helper.get_attribute_value(model.graph.node[1].attribute[0]), 0.5)

    def test_arrays(self):
        for dtype in (np.float32, np.float16, np.int8, np.uint16, np.int64, np.bool_, np.float64, np.complex64):
            x = (np.arange(6).reshape(2, 3) % 5).astype(dtype)
            np.testing.assert_array_equal(numpy_helper.to_array(numpy_helper.from_array(x)), x)
        np.testing.assert_array_equal(numpy_helper.to_array(numpy_helper.from_array(np.array(["a", "ü"], dtype=object))), ["a", "ü"])
        halves = onnx.TensorProto(data_type=TensorProto.FLOAT16, dims=[2], int32_data=[0x3C00, 0xC000])
        np.testing.assert_array_equal(numpy_helper.to_array(halves), [1, -2])
        self.assertEqual(numpy_helper.to_array(helper.make_tensor("t", TensorProto.INT64, [], [5])), 5)
        with self.assertRaises(TypeError):
            numpy_helper.to_array(onnx.TensorProto(data_type=TensorProto.INT4, dims=[2]))

    def test_external_data(self):
        model = onnx.load(self.path)
        onnx.save(model, self.path, save_as_external_data=True, location="weights.bin", size_threshold=0)
        self.assertLess(os.path.getsize(self.path), 1500)
        again = onnx.load(self.path)
        np.testing.assert_array_equal(numpy_helper.to_array(again.graph.initializer[2]), self.weights[again.graph.initializer[2].name])
        self.assertTrue(onnx.load(self.path, load_external_data=False).graph.initializer[0].data_location)
        x = np.zeros((1, 3, 16, 16), np.float32)
        np.testing.assert_array_equal(sinter.load_or_build(self.path, threads=1).infer(x)["output"].shape, (1, 10))
        for location in ("../m.onnx", "/etc/hostname"):
            bad = onnx.load(self.path, load_external_data=False)
            bad.graph.initializer[0].external_data[0].value = location
            with self.assertRaises(ValueError):
                onnx.external_data_helper.load_external_data_for_model(bad, self.folder)

    def test_an_installed_package_comes_first(self):
        package = os.path.join(self.folder, "onnx")
        os.makedirs(package)
        for name, text in (("__init__.py", "from . import checker, defs\nWHO = 'installed'\nIR_VERSION = 7\n"
                            "class Opset:\n    domain, version = '', 99\nclass M:\n    ir_version = 99\n    opset_import = [Opset]\n    def SerializeToString(self):\n        return DATA\n"),
                           ("checker.py", "class ValidationError(Exception):\n    pass\ndef check_model(model):\n    raise ValidationError('too new')\n"),
                           ("defs.py", "def onnx_opset_version():\n    return 12\n")):
            with open(os.path.join(package, name), "w", encoding="utf-8") as file:
                file.write(text)
        text = f"import onnx\nprint(onnx.WHO)\nonnx.DATA = open({self.path!r}, 'rb').read()\nonnx.checker.check_model(onnx.M())\nprint('checked')\n"
        environment = {**os.environ, "PYTHONPATH": os.environ["PYTHONPATH"] + os.pathsep + self.folder}
        out = subprocess.run([sys.executable, "-c", text], env=environment, capture_output=True, text=True)
        self.assertEqual(out.stdout.split(), ["installed", "checked"], out.stderr)
        own = subprocess.run([sys.executable, "-c", "import onnx; print(hasattr(onnx, 'WHO'))"], env={**environment, "SINTER_ONNX": "own"}, capture_output=True, text=True)
        self.assertEqual(own.stdout.strip(), "False", own.stderr)


if __name__ == "__main__":
    unittest.main()
